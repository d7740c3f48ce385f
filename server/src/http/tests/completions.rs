use super::{Bench, hello, hello_with, post};
use amend_proto::{
    ErrorKind, Prompt,
    testing::{Script, ScriptedModel},
};
use serde_json::{Value, json};
use std::time::Duration;

fn refusing(kind: ErrorKind) -> ScriptedModel {
    ScriptedModel::new(move |_| Script::Refuse(kind.clone()))
}

/// What differs from run to run made constant.
fn steady(mut body: Value) -> Value {
    for field in ["id", "created"] {
        assert!(!body[field].is_null(), "{field} is missing: {body}");
        body[field] = "-".into();
    }
    body
}

#[tokio::test]
async fn a_chat_completion_has_openais_shape() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let answer = bench.chat(hello_with("foo", 1)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-amend-revision"), Some("scripted-1"));
    assert_eq!(answer.header("x-amend-edits"), None);
    assert_eq!(answer.header("x-amend-unknown-fields"), Some("foo"));
    insta::assert_snapshot!(steady(answer.json()), @r#"{"id":"-","object":"chat.completion","created":"-","model":"scripted","system_fingerprint":"scripted-1","choices":[{"index":0,"message":{"role":"assistant","content":"well met again","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":3,"total_tokens":6},"amend":{"revision":"scripted-1","edits":[],"unknown_fields":["foo"]}}"#);
}

#[tokio::test]
async fn a_text_completion_has_openais_shape() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let answer = bench.post("/v1/completions", json!({"prompt": "go on", "max_tokens": 1})).await;
    insta::assert_snapshot!(steady(answer.json()), @r#"{"id":"-","object":"text_completion","created":"-","model":"scripted","system_fingerprint":"scripted-1","choices":[{"index":0,"text":"go ","logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3},"amend":{"revision":"scripted-1","edits":[]}}"#);
    assert_eq!(bench.model.seen()[0].prompt, Prompt::Text("go on".to_owned()));
}

#[tokio::test]
async fn several_answers_have_indexes_and_seeds_of_their_own() {
    let model = ScriptedModel::new(|request| Script::Say(format!("{:?}", request.sampling.seed)));
    let bench = Bench::new(model).await;
    let mut body = hello_with("n", 3);
    body["seed"] = 40.into();
    let answer = bench.chat(body).await.json();
    let said: Vec<_> = answer["choices"].as_array().unwrap().iter().collect();
    for (index, choice) in said.iter().enumerate() {
        assert_eq!(choice["index"], index);
        assert_eq!(choice["message"]["content"], format!("Some({})", 40 + index));
    }
    assert_eq!(answer["usage"], json!({"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}));
    let mut ids: Vec<_> = bench.model.seen().into_iter().map(|request| request.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each of the three has an id of its own");
}

#[tokio::test]
async fn several_prompts_are_answered_in_order() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let answer = bench.post("/v1/completions", json!({"prompt": ["a", "b b"], "n": 2})).await.json();
    let texts: Vec<_> =
        answer["choices"].as_array().unwrap().iter().map(|c| c["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["a", "a", "b b", "b b"]);
    assert_eq!(answer["usage"], json!({"prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9}));
}

#[tokio::test]
async fn the_model_may_be_named_or_not() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    for name in ["scripted", "default"] {
        assert_eq!(bench.chat(hello_with("model", name)).await.status, 200, "{name}");
    }
    for name in ["gpt-4o", "no such name"] {
        let answer = bench.chat(hello_with("model", name)).await;
        assert_eq!(answer.error(), "404 invalid_request_error model_not_found model", "{name}");
    }
    assert_eq!(bench.model.seen().len(), 2, "nobody asks the model for another");
}

#[tokio::test]
async fn a_wrong_value_names_its_field() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let image = json!([{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "u"}}]);
    let mut with_image = hello();
    with_image["messages"][0]["content"] = image;
    for (body, expected) in [
        (hello_with("max_tokens", -1), "400 invalid_request_error invalid_value max_tokens"),
        (hello_with("temperature", "warm"), "400 invalid_request_error invalid_value temperature"),
        (with_image, "400 invalid_request_error unsupported_parameter messages[0].content[1]"),
        (json!({}), "400 invalid_request_error invalid_value messages"),
        (json!([]), "400 invalid_request_error invalid_value -"),
    ] {
        assert_eq!(bench.chat(body.clone()).await.error(), expected, "{body}");
    }
}

#[tokio::test]
async fn failures_have_their_status_streamed_or_not() {
    let wait = Duration::from_millis(1500);
    for (kind, expected, retry_after) in [
        (ErrorKind::Overloaded { retry_after: wait }, "429 rate_limit_error queue_full -", Some("2")),
        (ErrorKind::NotReady { retry_after: wait }, "503 service_unavailable_error not_ready -", Some("2")),
        (ErrorKind::ContextLength, "400 invalid_request_error context_length_exceeded messages", None),
        (ErrorKind::Engine, "500 server_error engine_error -", None),
        (ErrorKind::Timeout, "504 timeout_error timeout -", None),
    ] {
        let bench = Bench::new(refusing(kind)).await;
        for stream in [false, true] {
            let answer = bench.chat(hello_with("stream", stream)).await;
            assert_eq!(answer.error(), expected);
            assert_eq!(answer.header("retry-after"), retry_after);
        }
    }
}

#[tokio::test]
async fn an_engines_reasons_are_not_for_the_client() {
    let bench = Bench::new(ScriptedModel::new(|_| Script::FailAfter("well".to_owned()))).await;
    let answer = bench.chat(hello()).await;
    assert_eq!(answer.error(), "500 server_error engine_error -");
    assert!(!answer.text.contains("the script fails here"), "{}", answer.text);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_next_request_is_answered() {
    let model = ScriptedModel::new(|request| match request.query() {
        Some("panic") => panic!("on purpose"),
        _ => Script::Say("fine".to_owned()),
    });
    let bench = Bench::new(model).await;
    let answer = bench.chat(json!({"messages": [{"role": "user", "content": "panic"}]})).await;
    assert_eq!(answer.error(), "500 server_error internal_error -");
    assert!(answer.header("x-request-id").is_some());
    assert!(!answer.text.contains("on purpose"));
    assert_eq!(bench.chat(hello()).await.status, 200);
}

#[tokio::test]
async fn requests_carry_ids() {
    let bench = Bench::new(ScriptedModel::echo()).await;
    let with_id = |id: &str| {
        let mut request = post("/v1/chat/completions", &hello());
        request.headers_mut().insert("x-request-id", id.parse().unwrap());
        request
    };
    let answer = bench.send(with_id("mine-1")).await;
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    assert_eq!(bench.model.seen()[0].id.as_str(), "mine-1");
    let answer = bench.send(with_id("not an id!")).await;
    assert!(answer.header("x-request-id").unwrap().starts_with("req-"));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_504() {
    let limits = super::HttpLimits { request_timeout: Duration::from_millis(5), ..Default::default() };
    let bench = Bench::with(ScriptedModel::new(|_| Script::Hold("late".to_owned())), limits).await;
    let answer = bench.chat(hello()).await;
    assert_eq!(answer.error(), "504 timeout_error timeout -");
    assert_eq!(answer.header("x-should-retry"), Some("false"), "clients must not do that work twice more");
    assert_eq!(bench.model.running(), 0, "the generation is cancelled");
}
