//! What goes wrong outside must not go wrong inside: each bad request gets its own status, and the daemon goes on.

use crate::sandbox;
use amend_tests::Daemon;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

fn chat(changes: &Value) -> Value {
    let mut body = json!({"model": "default", "temperature": 0,
        "messages": [{"role": "user", "content": "What is the capital of France?"}]});
    for (name, value) in changes.as_object().expect("changes are an object") {
        body[name] = value.clone();
    }
    body
}

async fn unharmed(daemon: &Daemon) {
    assert_eq!(daemon.ask("What is the capital of France?").await.unwrap(), "Paris");
}

/// Sends raw bytes on a connection of their own; gives the status line of the answer.
async fn raw(daemon: &Daemon, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(daemon.address().trim_start_matches("http://")).await.unwrap();
    // The daemon may answer and close before it has read everything: that is the point of a limit.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_request_gets_its_own_status_and_names_the_field() {
    let daemon = sandbox(&[]).start().await.unwrap();
    for (changes, status, param) in [
        (json!({"max_tokens": -1}), 400, "max_tokens"),
        (json!({"max_tokens": "many"}), 400, "max_tokens"),
        (json!({"temperature": 3}), 400, "temperature"),
        (json!({"top_p": 0}), 400, "top_p"),
        (json!({"n": 0}), 400, "n"),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), 400, "stop"),
        (json!({"messages": []}), 400, "messages"),
        (json!({"messages": [{"role": "wizard", "content": "x"}]}), 400, "messages[0].role"),
        (json!({"audio": {"voice": "x", "format": "wav"}}), 400, "audio"),
        (json!({"model": "no-such-model"}), 404, "model"),
    ] {
        let answer = daemon.post("/v1/chat/completions", &chat(&changes)).await.unwrap();
        assert_eq!(answer.status, status, "{changes}: {}", answer.body);
        assert_eq!(answer.body["error"]["param"], param, "{changes}: {}", answer.body);
        assert!(!answer.header("x-request-id").is_empty());
    }
    assert!(raw(&daemon, &post("/v1/chat/completions", b"{not json")).await.contains(" 400 "));
    assert!(
        raw(&daemon, &post("/v1/chat/completions", b"{\"model\": \"\xff\xfe\"}")).await.contains(" 400 ")
    );
    let rebound =
        raw(&daemon, b"GET /v1/models HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
    assert!(rebound.contains(" 421 "), "{rebound}");
    assert_eq!(daemon.get("/nowhere").await.unwrap().status, 404);
    assert_eq!(daemon.get("/v1/feedback").await.unwrap().status, 405);
    assert_eq!(daemon.delete("/v1/edits/none").await.unwrap().status, 404);
    assert_eq!(daemon.post("/v1/edits", &json!({"text": ""})).await.unwrap().status, 400);
    unharmed(&daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_and_fifty_megabytes_are_refused_in_bounded_memory() {
    let daemon = sandbox(&[]).start().await.unwrap();
    unharmed(&daemon).await;
    let before = daemon.resident_bytes().unwrap();
    let many: Vec<Value> = (0..10_000).map(|_| json!({"role": "user", "content": "hello"})).collect();
    let answer = daemon.post("/v1/chat/completions", &chat(&json!({"messages": many}))).await.unwrap();
    assert_eq!((answer.status, &answer.body["error"]["param"]), (400, &json!("messages")), "{}", answer.body);
    let huge = vec![b' '; 50 << 20];
    for _ in 0..4 {
        assert!(raw(&daemon, &post("/v1/chat/completions", &huge)).await.contains(" 413 "));
    }
    let grown = daemon.resident_bytes().unwrap().saturating_sub(before);
    assert!(grown < 64 << 20, "the daemon grew by {} MB", grown >> 20);
    unharmed(&daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_do_not_keep_others_out() {
    let daemon = sandbox(&[]).start().await.unwrap();
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(daemon.address().trim_start_matches("http://")).await.unwrap();
        stream.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-drip").await.unwrap();
        slow.push(stream);
    }
    unharmed(&daemon).await;
    let mut first = slow.remove(0);
    let mut answer = Vec::new();
    let closed = timeout(Duration::from_secs(45), first.read_to_end(&mut answer)).await;
    assert!(closed.is_ok(), "a head that never ends must be cut off");
    unharmed(&daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_clients_on_a_queue_of_64_are_served_or_told_to_come_back() {
    let daemon = Arc::new(sandbox(&["--queue", "64"]).start().await.unwrap());
    let clients: Vec<_> = (0..500)
        .map(|_| {
            let daemon = Arc::clone(&daemon);
            tokio::spawn(async move { daemon.post("/v1/chat/completions", &chat(&json!({}))).await.unwrap() })
        })
        .collect();
    let (mut served, mut refused) = (0, 0);
    for client in clients {
        let answer = client.await.unwrap();
        match answer.status {
            200 => {
                assert_eq!(answer.body["choices"][0]["message"]["content"], "Paris");
                served += 1;
            }
            429 => {
                assert!(answer.header("retry-after").parse::<u64>().is_ok(), "429 says when to come back");
                refused += 1;
            }
            other => panic!("status {other}: {}", answer.body),
        }
    }
    assert_eq!(served + refused, 500);
    assert!(served >= 64, "what fits into the queue is served, not only {served}");
    assert_eq!(daemon.metric("amend_requests_waiting").await.unwrap(), 0.0);
    assert_eq!(daemon.metric("amend_requests_running").await.unwrap(), 0.0);
    unharmed(&daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_generation() {
    let daemon = sandbox(&[]).start().await.unwrap();
    let body =
        chat(&json!({"stream": true, "max_tokens": 1000, "logit_bias": {"2": -100}, "temperature": 1}));
    let mut answer = daemon.http().post(daemon.url("/v1/chat/completions")).json(&body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.chunk().await.unwrap().is_some());
    drop(answer);
    let mut polls = tokio::time::interval(Duration::from_millis(5));
    let idle = async {
        while daemon.metric("amend_requests_running").await.unwrap() != 0.0 {
            polls.tick().await;
        }
    };
    timeout(Duration::from_secs(20), idle).await.expect("the generation ends soon after its client is gone");
    unharmed(&daemon).await;
}
