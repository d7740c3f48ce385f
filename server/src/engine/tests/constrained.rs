use super::*;
use amend_proto::{FinishReason, ResponseFormat, Tool, ToolChoice};
use serde_json::{Value, json};
use std::sync::Arc;

/// An object whose every value is bounded, so that even random weights come to an end.
fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "colour": {"enum": ["red", "green"]},
            "count": {"type": "integer", "minimum": 0, "maximum": 99},
            "sure": {"type": "boolean"},
        },
        "required": ["colour", "count", "sure"],
        "additionalProperties": false,
    })
}

async fn roomy() -> Served {
    serve(TinyModel { context: 1024, ..TinyModel::default() }).await
}

fn constrained(format: ResponseFormat, seed: u64) -> ChatRequest {
    let sampling = Sampling { max_tokens: Some(500), ..sampled("q", seed).sampling };
    ChatRequest { format, sampling, ..ask("q") }
}

#[tokio::test]
async fn a_schema_is_kept_by_random_weights() {
    let served = roomy().await;
    let mut answers = std::collections::HashSet::new();
    for seed in 0..8 {
        let request = constrained(ResponseFormat::JsonSchema(Arc::new(schema())), seed);
        let answer = complete(&served.engine, request).await;
        let value: Value =
            serde_json::from_str(&answer.text).unwrap_or_else(|e| panic!("{e}: {:?}", answer.text));
        assert!(["red", "green"].contains(&value["colour"].as_str().unwrap()));
        assert!(value["count"].as_u64().unwrap() < 100 && value["sure"].is_boolean());
        assert_eq!(answer.finish.reason, FinishReason::Stop);
        answers.insert(value.to_string());
    }
    assert!(answers.len() > 1, "the seed decides what the schema leaves open");
}

#[tokio::test]
async fn a_json_object_is_begun_and_never_left() {
    let served = roomy().await;
    for seed in 0..4 {
        let answer = complete(&served.engine, constrained(ResponseFormat::JsonObject, seed)).await;
        assert!(answer.text.trim_start().starts_with('{'), "{:?}", answer.text);
        match answer.finish.reason {
            // Not a `Value`: random weights write numbers that are JSON and too large for any number type.
            FinishReason::Stop => drop(serde_json::from_str::<serde::de::IgnoredAny>(&answer.text).unwrap()),
            reason => assert_eq!(reason, FinishReason::Length),
        }
    }
}

#[tokio::test]
async fn a_schema_that_is_none_is_the_clients_error() {
    let served = roomy().await;
    for bad in [json!({"type": "no such type"}), json!(3), json!({"$ref": "http://example.com/schema"})] {
        let error = refused(&served.engine, constrained(ResponseFormat::JsonSchema(Arc::new(bad)), 1)).await;
        assert_eq!(*error.kind(), invalid_at("response_format.json_schema"), "{error}");
    }
    complete(&served.engine, text_prompt("still there", 1)).await;
}

fn weather() -> Tool {
    Tool { name: "weather".to_owned(), description: Some("of a day".to_owned()), parameters: Some(schema()) }
}

#[tokio::test]
async fn a_required_call_is_made() {
    let served = roomy().await;
    for choice in [ToolChoice::Required, ToolChoice::Function("weather".to_owned())] {
        let request = ChatRequest {
            tools: vec![weather()],
            tool_choice: choice,
            ..constrained(ResponseFormat::Text, 3)
        };
        let answer = complete(&served.engine, request).await;
        assert_eq!((answer.text.as_str(), answer.finish.reason), ("", FinishReason::ToolCalls));
        let [call] = answer.tool_calls.as_slice() else { panic!("one call: {:?}", answer.tool_calls) };
        assert_eq!(call.name, "weather");
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        assert!(arguments["sure"].is_boolean());
    }
}

#[tokio::test]
async fn tools_that_cannot_be_shown_are_refused_and_none_are_left_out() {
    let template = "{% for m in messages %}{{ m.role + ':' + m.content }}{% endfor %}";
    let plain = serve(TinyModel { template, ..TinyModel::default() }).await;
    let with = |choice| ChatRequest { tools: vec![weather()], tool_choice: choice, ..ask("q") };
    let error = refused(&plain.engine, with(ToolChoice::Auto)).await;
    assert_eq!(*error.kind(), ErrorKind::Unsupported { param: "tools".to_owned() });
    let without = complete(&plain.engine, ask("q")).await.text;
    assert_eq!(complete(&plain.engine, with(ToolChoice::None)).await.text, without);

    let served = roomy().await;
    let tokens = |choice| served.engine.tokens(&with(choice)).unwrap().len();
    assert!(tokens(ToolChoice::Auto) > tokens(ToolChoice::None));
    let text = ChatRequest { tools: vec![weather()], ..text_prompt("q", 1) };
    assert_eq!(
        *refused(&served.engine, text).await.kind(),
        ErrorKind::Unsupported { param: "tools".to_owned() }
    );
}
