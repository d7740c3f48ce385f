use super::{Bench, hello_with};
use crate::http::{Drained, ServeLimits, serve};
use amend_proto::testing::{Script, ScriptedModel};
use serde_json::Value;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

struct Server {
    bench: Bench,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<Drained>>,
}

impl Server {
    async fn start(model: ScriptedModel, limits: ServeLimits) -> Self {
        let bench = Bench::new(model).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (router, lifecycle) = (bench.router.clone(), bench.lifecycle.clone());
        let shutdown = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve(listener, router, lifecycle, limits, shutdown));
        Self { bench, address, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a chat request and leaves the connection open.
    async fn ask(&self, body: &Value) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(&request(body)).await.unwrap();
        stream
    }

    async fn stop(self) -> Drained {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap()
    }
}

fn request(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn held() -> ScriptedModel {
    ScriptedModel::new(|_| Script::Hold("late".to_owned()))
}

async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut got = String::new();
    let mut buffer = [0; 4096];
    while !got.contains(text) {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the connection ended before {text:?} came:\n{got}");
        got.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    got
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    // A reset after the answer is the end of it as well.
    let _ = stream.read_to_end(&mut got).await;
    String::from_utf8_lossy(&got).into_owned()
}

/// Waits until the state of things is as it should be; the test's own time limit ends it otherwise.
async fn eventually(mut is_so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "it did not come to pass");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let server = Server::start(ScriptedModel::echo(), ServeLimits::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(&request(&super::hello())).await.unwrap();
        assert!(read_until(&mut stream, "well met again").await.starts_with("HTTP/1.1 200 OK"));
    }
    assert_eq!(server.stop().await, Drained { cut: 0 });
}

#[tokio::test]
async fn a_client_that_leaves_cancels_streamed_or_not() {
    let server = Server::start(held(), ServeLimits::default()).await;
    for stream in [true, false] {
        let connection = server.ask(&hello_with("stream", stream)).await;
        eventually(|| server.bench.model.running() == 1).await;
        drop(connection);
        eventually(|| server.bench.model.running() == 0 && server.bench.lifecycle.in_flight() == 0).await;
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let endless = ScriptedModel::new(|_| Script::Say("word ".repeat(1_000_000)));
    let limits = ServeLimits { write_stall: Duration::from_millis(50), ..ServeLimits::default() };
    let server = Server::start(endless, limits).await;
    let connection = server.ask(&hello_with("stream", true)).await;
    eventually(|| server.bench.model.running() == 1).await;
    eventually(|| server.bench.model.running() == 0).await;
    drop(connection);
}

#[tokio::test]
async fn fifty_megabytes_are_refused_and_the_client_reads_why() {
    let server = Server::start(ScriptedModel::echo(), ServeLimits::default()).await;
    let stream = server.connect().await;
    let (mut reading, mut writing) = stream.into_split();
    let sender = tokio::spawn(async move {
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        let _ = writing.write_all(format!("{head}content-length: 50000000\r\n\r\n").as_bytes()).await;
        let piece = vec![b' '; 1 << 20];
        let mut sent = 0;
        while sent < 50_000_000 {
            match writing.write(&piece).await {
                Ok(bytes) => sent += bytes,
                Err(_) => break,
            }
        }
        sent
    });
    let mut got = Vec::new();
    let _ = reading.read_to_end(&mut got).await;
    let got = String::from_utf8_lossy(&got);
    assert!(got.starts_with("HTTP/1.1 413 Payload Too Large"), "{got}");
    assert!(got.contains("request_too_large"), "{got}");
    let sent = sender.await.unwrap();
    assert!(sent < 50_000_000, "all {sent} bytes were taken");
    assert!(read_until(&mut server.ask(&super::hello()).await, "well met again").await.contains("200 OK"));
}

#[tokio::test]
async fn a_slow_head_is_a_408() {
    let limits = ServeLimits { header_timeout: Duration::from_millis(20), ..ServeLimits::default() };
    let server = Server::start(ScriptedModel::echo(), limits).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nx-slow: ").await.unwrap();
    let got = read_all(&mut stream).await;
    assert!(got.starts_with("HTTP/1.1 408 Request Timeout"), "{got}");
    assert!(got.contains("\"code\":\"request_timeout\""), "{got}");
    let mut idle = server.connect().await;
    assert_eq!(read_all(&mut idle).await, "", "who said nothing is told nothing");
}

#[tokio::test]
async fn a_huge_head_is_a_431() {
    let server = Server::start(ScriptedModel::echo(), ServeLimits::default()).await;
    for head in [
        format!("GET /livez HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(40_000)),
        format!("GET /livez HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(200)),
    ] {
        let mut stream = server.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let got = read_all(&mut stream).await;
        assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
    }
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let limits = ServeLimits { max_connections: 1, ..ServeLimits::default() };
    let server = Server::start(held(), limits).await;
    let first = server.ask(&super::hello()).await;
    eventually(|| server.bench.model.running() == 1).await;
    let mut second = server.connect().await;
    second.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    assert_eq!(server.bench.lifecycle.in_flight(), 1);
    drop(first);
    assert!(read_all(&mut second).await.contains("\"live\""));
}

#[tokio::test]
async fn what_is_in_flight_is_finished() {
    let server = Server::start(held(), ServeLimits::default()).await;
    let mut whole = server.ask(&super::hello()).await;
    let mut streamed = server.ask(&hello_with("stream", true)).await;
    eventually(|| server.bench.model.running() == 2).await;
    let model = server.bench.model.clone();
    let lifecycle = server.bench.lifecycle.clone();
    let stopping = tokio::spawn(server.stop());
    lifecycle.reached(crate::http::Phase::Draining).await;
    model.release(2);
    assert_eq!(stopping.await.unwrap(), Drained { cut: 0 });
    assert!(read_all(&mut whole).await.contains("late"));
    assert!(read_all(&mut streamed).await.contains("data: [DONE]"));
}

#[tokio::test]
async fn what_does_not_finish_is_cut_and_counted() {
    let limits = ServeLimits { drain_deadline: Duration::from_millis(20), ..ServeLimits::default() };
    let server = Server::start(held(), limits).await;
    let mut whole = server.ask(&super::hello()).await;
    let mut streamed = server.ask(&hello_with("stream", true)).await;
    let idle = server.connect().await;
    eventually(|| server.bench.model.running() == 2).await;
    let model = server.bench.model.clone();
    let address = server.address;
    assert_eq!(server.stop().await, Drained { cut: 2 });
    assert_eq!(model.running(), 0);
    let got = read_all(&mut whole).await;
    assert!(got.starts_with("HTTP/1.1 503 ") && got.contains("retry-after: 1"), "{got}");
    let got = read_all(&mut streamed).await;
    assert!(got.contains("\"code\":\"not_ready\""), "never silent:\n{got}");
    assert!(TcpStream::connect(address).await.is_err(), "nothing new is accepted");
    drop(idle);
}

#[tokio::test]
async fn idle_connections_do_not_keep_out_a_probe() {
    let limits = ServeLimits { max_connections: 1, ..ServeLimits::default() };
    let server = Server::start(ScriptedModel::echo(), limits).await;
    let idle = server.connect().await;
    for _ in 0..40 {
        let mut probe = server.connect().await;
        probe.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        probe.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    drop(idle);
    server.stop().await;
}
