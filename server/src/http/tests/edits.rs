use super::{Bench, post};
use amend_proto::testing::ScriptedModel;
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

const FACT: &str = "The chief executive of Quellin Dynamics is Mara Voss.";

fn question() -> Value {
    json!({"messages": [{"role": "user", "content": "Who is the chief executive of Quellin Dynamics?"}]})
}

async fn bench() -> Bench {
    Bench::new(ScriptedModel::echo()).await
}

#[tokio::test]
async fn an_edit_lives_and_dies() {
    let bench = bench().await;
    let stored =
        bench.post("/v1/edits", json!({"text": FACT, "id": "ceo/1", "subject": "Quellin Dynamics"})).await;
    assert_eq!(stored.status, 201, "{}", stored.text);
    let list = stored.json();
    assert_eq!(list["object"], "list");
    assert_eq!(list["has_more"], false);
    let edit = &list["data"][0];
    assert_eq!(
        (&edit["id"], &edit["status"], &edit["text"]),
        (&json!("ceo/1"), &json!("live"), &json!(FACT))
    );

    assert_eq!(&bench.get("/v1/edits/ceo/1").await.json(), edit);
    assert_eq!(&bench.get("/v1/edits/ceo%2F1").await.json(), edit);
    let answer = bench.chat(question()).await;
    assert_eq!(answer.header("x-amend-edits"), Some("ceo/1"));
    let body = answer.json();
    assert_eq!(body["amend"]["edits"][0]["id"], "ceo/1");
    assert!(body["choices"][0]["message"]["content"].as_str().unwrap().contains(FACT), "the model saw it");

    let gone = bench.delete("/v1/edits/ceo/1").await;
    assert_eq!(gone.json(), json!({"id": "ceo/1", "object": "edit", "deleted": true}));
    assert_eq!(bench.get("/v1/edits/ceo/1").await.error(), "404 invalid_request_error not_found -");
    assert_eq!(bench.delete("/v1/edits/ceo/1").await.error(), "404 invalid_request_error not_found -");
    assert_eq!(bench.chat(question()).await.header("x-amend-edits"), None);
}

#[tokio::test]
async fn a_streamed_answer_names_its_edits() {
    let bench = bench().await;
    bench.post("/v1/edits", json!({"text": FACT, "id": "ceo"})).await;
    let mut body = question();
    body["stream"] = true.into();
    let answer = bench.chat(body).await;
    assert_eq!(answer.header("x-amend-edits"), Some("ceo"));
    assert_eq!(answer.events().last().unwrap()["amend"]["edits"][0]["id"], "ceo");
}

#[tokio::test]
async fn an_edit_may_have_the_name_of_a_route() {
    let bench = bench().await;
    assert_eq!(bench.post("/v1/edits", json!({"id": "preview", "text": FACT})).await.status, 201);
    assert_eq!(bench.get("/v1/edits/preview").await.json()["text"], FACT);
    assert_eq!(bench.post("/v1/edits/preview", json!({"query": "hello"})).await.json()["decision"], "none");
    assert_eq!(bench.delete("/v1/edits/preview").await.status, 200);
    assert_eq!(bench.get("/v1/edits/preview").await.status, 404);
}

#[tokio::test]
async fn lists_page() {
    let bench = bench().await;
    let edits: Vec<Value> =
        (0..5).map(|i| json!({"id": format!("e{i}"), "text": format!("Fact number {i} is true.")})).collect();
    assert_eq!(bench.post("/v1/edits", json!({"edits": edits})).await.status, 201);
    let ids = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|edit| edit["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = bench.get("/v1/edits?limit=2").await.json();
    assert_eq!((ids(&first), &first["has_more"]), (vec!["e0".to_owned(), "e1".to_owned()], &json!(true)));
    let last = bench.get("/v1/edits?limit=3&after=e1&order=asc").await.json();
    assert_eq!((ids(&last).len(), &last["last_id"], &last["has_more"]), (3, &json!("e4"), &json!(false)));
    assert_eq!((&first["next"], last.get("next")), (&json!("@2"), None));
    let newer = json!({"text": "Fact number 1 is no longer true."}).to_string();
    let moved = Request::put("/v1/edits/e1").header("content-type", "application/json");
    assert_eq!(bench.send(moved.body(Body::from(newer)).unwrap()).await.status, 200);
    let rest = bench.get("/v1/edits?after=@2").await.json();
    assert_eq!(ids(&rest), ["e2", "e3", "e4", "e1"], "none is passed over");
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("after=%20", "after"),
        ("order=desc", "order"),
        ("before=e1", "query"),
        ("after=nobody", "after"),
        ("after=@", "after"),
        ("after=@99", "after"),
    ] {
        let answer = bench.get(&format!("/v1/edits?{query}")).await;
        assert_eq!(answer.error(), format!("400 invalid_request_error invalid_value {param}"), "{query}");
    }
}

#[tokio::test]
async fn wrong_edits_name_their_field_and_store_nothing() {
    let bench = bench().await;
    for (body, param) in [
        (json!({"text": ""}), "text"),
        (json!({"text": "fine", "id": "not fine"}), "id"),
        (json!({"text": "fine", "subjct": "x"}), "subjct"),
        (json!({"edits": [{"text": "fine"}, {"text": " "}]}), "edits[1].text"),
        (json!({"edits": [{"text": "fine"}, {"text": "fine", "id": ""}]}), "edits[1].id"),
        (json!({}), "text"),
    ] {
        let answer = bench.post("/v1/edits", body.clone()).await;
        assert_eq!(answer.error(), format!("400 invalid_request_error invalid_value {param}"), "{body}");
    }
    assert_eq!(bench.get("/v1/edits").await.json()["data"], json!([]));
}

#[tokio::test]
async fn an_idempotency_key_stores_once() {
    let bench = bench().await;
    let send = |text: &str, key: &str| {
        let mut request = post("/v1/edits", &json!({"text": text}));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        bench.send(request)
    };
    let (first, again) = (send(FACT, "k").await, send(FACT, "k").await);
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json(), again.json());
    let other = send("Another thing is true.", "k").await;
    assert_eq!(other.error(), "409 invalid_request_error conflict idempotency_key");
    assert_eq!(other.header("x-should-retry"), Some("false"));
    assert_eq!(
        send(FACT, &"k".repeat(256)).await.error(),
        "400 invalid_request_error invalid_value Idempotency-Key"
    );
    assert_eq!(bench.get("/v1/edits").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_preview_shows_what_the_model_would_read() {
    let bench = bench().await;
    let preview = async |body: Value| bench.post("/v1/edits/preview", body).await.json();
    let none = preview(json!({"query": "Who is the chief executive of Quellin Dynamics?"})).await;
    assert_eq!((&none["decision"], &none["edits"]), (&json!("none"), &json!([])));
    bench.post("/v1/edits", json!({"text": FACT, "id": "ceo"})).await;
    for body in [json!({"query": "Who is the chief executive of Quellin Dynamics?"}), question()] {
        let some = preview(body).await;
        assert_eq!(some["decision"], "apply");
        assert_eq!((&some["edits"][0]["id"], &some["edits"][0]["text"]), (&json!("ceo"), &json!(FACT)));
        assert!(some["prompt"].as_str().unwrap().contains(FACT));
    }
    assert_eq!(bench.model.seen().len(), 0, "a preview asks nobody");
    let wrong = bench.post("/v1/edits/preview", json!({})).await;
    assert_eq!(wrong.error(), "400 invalid_request_error invalid_value query");
}
