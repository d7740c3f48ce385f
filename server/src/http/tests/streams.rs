use super::{Bench, HttpLimits, hello, hello_with};
use amend_proto::testing::{Script, ScriptedModel};
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

fn streamed() -> Value {
    hello_with("stream", true)
}

fn held() -> ScriptedModel {
    ScriptedModel::new(|_| Script::Hold("late".to_owned()))
}

#[tokio::test]
async fn a_chat_stream_has_openais_shape() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let answer = bench.chat(streamed()).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-amend-revision"), Some("scripted-1"));
    let lines: Vec<String> = answer
        .events()
        .into_iter()
        .map(|mut event| {
            for field in ["id", "created"] {
                assert!(!event[field].is_null());
                event[field] = "-".into();
            }
            event.to_string()
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"id":"-","object":"chat.completion.chunk","created":"-","model":"scripted","system_fingerprint":"scripted-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}
    {"id":"-","object":"chat.completion.chunk","created":"-","model":"scripted","system_fingerprint":"scripted-1","choices":[{"index":0,"delta":{"content":"well "},"logprobs":null,"finish_reason":null}]}
    {"id":"-","object":"chat.completion.chunk","created":"-","model":"scripted","system_fingerprint":"scripted-1","choices":[{"index":0,"delta":{"content":"met "},"logprobs":null,"finish_reason":null}]}
    {"id":"-","object":"chat.completion.chunk","created":"-","model":"scripted","system_fingerprint":"scripted-1","choices":[{"index":0,"delta":{"content":"again"},"logprobs":null,"finish_reason":null}]}
    {"id":"-","object":"chat.completion.chunk","created":"-","model":"scripted","system_fingerprint":"scripted-1","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"amend":{"revision":"scripted-1","edits":[]}}
    "#);
}

#[tokio::test]
async fn usage_comes_in_a_chunk_of_its_own() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let mut body = streamed();
    body["stream_options"] = json!({"include_usage": true});
    let events = bench.chat(body).await.events();
    let (last, others) = events.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"], json!({"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}));
    assert_eq!(last["amend"]["revision"], "scripted-1");
    assert!(others.iter().all(|event| event.get("usage") == Some(&Value::Null)));
}

#[tokio::test]
async fn several_answers_share_a_stream() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let mut body = streamed();
    body["n"] = 2.into();
    let events = bench.chat(body).await.events();
    for index in 0..2 {
        let mine: Vec<&Value> = events
            .iter()
            .map(|event| &event["choices"][0])
            .filter(|choice| choice["index"] == index)
            .collect();
        assert_eq!(mine[0]["delta"]["role"], "assistant");
        let text: String = mine.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
        assert_eq!(text, "well met again");
        assert_eq!(mine.last().unwrap()["finish_reason"], "stop");
        assert_eq!(mine.iter().filter(|choice| !choice["finish_reason"].is_null()).count(), 1);
    }
}

#[tokio::test]
async fn a_text_stream_has_openais_shape() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let events = bench.post("/v1/completions", json!({"prompt": "a b", "stream": true})).await.events();
    let texts: Vec<_> = events.iter().map(|event| event["choices"][0]["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["a ", "b", ""]);
    assert!(events.iter().all(|event| event["object"] == "text_completion"));
    assert_eq!(events[2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events[2]["amend"]["edits"], json!([]));
}

#[tokio::test]
async fn a_failure_on_the_way_is_an_error_event() {
    let bench = Bench::new(ScriptedModel::new(|_| Script::FailAfter("well met".to_owned()))).await;
    let answer = bench.chat(streamed()).await;
    assert_eq!(answer.status, 200);
    let data = answer.data();
    let last: Value = serde_json::from_str(data.last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "engine_error");
    assert_eq!(data.len(), 4, "the role, two words, the error, and no [DONE]");
    assert!(!answer.text.contains("the script fails here"));
}

#[tokio::test]
async fn a_stream_that_takes_too_long_ends_with_an_error_event() {
    let limits = HttpLimits { stream_timeout: Duration::from_millis(10), ..HttpLimits::default() };
    let bench = Bench::with(held(), limits).await;
    let answer = bench.chat(streamed()).await;
    let last: Value = serde_json::from_str(answer.data().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "timeout");
    assert_eq!(bench.model.running(), 0, "the generation is cancelled");
}

#[tokio::test]
async fn an_idle_stream_is_pinged_and_goes_on() {
    let limits = HttpLimits { ping_interval: Duration::from_millis(2), ..HttpLimits::default() };
    let bench = Bench::with(held(), limits).await;
    let request = super::post("/v1/chat/completions", &streamed());
    let response = bench.router.clone().oneshot(request).await.unwrap();
    let mut frames = response.into_body().into_data_stream();
    let mut text = String::new();
    let mut pings = 0;
    while let Some(frame) = frames.next().await {
        text.push_str(std::str::from_utf8(&frame.unwrap()).unwrap());
        let seen = text.matches(": ping\n\n").count();
        if pings < 3 && seen >= 3 {
            bench.model.release(1);
        }
        pings = seen;
    }
    assert!(pings >= 3);
    assert!(text.contains("\"content\":\"late\""), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn what_is_still_open_is_cut_with_an_error_event() {
    let bench = Bench::new(held()).await;
    let request = super::post("/v1/chat/completions", &streamed());
    let response = bench.router.clone().oneshot(request).await.unwrap();
    assert_eq!(bench.lifecycle.in_flight(), 1);
    bench.lifecycle.drain();
    bench.lifecycle.cut();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.into()).unwrap();
    assert!(text.contains("\"code\":\"not_ready\""), "{text}");
    assert_eq!((bench.lifecycle.in_flight(), bench.model.running()), (0, 0));
    assert_eq!(bench.chat(hello()).await.error(), "503 service_unavailable_error not_ready -");
}

#[tokio::test]
async fn a_dropped_body_cancels() {
    let bench = Bench::new(held()).await;
    let request = super::post("/v1/chat/completions", &streamed());
    let response = bench.router.clone().oneshot(request).await.unwrap();
    assert_eq!(bench.model.running(), 1);
    drop(response);
    assert_eq!((bench.lifecycle.in_flight(), bench.model.running()), (0, 0));
}
