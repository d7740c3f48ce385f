use super::{Bench, HttpLimits, hello};
use amend_proto::testing::ScriptedModel;
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::Request;
use serde_json::{Value, json};
use std::{convert::Infallible, time::Duration};

fn request(body: impl Into<Body>) -> Request<Body> {
    Request::post("/v1/chat/completions")
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

fn long(bytes: usize) -> Value {
    json!({"messages": [{"role": "user", "content": "x".repeat(bytes)}]})
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_unread() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let never_read = stream::once(async { panic!("the body was read") as Result<Bytes, Infallible> });
    let mut request = request(Body::from_stream(never_read));
    request.headers_mut().insert("content-length", (50_000_000).into());
    let answer = bench.send(request).await;
    assert_eq!(answer.error(), "413 invalid_request_error request_too_large -");
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_refused_when_it_is() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from(vec![b' '; 100_000])));
    let answer = bench.send(request(Body::from_stream(endless))).await;
    assert_eq!(answer.error(), "413 invalid_request_error request_too_large -");
}

#[tokio::test]
async fn a_large_body_within_the_limit_is_answered() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let answer = bench.chat(long(1_000_000)).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"].as_str().map(str::len), Some(1_000_000));
    let pieces = long(100_000).to_string().into_bytes();
    let pieces: Vec<_> =
        pieces.chunks(10_000).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
    assert_eq!(bench.send(request(Body::from_stream(stream::iter(pieces)))).await.status, 200);
}

#[tokio::test]
async fn large_bodies_share_a_bounded_memory() {
    let limits = HttpLimits {
        max_buffered_bytes: 1 << 10,
        body_timeout: Duration::from_millis(20),
        ..HttpLimits::default()
    };
    let bench = Bench::with(ScriptedModel::echo(), limits).await;
    assert_eq!(bench.chat(long(100_000)).await.error(), "429 rate_limit_error queue_full -");
    assert_eq!(bench.chat(long(1_000)).await.status, 200, "a small one needs no share");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408() {
    let limits = HttpLimits { body_timeout: Duration::from_millis(5), ..HttpLimits::default() };
    let bench = Bench::with(ScriptedModel::echo(), limits).await;
    let silent = stream::pending::<Result<Bytes, Infallible>>();
    let answer = bench.send(request(Body::from_stream(silent))).await;
    assert_eq!(answer.error(), "408 timeout_error request_timeout -");
}

#[tokio::test]
async fn what_is_not_json_is_told_apart() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    for (body, expected) in [
        (&b"{\"messages\": "[..], "400 invalid_request_error invalid_value -"),
        (b"{\"model\": \"\xff\"}", "400 invalid_request_error invalid_value -"),
        (b"", "400 invalid_request_error invalid_value -"),
    ] {
        assert_eq!(bench.send(request(body.to_vec())).await.error(), expected);
    }
    for declared in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let mut request = request(hello().to_string());
        request.headers_mut().remove("content-type");
        if let Some(declared) = declared {
            request.headers_mut().insert("content-type", declared.parse().unwrap());
        }
        assert_eq!(bench.send(request).await.error(), "415 invalid_request_error unsupported_media_type -");
    }
    let mut with_charset = request(hello().to_string());
    with_charset.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().unwrap());
    assert_eq!(bench.send(with_charset).await.status, 200);
}

#[tokio::test]
async fn ten_thousand_messages_are_refused() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let messages = vec![json!({"role": "user", "content": "x"}); 10_000];
    let answer = bench.chat(json!({"messages": messages})).await;
    assert_eq!(answer.error(), "400 invalid_request_error invalid_value messages");
}
