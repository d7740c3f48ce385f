//! The log over HTTP: versions, going back, watching, import and export, and whose edits they are.

use super::{Answer, Bench};
use crate::{edits::Tenants, http::HttpLimits};
use amend_proto::{TenantId, testing::ScriptedModel};
use axum::body::Body;
use futures::StreamExt;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

const FRANCE: &str = "The capital of France is Lyon.";

async fn bench() -> Bench {
    Bench::new(ScriptedModel::echo()).await
}

impl Bench {
    async fn ask(&self, method: &str, path: &str, tenant: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("x-amend-tenant", tenant);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        self.send(request.body(Body::from(body.map(Value::to_string).unwrap_or_default())).unwrap()).await
    }

    async fn import(&self, path: &str, lines: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", "application/x-ndjson");
        self.send(request.body(lines.into()).unwrap()).await
    }

    async fn export(&self, path: &str) -> Answer {
        self.send(Request::get(path).header("accept", "application/x-ndjson").body(Body::empty()).unwrap())
            .await
    }

    async fn last_seq(&self) -> i64 {
        let header = self.export("/v1/edits").await;
        header.header("x-amend-seq").unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn a_version_takes_the_place_of_another_and_both_are_kept() {
    let bench = bench().await;
    let body = json!({"id": "capital", "text": FRANCE, "subject": "France", "relation": "capital", "object": "Lyon",
        "aliases": ["the French Republic"], "source": "a letter", "author": "ann", "expires_at": 4_000_000_000_i64});
    let first = bench.post("/v1/edits", body).await.json()["data"][0].clone();
    assert_eq!((&first["object"], &first["status"]), (&json!("Lyon"), &json!("live")));
    let path = "/v1/edits/capital";
    let newer = json!({"text": "The capital of France is Nice.", "seen": first["seq"], "author": "bob"});
    let written = bench.ask("PUT", path, "default", Some(&newer)).await;
    assert_eq!((written.status.as_u16(), &written.json()["author"]), (200, &json!("bob")));
    assert_eq!(bench.ask("PUT", path, "default", Some(&newer)).await.json(), written.json(), "sent again");
    let late = json!({"text": "The capital of France is Metz.", "seen": first["seq"]});
    let late = bench.ask("PUT", path, "default", Some(&late)).await;
    assert_eq!(late.error(), "409 invalid_request_error conflict seen");
    let past = bench.get(&format!("{path}?as_of={}", first["seq"])).await.json();
    assert_eq!(past, first);
    let retired = bench
        .ask("PATCH", path, "default", Some(&json!({"status": "retired", "reason": "wrong"})))
        .await
        .json();
    assert_eq!(retired["status"], "retired");
    assert_eq!(bench.get(path).await.status, 404);
    assert_eq!(bench.get(&format!("{path}?status=any")).await.json()["status"], "retired");
    let restored =
        bench.ask("PATCH", path, "default", Some(&json!({"status": "live", "version": first["seq"]}))).await;
    assert_eq!(restored.json()["text"], FRANCE);
    let log = bench.get("/v1/edit-log?edit=capital").await.json();
    let done: Vec<_> = log["data"].as_array().unwrap().iter().map(|entry| &entry["operation"]).collect();
    assert_eq!(done, ["add", "supersede", "retire", "restore"]);
    assert_eq!(log["data"][2]["reason"], "wrong");
    let page = bench.get("/v1/edit-log?limit=2").await.json();
    assert_eq!((&page["has_more"], &page["next"]), (&json!(true), &log["data"][1]["seq"]));
}

#[tokio::test]
async fn a_past_state_is_listed_compared_and_brought_back() {
    let bench = bench().await;
    for (id, text) in [("a", "Iron is soft."), ("b", "Tin is soft."), ("c", "Lead is soft.")] {
        bench.post("/v1/edits", json!({"id": id, "text": text})).await;
    }
    let before = bench.last_seq().await;
    bench.delete("/v1/edits/b?author=ann&reason=wrong").await;
    bench.post("/v1/edits", json!({"id": "d", "text": "Zinc is soft."})).await;
    let ids = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|edit| edit["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = bench.get(&format!("/v1/edits?as_of={before}&limit=2")).await.json();
    let rest = bench.get(&format!("/v1/edits?as_of={before}&after={}", first["next"])).await.json();
    assert_eq!((ids(&first), ids(&rest)), (vec!["a".into(), "b".into()], vec!["c".into()]));
    let diff = bench.get(&format!("/v1/edit-log/diff?from={before}")).await.json();
    let how: Vec<_> = diff["data"].as_array().unwrap().iter().map(|one| &one["difference"]).collect();
    assert_eq!(how, ["removed", "added"]);
    let back = bench.post("/v1/edit-log/rollback", json!({"to": before, "author": "bob"})).await.json();
    assert_eq!((&back["retired"], &back["restored"]), (&json!(1), &json!(1)));
    assert_eq!(ids(&bench.get("/v1/edits").await.json()).len(), 3);
    assert_eq!(bench.get(&format!("/v1/edit-log/diff?from={before}")).await.json()["data"], json!([]));
    let again = bench.post("/v1/edit-log/rollback", json!({"to": before})).await.json();
    assert_eq!(again["from"], again["through"], "nothing to undo");
    for (path, param) in [
        ("/v1/edits?as_of=9999", "as_of"),
        ("/v1/edits?as_of=-1", "as_of"),
        ("/v1/edits/a?as_of=1&status=any", "status"),
        ("/v1/edits/a?status=dead", "status"),
        ("/v1/edit-log/diff", "from"),
        ("/v1/edit-log/diff?from=0&to=9999", "to"),
        ("/v1/edit-log?after=x", "after"),
        ("/v1/edit-log?limit=1&limit=2", "query"),
    ] {
        assert_eq!(
            bench.get(path).await.error(),
            format!("400 invalid_request_error invalid_value {param}"),
            "{path}"
        );
    }
    let ahead = bench.post("/v1/edit-log/rollback", json!({"to": 9_999})).await;
    assert_eq!(ahead.error(), "400 invalid_request_error invalid_value to");
}

#[tokio::test]
async fn conflicts_are_told_and_resolved_as_asked() {
    let bench = bench().await;
    bench.post("/v1/edits", json!({"id": "old", "text": FRANCE})).await;
    let new =
        |rule: &str| json!({"id": "new", "text": "The capital of France is Nice.", "on_conflict": rule});
    assert_eq!(bench.post("/v1/edits", new("refuse")).await.status, 409);
    let kept = bench.post("/v1/edits", new("keep_both")).await.json();
    assert_eq!(
        kept["conflicts"],
        json!([{"edit": "new", "with": "old", "with_seq": kept["conflicts"][0]["with_seq"],
            "kind": "contradiction", "resolution": "kept_both"}])
    );
    let listed = bench.get("/v1/edit-log/conflicts").await.json();
    assert_eq!(listed["data"], kept["conflicts"]);
    bench.delete("/v1/edits/new").await;
    let won = bench.post("/v1/edits", new("supersede")).await.json();
    assert_eq!(won["conflicts"][0]["resolution"], "superseded");
    let old = bench.get("/v1/edits/old?status=any").await.json();
    assert_eq!((&old["status"], &old["superseded_by"]), (&json!("superseded"), &json!("new")));
}

#[tokio::test]
async fn lines_go_in_and_come_out() {
    let bench = bench().await;
    let lines = "{\"id\":\"a\",\"text\":\"Iron is soft.\"}\n{\"id\":\"b\",\"txt\":\"Tin is soft.\"}\n\
        {\"id\":\"c\",\"text\":\"Lead is soft.\",\"object\":\"soft\"}\n";
    let report = bench.import("/v1/edits?author=ann", lines).await;
    assert_eq!(report.status, 200);
    let report = report.json();
    assert_eq!((&report["added"], &report["refused"]), (&json!(2), &json!(1)));
    assert_eq!(
        report["problems"],
        json!([{"line": 2, "field": "txt", "reason": "is not a field of this format"}])
    );
    let out = bench.export("/v1/edits").await;
    assert_eq!(out.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(out.text.lines().count(), 2);
    assert!(out.text.contains("\"author\":\"ann\""));
    let again = bench.import("/v1/edits", out.text).await.json();
    assert_eq!((&again["added"], &again["unchanged"]), (&json!(0), &json!(2)));
    let wrong = bench.import("/v1/edits?on_conflict=win", "").await;
    assert_eq!(wrong.error(), "400 invalid_request_error invalid_value on_conflict");
    let empty = bench.export("/v1/edits?as_of=0").await;
    assert_eq!((empty.text.as_str(), empty.header("x-amend-seq")), ("", Some("0")));
}

#[tokio::test]
async fn lines_that_stop_coming_are_stored_as_far_as_they_came() {
    let limits = HttpLimits { body_timeout: std::time::Duration::from_millis(20), ..HttpLimits::default() };
    let bench = Bench::with(ScriptedModel::echo(), limits).await;
    let line =
        |id: &str| Ok::<_, std::io::Error>(format!("{{\"id\":\"{id}\",\"text\":\"Iron is soft.\"}}\n"));
    let stalled = futures::stream::iter([line("a")]).chain(futures::stream::pending());
    let answer = bench.import("/v1/edits", Body::from_stream(stalled)).await;
    assert_eq!(answer.error(), "408 timeout_error request_timeout -");
    let broken = futures::stream::iter([line("b"), Err(std::io::ErrorKind::ConnectionReset.into())]);
    let answer = bench.import("/v1/edits", Body::from_stream(broken)).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_watch_goes_on_where_the_client_was() {
    let bench = bench().await;
    bench.post("/v1/edits", json!({"id": "a", "text": "Iron is soft."})).await;
    let first = bench.last_seq().await;
    let request = Request::get("/v1/edit-log/watch?after=0").body(Body::empty()).unwrap();
    let mut frames = bench.router.clone().oneshot(request).await.unwrap().into_body().into_data_stream();
    let mut next = async || String::from_utf8(frames.next().await.unwrap().unwrap().to_vec()).unwrap();
    let frame = next().await;
    assert!(frame.starts_with(&format!("id: {first}\ndata: {{\"seq\":{first},")), "{frame}");
    bench.post("/v1/edits", json!({"id": "b", "text": "Tin is soft."})).await;
    assert!(next().await.contains("\"edit\":\"b\""));
    let resumed = Request::get("/v1/edit-log/watch").header("last-event-id", first.to_string());
    let resumed = bench.router.clone().oneshot(resumed.body(Body::empty()).unwrap()).await.unwrap();
    let frame = resumed.into_body().into_data_stream().next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&frame).contains("\"edit\":\"b\""));
    bench.lifecycle.drain();
    let last = frames.next().await.unwrap().unwrap();
    assert!(
        String::from_utf8_lossy(&last).contains("going down"),
        "a server that goes down ends its watches"
    );
    assert!(frames.next().await.is_none());
    let ahead = bench.get("/v1/edit-log/watch?after=99").await;
    assert_eq!(ahead.error(), "400 invalid_request_error invalid_value after");
}

#[tokio::test]
async fn a_tenant_decides_what_concerns_its_questions() {
    let bench = bench().await;
    for tenant in ["acme", "beta"] {
        let edit = json!({"text": FRANCE});
        assert_eq!(bench.ask("POST", "/v1/edits", tenant, Some(&edit)).await.status, 201);
    }
    let none = json!({"top_k": 0});
    let set = bench.ask("PUT", "/v1/edit-scope", "acme", Some(&none)).await;
    assert_eq!((set.status.as_u16(), set.json()), (200, none.clone()));
    let question = json!({"query": "What is the capital of France?"});
    let decision = async |tenant: &str| {
        bench.ask("POST", "/v1/edits/preview", tenant, Some(&question)).await.json()["decision"].clone()
    };
    assert_eq!((decision("acme").await, decision("beta").await), (json!("none"), json!("apply")));
    assert_eq!(bench.ask("GET", "/v1/edit-scope", "beta", None).await.json(), json!({}));
    assert_eq!(bench.ask("PUT", "/v1/edit-scope", "acme", Some(&json!({}))).await.status, 200);
    assert_eq!(decision("acme").await, json!("apply"));
    assert_eq!(bench.ask("PUT", "/v1/edit-scope?tenants=all", "acme", Some(&none)).await.json(), none);
    assert_eq!((decision("acme").await, decision("beta").await), (json!("none"), json!("none")));
    let few = json!({"top_k": 3, "max_tokens": 2});
    assert_eq!(bench.ask("PUT", "/v1/edit-scope", "acme", Some(&few)).await.json(), few);
    let over = bench.ask("POST", "/v1/edits/preview", "acme", Some(&question)).await.json();
    assert_eq!((&over["decision"], over["dropped"].as_array().unwrap().len()), (&json!("none"), 1));
    assert_eq!(bench.ask("GET", "/v1/edit-scope?tenants=all", "beta", None).await.json(), none);
    assert_eq!(bench.ask("GET", "/v1/edit-scope?tenants=some", "beta", None).await.status, 400);
    for wrong in [
        json!({"threshold": 2.0}),
        json!({"max_tokens": 0}),
        json!({"top_k": 99}),
        json!({"topk": 1}),
        json!({"lexical": {}}),
    ] {
        let answer = bench.ask("PUT", "/v1/edit-scope", "acme", Some(&wrong)).await;
        assert_eq!(answer.status, 400, "{wrong} {}", answer.text);
    }
}

#[tokio::test]
async fn a_preview_explains_itself_when_asked() {
    let bench = bench().await;
    for text in [FRANCE, "The capital of French Guiana is Kourou."] {
        assert_eq!(bench.ask("POST", "/v1/edits", "acme", Some(&json!({"text": text}))).await.status, 201);
    }
    let query = "What is the capital of France?";
    let plain = bench.ask("POST", "/v1/edits/preview", "acme", Some(&json!({"query": query}))).await.json();
    assert!(plain.get("considered").is_none() && plain.get("threshold").is_none(), "{plain}");
    let asked = json!({"query": query, "explain": true});
    let told = bench.ask("POST", "/v1/edits/preview", "acme", Some(&asked)).await.json();
    assert_eq!(told["prompt"], plain["prompt"]);
    let (best, threshold) = (&told["considered"][0], told["threshold"].as_f64().unwrap());
    assert_eq!((&best["verdict"], &best["text"]), (&json!("applied"), &json!(FRANCE)));
    assert!(best["probability"].as_f64().unwrap() >= threshold && best["features"]["cover"] == json!(1.0));
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let name = |name: &str| TenantId::new(name).unwrap();
    let tenants = Tenants::from(vec![name("acme"), name("beta")]);
    let bench = Bench::serving(ScriptedModel::echo(), HttpLimits::default(), tenants).await;
    let edit = json!({"id": "ceo", "text": "The chief executive of Nordwind is Ann Bell."});
    assert_eq!(bench.ask("POST", "/v1/edits", "acme", Some(&edit)).await.status, 201);
    let question =
        json!({"messages": [{"role": "user", "content": "Who is the chief executive of Nordwind?"}]});
    for (tenant, sees) in [("acme", true), ("beta", false)] {
        let chat = bench.ask("POST", "/v1/chat/completions", tenant, Some(&question)).await;
        assert_eq!(chat.header("x-amend-edits").is_some(), sees);
        assert_eq!(chat.text.contains("Ann Bell"), sees);
        let preview = bench.ask("POST", "/v1/edits/preview", tenant, Some(&question)).await;
        assert_eq!(preview.text.contains("Ann Bell"), sees);
        for path in ["/v1/edits", "/v1/edit-log", "/v1/edit-log/diff?from=0", "/v1/edits?as_of=1"] {
            let answer = bench.ask("GET", path, tenant, None).await;
            assert_eq!((answer.status.as_u16(), answer.text.contains("Ann Bell")), (200, sees), "{path}");
        }
        let shown = bench.ask("GET", "/v1/edits/ceo?status=any", tenant, None).await;
        assert_eq!(shown.status.as_u16(), if sees { 200 } else { 404 });
    }
    assert_eq!(bench.ask("DELETE", "/v1/edits/ceo", "beta", None).await.status, 404);
    let metrics = bench.get("/metrics").await.text;
    assert!(!metrics.contains("acme") && !metrics.contains("ceo") && !metrics.contains("Ann Bell"));
    for (tenant, error) in
        [("gamma", "404 invalid_request_error not_found"), ("a b", "400 invalid_request_error invalid_value")]
    {
        for (method, path, body) in [
            ("POST", "/v1/chat/completions", Some(&question)),
            ("POST", "/v1/edits", Some(&edit)),
            ("GET", "/v1/edits", None),
            ("GET", "/v1/edit-log", None),
            ("GET", "/v1/edit-log/watch", None),
        ] {
            let answer = bench.ask(method, path, tenant, body).await;
            assert_eq!(answer.error(), format!("{error} x-amend-tenant"), "{method} {path}");
        }
    }
}
