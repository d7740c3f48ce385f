//! Against the daemon's own routes, and against endpoints that misbehave.

use super::{EndpointConfig, EndpointKey, EndpointLimits, EndpointModel, EndpointUrl, InvalidEndpoint};
use crate::http::tests::serve_scripted;
use amend_proto::{
    ChatModel, ChatRequest, Completion, ErrorKind, FinishReason, Message, ModelError, ModelId,
    testing::{Script, ScriptedModel, conformance},
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use futures::StreamExt;
use std::{
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

const KEY: &str = "sk-a-secret-of-the-operator";

fn config(address: &str) -> EndpointConfig {
    let model = ModelId::new("default").unwrap();
    EndpointConfig { url: format!("{address}/v1").parse().unwrap(), model, key_env: None }
}

fn limits() -> EndpointLimits {
    EndpointLimits {
        silence: Duration::from_millis(300),
        answer_bytes: 4_000,
        line_bytes: 2_000,
        tries: 3,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_secs(2),
        ..EndpointLimits::default()
    }
}

fn model(address: &str) -> EndpointModel {
    EndpointModel::with_key(config(address), EndpointKey::new(KEY), limits()).unwrap()
}

/// What an endpoint does with a request.
#[derive(Clone)]
enum Reply {
    Status(u16, &'static [(&'static str, &'static str)], String),
    Events(Vec<String>),
    /// These events, and then nothing, for ever.
    Stall(Vec<String>),
}

/// What an endpoint was sent: the key and the body.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// An endpoint that does one thing after the other, the last of them for ever; gives its address.
async fn endpoint(replies: Vec<Reply>) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let router = Router::new().fallback(reply).with_state((Arc::new(replies), Arc::clone(&seen)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, seen)
}

async fn reply(State((replies, seen)): State<(Arc<Vec<Reply>>, Seen)>, request: Request) -> Response {
    let key = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.into()).unwrap();
    assert_eq!(path, "/v1/chat/completions");
    let count = {
        let mut seen = seen.lock().unwrap();
        seen.push((key.unwrap_or_default(), body));
        seen.len()
    };
    let frames = |events: Vec<String>| {
        let frames = events.into_iter().map(|event| Ok::<_, std::io::Error>(format!("data: {event}\n\n")));
        futures::stream::iter(frames.collect::<Vec<_>>())
    };
    let stream = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
    match replies[(count - 1).min(replies.len() - 1)].clone() {
        Reply::Status(status, headers, text) => {
            let answer = headers
                .iter()
                .fold(Response::builder(), |answer, (name, value)| answer.header(*name, *value));
            answer.status(status).body(Body::from(text)).unwrap()
        }
        Reply::Events(events) => stream.body(Body::from_stream(frames(events))).unwrap(),
        Reply::Stall(events) => {
            stream.body(Body::from_stream(frames(events).chain(futures::stream::pending()))).unwrap()
        }
    }
}

fn piece(text: &str) -> String {
    serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string()
}

fn said(text: &str) -> Reply {
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.to_owned();
    Reply::Events(vec![piece(text), end, "[DONE]".to_owned()])
}

fn refused(status: u16, code: &str) -> Reply {
    let text = format!(r#"{{"error":{{"message":"no, not with {KEY}","code":"{code}"}}}}"#);
    Reply::Status(status, &[("content-type", "application/json"), ("retry-after", "0")], text)
}

async fn ask(address: &str) -> Result<Completion, ModelError> {
    model(address).complete(ChatRequest::greedy(vec![Message::user("Is it?")])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemons_own_routes_through_it_conform() {
    let scripted = ScriptedModel::echo();
    let served = serve_scripted(scripted.clone()).await;
    let questions = ["one two three four", "five six"].map(|text| vec![Message::user(text)]);
    let roomy = EndpointLimits::default();
    let model = EndpointModel::with_key(config(served.address()), None, roomy).unwrap();
    conformance::run(&model, &conformance::Questions { conversations: questions.into() }).await;
    assert!(scripted.seen().len() > 10, "the routes were asked");
    assert!(model.info().revision.as_str().starts_with("endpoint:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_of_a_request_arrives() {
    use amend_proto::{Logprobs, ResponseFormat, Sampling, Tool, ToolChoice};
    let scripted = ScriptedModel::new(|_| Script::Say("{}".to_owned()));
    let served = serve_scripted(scripted.clone()).await;
    let model = EndpointModel::with_key(config(served.address()), None, EndpointLimits::default()).unwrap();
    let sampling = Sampling {
        max_tokens: Some(7),
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(5),
        min_p: Some(0.1),
        presence_penalty: Some(1.0),
        frequency_penalty: Some(-1.0),
        logit_bias: vec![(3, 2.0)],
        stop: vec!["end".to_owned()],
        seed: Some(u64::MAX),
    };
    let tool = Tool {
        name: "look".to_owned(),
        description: Some("Looks.".to_owned()),
        parameters: Some(serde_json::json!({"type": "object"})),
    };
    let asked = ChatRequest {
        sampling,
        logprobs: Logprobs::Top(3),
        format: ResponseFormat::JsonSchema(Arc::new(serde_json::json!({"type": "object"}))),
        tools: vec![tool],
        tool_choice: ToolChoice::Function("look".to_owned()),
        ..ChatRequest::greedy(vec![Message::system("Be brief."), Message::user("Is it?")])
    };
    model.complete(asked.clone()).await.unwrap();
    let seen = scripted.seen().pop().unwrap();
    assert_eq!(
        (seen.sampling, seen.logprobs, seen.format, seen.tools, seen.tool_choice, seen.prompt),
        (asked.sampling, asked.logprobs, asked.format, asked.tools, asked.tool_choice, asked.prompt)
    );
    let text = ChatRequest::new(amend_proto::Prompt::Text("Go on".to_owned()));
    assert!(matches!(model.complete(text).await.unwrap_err().kind(), ErrorKind::Unsupported { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_sent_again_with_the_key_and_the_same_body() {
    let busy = [refused(429, "rate_limit_exceeded"), refused(503, ""), refused(500, ""), said("Yes.")];
    let (address, seen) = endpoint(busy.to_vec()).await;
    let answer = ask(&address).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.finish.reason), ("Yes.", FinishReason::Stop));
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 4 && seen.iter().all(|one| *one == seen[0] && one.0 == format!("Bearer {KEY}")));
    assert!(seen[0].1.contains(r#""stream":true"#) && !seen[0].1.contains(KEY), "{}", seen[0].1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_asked_for_ever_nor_before_it_wants_to_be() {
    let (address, seen) = endpoint(vec![refused(500, "")]).await;
    assert_eq!(ask(&address).await.unwrap_err().kind(), &ErrorKind::Engine);
    assert_eq!(seen.lock().unwrap().len(), 1 + limits().tries);
    let long = Reply::Status(429, &[("retry-after", "3600")], String::new());
    let (address, seen) = endpoint(vec![long]).await;
    let hour = ErrorKind::Overloaded { retry_after: Duration::from_secs(3600) };
    assert_eq!(ask(&address).await.unwrap_err().kind(), &hour);
    assert_eq!(seen.lock().unwrap().len(), 1, "an hour is not waited for, and it is not asked before");
    let begun = std::time::Instant::now();
    let (address, _) =
        endpoint(vec![Reply::Status(429, &[("retry-after", "1")], String::new()), said("Yes.")]).await;
    assert_eq!(ask(&address).await.unwrap().text, "Yes.");
    assert!(begun.elapsed() >= Duration::from_secs(1), "after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_pass_is_asked_once_and_the_key_is_in_no_message() {
    for (status, code, kind) in [
        (401, "invalid_api_key", ErrorKind::Denied),
        (403, "", ErrorKind::Denied),
        (429, "insufficient_quota", ErrorKind::Denied),
        (404, "model_not_found", ErrorKind::UnknownModel),
        (307, "", ErrorKind::UnknownModel),
        (400, "context_length_exceeded", ErrorKind::ContextLength),
        (422, "", ErrorKind::InvalidRequest { param: None }),
    ] {
        let (address, seen) = endpoint(vec![refused(status, code)]).await;
        let error = ask(&address).await.unwrap_err();
        assert_eq!((error.kind(), seen.lock().unwrap().len()), (&kind, 1), "{status} {code}: {error}");
        let told = format!("{error} {error:?} {:?}", error.source());
        assert!(!told.contains(KEY), "{told}");
    }
    let model = model("http://127.0.0.1:9");
    let told = format!("{:?} {:?} {:?}", model.http, model.info(), EndpointKey::new(KEY));
    assert!(!told.contains(KEY), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_stalls_or_breaks_off_ends_with_an_error() {
    let many = Reply::Events((0..200).map(|_| piece("word and word again ")).collect());
    let long = Reply::Events(vec![piece(&"x".repeat(3_000))]);
    let whole =
        Reply::Status(200, &[("content-type", "application/json")], format!("\"{}\"", "x".repeat(5_000)));
    for (reply, words) in [(many, "4000 bytes"), (long, "2000 bytes"), (whole, "4000 bytes")] {
        let (address, _) = endpoint(vec![reply]).await;
        let error = ask(&address).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidRequest { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let (address, _) = endpoint(vec![Reply::Stall(vec![piece("Well")])]).await;
    assert_eq!(ask(&address).await.unwrap_err().kind(), &ErrorKind::Timeout);
    let (address, _) = endpoint(vec![Reply::Events(vec![piece("Well")])]).await;
    let error = ask(&address).await.unwrap_err();
    assert!(error.kind() == &ErrorKind::Engine && error.to_string().contains("broke off"), "{error}");
    let page = Reply::Status(200, &[("content-type", "text/html")], "<html>".to_owned());
    let (address, _) = endpoint(vec![page]).await;
    assert_eq!(ask(&address).await.unwrap_err().kind(), &ErrorKind::Engine);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(ask(&gone).await.unwrap_err().kind(), ErrorKind::NotReady { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_stream_is_read_all_the_same() {
    let body = r#"{"choices":[{"message":{"content":"Yes."},"finish_reason":"length"}],
        "usage":{"prompt_tokens":2,"completion_tokens":1}}"#;
    let (address, _) =
        endpoint(vec![Reply::Status(200, &[("content-type", "application/json")], body.to_owned())]).await;
    let answer = ask(&address).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.finish.reason), ("Yes.", FinishReason::Length));
    assert_eq!(answer.finish.usage.completion_tokens, 1);
}

#[test]
fn an_address_and_a_key_are_checked_and_no_secret_is_in_the_settings() {
    let wrong = |text: &str| text.parse::<EndpointUrl>().unwrap_err().to_string();
    assert!(wrong("api.example").contains("cannot be read"));
    assert!(wrong("ftp://api.example/v1").contains("must begin with"));
    assert!(wrong("https://me:secret@api.example/v1").contains("environment variable"));
    assert!(wrong("https://api.example/v1?key=1").contains("must end"));
    let at = |text: &str| text.parse::<EndpointUrl>().unwrap();
    for base in ["https://api.example/v1", "https://api.example/v1/"] {
        assert_eq!(
            at(base).route(&["chat", "completions"]).as_str(),
            "https://api.example/v1/chat/completions"
        );
    }
    assert!(at("http://api.example/v1").is_open() && !at("http://[::1]:8/v1").is_open());
    assert!(EndpointKey::new("").is_none() && EndpointKey::new("a\nb").is_none());
    let config =
        EndpointConfig { key_env: Some("AMEND_NO_SUCH_KEY".to_owned()), ..config("http://127.0.0.1:9") };
    let error = EndpointModel::new(config.clone(), limits()).err().unwrap();
    assert!(matches!(error, InvalidEndpoint::Key { .. }));
    assert!(
        error.to_string().contains("AMEND_NO_SUCH_KEY") && error.to_string().contains("is not set"),
        "{error}"
    );
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(json, r#"{"url":"http://127.0.0.1:9/v1","model":"default","key_env":"AMEND_NO_SUCH_KEY"}"#);
    assert_eq!(serde_json::from_str::<EndpointConfig>(&json).unwrap(), config);
    let userinfo = json.replace("http://", "http://a:b@");
    assert!(serde_json::from_str::<EndpointConfig>(&userinfo).is_err());
}
