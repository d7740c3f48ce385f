//! The routes of preferences.

use super::*;
use serde_json::json;

fn stored(n: u64) -> Value {
    let mut body = hello_with("store", true);
    body["n"] = n.into();
    body["user"] = "ann".into();
    body
}

#[tokio::test]
async fn an_answer_is_kept_when_it_is_asked_for_and_feedback_finds_it() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let plain = bench.chat(hello()).await.json();
    assert_eq!(plain["amend"].get("kept"), None);
    let path = |answer: &Value| format!("/v1/chat/completions/{}", answer["id"].as_str().unwrap());
    assert_eq!(bench.get(&path(&plain)).await.error(), "404 invalid_request_error not_found -");
    let answer = bench.chat(stored(1)).await.json();
    assert_eq!(answer["amend"]["kept"], true);
    let kept = bench.get(&path(&answer)).await.json();
    for field in ["id", "object", "created", "model", "system_fingerprint", "choices", "usage"] {
        assert_eq!(kept[field], answer[field], "{field}");
    }
    assert_eq!((&kept["user"], &kept["messages"]), (&json!("ann"), &hello()["messages"]));
    let said = json!({"completion_id": answer["id"], "correction": "Well met."});
    let done = bench.post("/v1/feedback", said.clone()).await;
    assert_eq!(done.status, StatusCode::CREATED);
    let pair = &done.json()["preferences"][0];
    assert_eq!((&pair["chosen"], &pair["source"]), (&json!("Well met."), &json!("correction")));
    assert_eq!((&pair["completion_id"], &pair["messages"]), (&answer["id"], &hello()["messages"]));
    let listed = bench.get("/v1/preferences").await.json();
    assert_eq!((&listed["data"][0], &listed["has_more"]), (pair, &json!(false)));
    let gone = bench.delete("/v1/chat/completions?user=ann").await.json();
    assert_eq!((&gone["completions"], &gone["feedback"], &gone["pairs"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(bench.post("/v1/feedback", said).await.error(), "404 invalid_request_error not_found -");
}

#[tokio::test]
async fn a_streamed_answer_is_kept_before_its_last_event() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let mut body = stored(2);
    body["stream"] = true.into();
    let events = bench.chat(body).await.events();
    let id = events[0]["id"].as_str().unwrap();
    assert_eq!(events.last().unwrap()["amend"]["kept"], true);
    let kept = bench.get(&format!("/v1/chat/completions/{id}")).await.json();
    let text = |index: usize| -> String {
        let choices = events.iter().filter_map(|event| event["choices"].get(0));
        let own = choices.filter(|choice| choice["index"] == index);
        own.filter_map(|choice| choice["delta"]["content"].as_str()).collect()
    };
    for index in 0..2 {
        assert!(!text(index).is_empty());
        assert_eq!(kept["choices"][index]["message"]["content"], text(index));
    }
}

#[tokio::test]
async fn a_tenant_keeps_all_and_a_request_may_refuse() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    assert_eq!(bench.get("/v1/preference-settings").await.json(), json!({"keep": "asked"}));
    let all = Request::put("/v1/preference-settings").header("content-type", "application/json");
    let all = all.body(Body::from(json!({"keep": "all"}).to_string())).unwrap();
    assert_eq!(bench.send(all).await.json(), json!({"keep": "all"}));
    assert_eq!(bench.chat(hello()).await.json()["amend"]["kept"], true);
    assert_eq!(bench.chat(hello_with("store", false)).await.json()["amend"].get("kept"), None);
    let listed = bench.get("/v1/chat/completions?limit=1").await.json();
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["has_more"]), (1, &json!(false)));
    let wrong = Request::put("/v1/preference-settings").header("content-type", "application/json");
    let wrong = wrong.body(Body::from(json!({"keep": "some"}).to_string())).unwrap();
    assert_eq!(bench.send(wrong).await.error(), "400 invalid_request_error invalid_value keep");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let answer = bench.chat(stored(1)).await.json();
    let id = answer["id"].clone();
    let text = answer["choices"][0]["message"]["content"].clone();
    for (body, error) in [
        (
            json!({"prompt": "Where?", "chosen": "a", "rejected": " a"}),
            "400 invalid_request_error invalid_value chosen",
        ),
        (
            json!({"prompt": "", "chosen": "a", "rejected": "b"}),
            "400 invalid_request_error invalid_value prompt[0].content",
        ),
        (
            json!({"prompt": "Where?", "chosen": "", "rejected": "b"}),
            "400 invalid_request_error invalid_value chosen",
        ),
        (
            json!({"prompt": "Where?", "chosen": "a", "rejected": "x".repeat(70_000)}),
            "400 invalid_request_error invalid_value rejected",
        ),
        (json!({"prompt": "Where?", "chosen": "a"}), "400 invalid_request_error invalid_value rejected"),
        (
            json!({"completion_id": "chatcmpl-none", "chosen": "a", "rejected": "b"}),
            "404 invalid_request_error not_found -",
        ),
    ] {
        assert_eq!(bench.post("/v1/preferences", body.clone()).await.error(), error, "{body}");
    }
    for (body, error) in [
        (
            json!({"completion_id": id, "correction": text}),
            "400 invalid_request_error invalid_value correction",
        ),
        (json!({"completion_id": id, "choice": 0}), "400 invalid_request_error invalid_value choice"),
        (
            json!({"completion_id": id, "thumb": "up", "answer": 1}),
            "400 invalid_request_error invalid_value answer",
        ),
        (json!({"completion_id": id, "rating": 6}), "400 invalid_request_error invalid_value rating"),
    ] {
        assert_eq!(bench.post("/v1/feedback", body.clone()).await.error(), error, "{body}");
    }
    for path in ["/v1/preferences?limit=0", "/v1/preferences?limit=101"] {
        assert_eq!(bench.get(path).await.error(), "400 invalid_request_error invalid_value limit");
    }
    assert_eq!(
        bench.get("/v1/preferences?after=x").await.error(),
        "400 invalid_request_error invalid_value after"
    );
    assert_eq!(
        bench.delete("/v1/chat/completions").await.error(),
        "400 invalid_request_error invalid_value user"
    );
    assert_eq!(
        bench.delete("/v1/preferences/pair-none").await.error(),
        "404 invalid_request_error not_found -"
    );
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let send = |body: Value| {
        let mut request = post("/v1/preferences", &body);
        request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        bench.send(request)
    };
    let wanted = json!({"prompt": "Where is Tarn?", "chosen": "In the north.", "rejected": "Nowhere."});
    let first = send(wanted.clone()).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(send(wanted.clone()).await.json(), first.json());
    let other = send(json!({"prompt": "Where?", "chosen": "Here.", "rejected": "There."})).await;
    assert_eq!(other.error(), "409 invalid_request_error conflict Idempotency-Key");
    assert_eq!(bench.get("/v1/preferences").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_and_go_in_both_containers() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let lines = "{\"prompt\": \"Where is Tarn?\", \"chosen\": \"In the north.\", \"rejected\": \"Nowhere.\"}\n{\"prompt\"\n";
    let send = |content_type: &str, body: Body| {
        let request = Request::post("/v1/preferences").header("content-type", content_type);
        bench.send(request.body(body).unwrap())
    };
    let report = send("application/x-ndjson", lines.into()).await;
    assert_eq!(report.status, StatusCode::OK);
    let report = report.json();
    assert_eq!(
        (&report["added"], &report["refused"], &report["problems"][0]["line"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let fetch = async |accept: &str, query: &str| {
        let request = Request::get(format!("/v1/preferences{query}")).header("accept", accept);
        let response = bench.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-amend-left-out"], "0");
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap()
    };
    let parquet = fetch("application/vnd.apache.parquet", "").await;
    assert!(parquet.starts_with(b"PAR1"));
    let plain = fetch("application/x-ndjson", "?format=trl_plain").await;
    let plain: Value = serde_json::from_slice(&plain).unwrap();
    assert_eq!(plain, json!({"prompt": "Where is Tarn?", "chosen": "In the north.", "rejected": "Nowhere."}));
    let own = fetch("application/x-ndjson", "").await;
    assert!(serde_json::from_slice::<Value>(&own).unwrap()["provenance"]["tenant"] == "default");
    let report = send("application/vnd.apache.parquet", parquet.into()).await.json();
    assert_eq!((&report["added"], &report["unchanged"]), (&json!(0), &json!(1)));
    let broken = send("application/vnd.apache.parquet", "PAR1".into()).await;
    assert_eq!(broken.error(), "400 invalid_request_error invalid_value body");
    let wrong = Request::get("/v1/preferences?format=csv").header("accept", "application/x-ndjson");
    let wrong = bench.send(wrong.body(Body::empty()).unwrap()).await;
    assert_eq!(wrong.error(), "400 invalid_request_error invalid_value format");
}
