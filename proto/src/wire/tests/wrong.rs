use super::{super::*, chat, complete};
use crate::{ErrorKind, ModelError};
use serde_json::{Value, json};

fn said(error: ModelError) -> String {
    let ErrorObject { message, kind: _, param, code } = ErrorObject::from(&error);
    let code = serde_json::to_value(code).unwrap();
    format!(
        "{} {} {}: {message}",
        status_of(error.kind()),
        code.as_str().unwrap(),
        param.unwrap_or("-".to_owned())
    )
}

fn with(field: &str, value: Value) -> String {
    let mut body = json!({"messages": [{"role": "user", "content": "hello"}]});
    body[field] = value;
    said(chat(&body).expect_err(field))
}

fn message(message: Value) -> String {
    with("messages", json!([message]))
}

#[test]
fn wrong_values_name_their_field() {
    let all = [
        with("temperature", json!(2.1)),
        with("temperature", json!("warm")),
        with("temperature", json!(1e300)),
        with("top_p", json!(0)),
        with("top_p", json!(1.5)),
        with("top_k", json!(-2)),
        with("min_p", json!(-0.5)),
        with("max_tokens", json!(-5)),
        with("max_tokens", json!(0)),
        with("max_tokens", json!(1.5)),
        with("max_tokens", json!(5_000_000_000_u64)),
        with("max_completion_tokens", json!(-1)),
        with("n", json!(0)),
        with("n", json!(9)),
        with("stop", json!(["a", "b", "c", "d", "e"])),
        with("stop", json!("")),
        with("stop", json!(["a", 1])),
        with("stop", json!({})),
        with("seed", json!("x")),
        with("presence_penalty", json!(-2.5)),
        with("frequency_penalty", json!(3)),
        with("logit_bias", json!({"x": 1})),
        with("logit_bias", json!({"1": 101})),
        with("top_logprobs", json!(3)),
        with("stream_options", json!({"include_usage": true})),
        with("stream", json!("yes")),
        with("metadata", json!({"k": 1})),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn wrong_formats_and_tools_name_their_field() {
    let function = |name: &str| json!({"type": "function", "function": {"name": name}});
    let all = [
        with("response_format", json!("json")),
        with("response_format", json!({"type": "xml"})),
        with("response_format", json!({"type": "json_schema"})),
        with("response_format", json!({"type": "json_schema", "json_schema": {"name": "x"}})),
        with("response_format", json!({"type": "text", "json_schema": {}})),
        with("tools", json!([{"type": "custom", "custom": {}}])),
        with("tools", json!([{"type": "function"}])),
        with("tools", json!([function("a b")])),
        with("tools", json!([function("f"), function("f")])),
        with("tools", json!([{"type": "function", "function": {"name": "f", "strict": true}}])),
        with("tools", json!([{"type": "function", "function": {"name": "f", "parameters": 1}}])),
        with("tool_choice", json!("required")),
        with("tool_choice", json!("sometimes")),
        with("tool_choice", function("f")),
        with("tool_choice", json!({"type": "allowed_tools", "allowed_tools": {}})),
        with("tool_choice", json!({"type": "function", "function": {"name": 3}})),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_cannot_be_honoured_says_so() {
    let all = [
        with("functions", json!([])),
        with("function_call", json!("auto")),
        with("audio", json!({"voice": "x"})),
        with("modalities", json!(["text", "audio"])),
        with("service_tier", json!("flex")),
        with("parallel_tool_calls", json!(false)),
        with("prediction", json!({})),
        with("reasoning_effort", json!("high")),
        with("verbosity", json!("low")),
        with("web_search_options", json!({})),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn wrong_messages_name_their_place() {
    let text = json!({"type": "text", "text": "look"});
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let all = [
        with("messages", Value::Null),
        with("messages", json!([])),
        with("messages", json!("hello")),
        message(json!("hello")),
        message(json!({"content": "hello"})),
        message(json!({"role": "robot", "content": "hello"})),
        message(json!({"role": "function", "content": "hello"})),
        message(json!({"role": "user"})),
        message(json!({"role": "user", "content": 3})),
        message(json!({"role": "user", "content": [text, {"type": "image_url", "image_url": {"url": "u"}}]})),
        message(json!({"role": "user", "content": [{"type": "input_audio"}]})),
        message(json!({"role": "user", "content": [{"type": "hologram"}]})),
        message(json!({"role": "user", "content": [{"type": "text"}]})),
        message(json!({"role": "user", "content": [{"type": "text", "text": 3}]})),
        message(json!({"role": "user", "content": "hello", "name": "bob"})),
        message(json!({"role": "user", "content": "hello", "tool_calls": [call]})),
        message(json!({"role": "user", "content": "hello", "tool_call_id": "c"})),
        message(json!({"role": "assistant", "content": null})),
        message(json!({"role": "assistant", "content": "x", "function_call": {}})),
        message(
            json!({"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}),
        ),
        message(json!({"role": "tool", "content": "x"})),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn ten_thousand_messages_are_refused() {
    let messages = vec![json!({"role": "user", "content": "x"}); 10_000];
    assert_eq!(
        with("messages", messages.into()),
        "400 invalid_value messages: messages may hold 4096 messages, not 10000"
    );
}

#[test]
fn wrong_bodies_say_what_is_wrong() {
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"[]",
        b"nonsense",
        b"{\"messages\": [}",
        b"{} {}",
        b"{\"model\": \"\xff\"}",
        b"{\"model\": \"a\", \"model\": \"b\"}",
        b"{\"seed\": 1e999}",
    ];
    let error = |body: &[u8]| said(parse::<ChatCompletionRequest>(body).unwrap_err());
    insta::assert_snapshot!(bodies.map(error).join("\n"));
}

#[test]
fn a_deep_body_is_an_error_and_no_overflow() {
    let deep = "[".repeat(100_000);
    assert!(parse::<ChatCompletionRequest>(deep.as_bytes()).is_err());
    let inside = format!("{{\"foo\": {deep}");
    assert!(parse::<ChatCompletionRequest>(inside.as_bytes()).is_err());
}

#[test]
fn a_long_value_is_not_quoted_whole() {
    let error = with("temperature", json!("x".repeat(100_000)));
    assert!(error.len() < 500, "{} bytes", error.len());
}

#[test]
fn wrong_completions_name_their_field() {
    let all = [
        json!({}),
        json!({"prompt": ""}),
        json!({"prompt": []}),
        json!({"prompt": [1, 2]}),
        json!({"prompt": [[1, 2]]}),
        json!({"prompt": ["a", {}]}),
        json!({"prompt": ["a", "b", "c"], "n": 3}),
        json!({"prompt": "a", "logprobs": 21}),
        json!({"prompt": "a", "logprobs": true}),
        json!({"prompt": "a", "echo": true}),
        json!({"prompt": "a", "best_of": 2}),
        json!({"prompt": "a", "suffix": "z"}),
    ];
    insta::assert_snapshot!(all.map(|body| said(complete(&body).unwrap_err())).join("\n"));
}

#[test]
fn a_name_that_no_model_can_have_is_an_unknown_model() {
    let error = chat(&json!({"model": "a b", "messages": [{"role": "user", "content": "x"}]})).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::UnknownModel);
}
