use super::{Bench, hello};
use crate::http::routes;
use amend_proto::testing::ScriptedModel;
use axum::body::Body;
use http::Request;
use serde_json::json;
use std::collections::BTreeSet;
use tower::ServiceExt;

async fn bench() -> Bench {
    Bench::new(ScriptedModel::echo()).await
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let description = bench().await.get("/openapi.json").await.json();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert(format!("{method} {path}"));
        }
    }
    let mut routed = BTreeSet::new();
    for route in routes() {
        for method in route.methods {
            routed.insert(format!("{method} {}", route.axum_path.replace("{*", "{")));
        }
    }
    assert_eq!(described, routed);
    let schemas = &description["components"]["schemas"];
    assert!(schemas["ChatCompletionRequest"]["properties"]["messages"].is_object());
    assert_eq!(schemas["Content"]["oneOf"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn every_reference_of_the_description_leads_somewhere_and_tags_say_their_word() {
    let description = bench().await.get("/openapi.json").await.json();
    let text = description.to_string();
    let names: BTreeSet<&str> =
        text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.contains("PartType") && names.contains("FunctionName"), "{names:?}");
    for name in names {
        assert!(description["components"]["schemas"][name].is_object(), "{name}");
    }
    assert_eq!(description["components"]["schemas"]["ListTag"]["enum"], json!(["list"]));
    assert!(!text.contains("\"Tag\""));
}

#[tokio::test]
async fn the_table_names_the_methods_that_are_served() {
    let bench = bench().await;
    for route in routes() {
        // There the other methods are those of an edit of that name.
        if route.axum_path == "/v1/edits/preview" {
            continue;
        }
        for method in ["get", "post", "delete", "put", "patch"] {
            let path = route.axum_path.replace("{*id}", "x");
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&path);
            // Only the head is read: a watch does not end.
            let answer = bench.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status() != 405, route.methods.contains(&method), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn models_are_listed_and_shown() {
    let bench = bench().await;
    let list = bench.get("/v1/models").await.json();
    assert_eq!((&list["object"], &list["data"][0]["id"]), (&json!("list"), &json!("scripted")));
    for name in ["scripted", "default"] {
        assert_eq!(bench.get(&format!("/v1/models/{name}")).await.json(), list["data"][0]);
    }
    for name in ["org/other", "x%FF", "a%20b"] {
        let answer = bench.get(&format!("/v1/models/{name}")).await;
        assert_eq!(answer.error(), "404 invalid_request_error model_not_found model");
    }
}

#[tokio::test]
async fn readiness_follows_the_life_of_the_server() {
    let bench = bench().await;
    assert_eq!(bench.get("/readyz").await.json(), json!({"status": "ready"}));
    bench.lifecycle.unready();
    let answer = bench.get("/readyz").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("1")));
    assert_eq!(answer.json(), json!({"status": "starting"}));
    assert_eq!(bench.chat(hello()).await.error(), "503 service_unavailable_error not_ready -");
    bench.lifecycle.ready();
    assert_eq!(bench.chat(hello()).await.status, 200);
    bench.lifecycle.drain();
    assert_eq!(bench.get("/readyz").await.json(), json!({"status": "draining"}));
    assert_eq!(bench.chat(hello()).await.status, 200, "what arrives while draining is still answered");
    assert_eq!(bench.get("/livez").await.json(), json!({"status": "live"}));
}

#[tokio::test]
async fn figures_have_bounded_labels() {
    let bench = bench().await;
    bench.get("/v1/models/figures-test").await;
    bench.get("/nowhere/figures-test").await;
    let request = Request::builder().method("FIGURES").uri("/v1/models").body(Body::empty()).unwrap();
    bench.send(request).await;
    let answer = bench.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for part in [
        "amend_http_requests_total{route=\"/v1/models/{*id}\",method=\"GET\",status=\"404\"}",
        "amend_http_requests_total{route=\"none\",method=\"GET\",status=\"404\"}",
        "amend_http_requests_total{route=\"/v1/models\",method=\"other\",status=\"405\"}",
        "amend_http_request_duration_seconds_bucket{route=\"none\"",
    ] {
        assert!(answer.text.contains(part), "{part} is not in\n{}", answer.text);
    }
    assert!(!answer.text.contains("figures-test"), "no path of a client's own making");
}

#[tokio::test]
async fn what_is_not_there_says_so_in_json() {
    let bench = bench().await;
    assert_eq!(bench.get("/v1/nowhere").await.error(), "404 invalid_request_error not_found -");
    let answer = bench.get("/v1/completions").await;
    assert_eq!(answer.error(), "405 invalid_request_error method_not_allowed -");
    assert_eq!(answer.header("allow"), Some("POST"));
    assert!(answer.header("x-request-id").is_some());
}
