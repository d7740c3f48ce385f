//! Jobs and revisions over HTTP.

use super::Bench;
use crate::revisions::Candidate;
use amend_proto::{
    JobId, RevisionId,
    testing::ScriptedModel,
    wire::{JobKind, RevisionProvenance},
};
use axum::body::Body;
use futures::StreamExt;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

async fn bench() -> Bench {
    Bench::new(ScriptedModel::echo()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_is_shown_promoted_only_by_force_and_rolled_back() {
    let bench = bench().await;
    let run = bench._data.path().join("run");
    std::fs::create_dir_all(run.join("model")).unwrap();
    let candidate = Candidate {
        id: RevisionId::new("sha256:00ff").unwrap(),
        provenance: RevisionProvenance {
            sources: vec!["a file".to_owned()],
            ..RevisionProvenance::default()
        },
    };
    bench.learning.revisions.register(candidate, &run).await.unwrap();
    let list = bench.get("/v1/revisions").await.json();
    assert_eq!((&list["live"], &list["data"][0]["id"]), (&json!("scripted-1"), &json!("sha256:00ff")));
    let first = bench.get("/v1/revisions?limit=1").await.json();
    assert_eq!((&first["has_more"], &first["next"]), (&json!(true), &json!("sha256:00ff")));
    let second = bench.get("/v1/revisions?limit=1&after=sha256:00ff").await.json();
    assert_eq!((&second["has_more"], &second["data"][0]["id"]), (&json!(false), &json!("scripted-1")));
    let shown = bench.get("/v1/revisions/sha256:00ff").await.json();
    assert_eq!(
        (&shown["state"], &shown["provenance"]["sources"][0]),
        (&json!("candidate"), &json!("a file"))
    );

    let promote = "/v1/revisions/sha256:00ff/promote";
    let refused = bench.post(promote, json!({})).await;
    assert_eq!(refused.error(), "409 invalid_request_error conflict force");
    assert!(refused.text.contains("no gate has let it through"), "{}", refused.text);
    let stale = json!({"force": true, "expected_live": "sha256:00ff"});
    assert_eq!(bench.post(promote, stale).await.error(), "409 invalid_request_error conflict expected_live");
    let wrong = bench.post(promote, json!({"forced": true})).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    assert_eq!(bench.send(Request::post(promote).body(Body::empty()).unwrap()).await.status, 415);
    let done = bench.post(promote, json!({"force": true, "expected_live": "scripted-1"})).await.json();
    assert_eq!((&done["from"], &done["to"]), (&json!("scripted-1"), &json!("sha256:00ff")));
    assert_eq!(bench.post("/v1/revisions/sha256:00ff/retire", json!({})).await.status, 409);
    let back = bench.post("/v1/revisions/rollback", json!({})).await.json();
    assert_eq!((&back["from"], &back["to"]), (&json!("sha256:00ff"), &json!("scripted-1")));
    assert_eq!(bench.post("/v1/revisions/rollback", json!({})).await.status, 409);
    let retired = bench.post("/v1/revisions/sha256:00ff/retire", json!({})).await.json();
    assert_eq!(retired["state"], "retired");
    assert_eq!(bench.get("/v1/revisions/none").await.error(), "404 invalid_request_error not_found -");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_begun_listed_watched_and_called_off() {
    let bench = bench().await;
    let begun = bench.post("/v1/jobs", json!({"kind": "bmc", "max_steps": 2, "seed": 9})).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(begun.json()["config"]["recipe"]["seed"], 9);
    let wrong = bench.post("/v1/jobs", json!({"kind": "bmc", "learning_rate": -1.0})).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    assert_eq!(
        bench.post("/v1/jobs", json!({"kind": "dream"})).await.error(),
        "400 invalid_request_error invalid_value kind"
    );
    let listed = bench.get("/v1/jobs").await.json();
    assert_eq!((&listed["data"][0]["id"], &listed["data"][0]["state"]), (&json!(id), &json!("queued")));

    let path = format!("/v1/jobs/{id}/events");
    let request = Request::get(&path).body(Body::empty()).unwrap();
    let response = bench.router.clone().oneshot(request).await.unwrap();
    let mut frames = response.into_body().into_data_stream();
    let mut next = async || {
        let frame = frames.next().await.map(|frame| String::from_utf8(frame.unwrap().into()).unwrap());
        frame.map(|text| {
            let data = text.split_once("data: ").expect("an event").1.trim();
            serde_json::from_str::<Value>(data).unwrap()["state"].clone()
        })
    };
    assert_eq!(next().await, Some(json!("queued")));
    let cancelled = bench.post(&format!("/v1/jobs/{id}/cancel"), json!({})).await.json();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(next().await, Some(json!("cancelled")));
    assert_eq!(next().await, None, "it ends with the job");
    assert_eq!(bench.post(&format!("/v1/jobs/{id}/cancel"), json!({})).await.status, 409);
    let unknown = JobId::fresh();
    assert_eq!(bench.get(&format!("/v1/jobs/{unknown}")).await.status, 404);
    assert_eq!(bench.get(&format!("/v1/jobs/{unknown}/events")).await.status, 404);
    let job = bench.learning.jobs.newest(JobKind::Bmc).await.unwrap().unwrap();
    assert_eq!(job.id.as_str(), id);
}
