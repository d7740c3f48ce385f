use super::{super::*, chat, complete};
use crate::ModelError;
use proptest::{collection, prelude::*};
use serde_json::{Map, Number, Value};

/// Names of fields, so that what is generated often means something, and one that is no field.
const NAMES: [&str; 30] = [
    "messages",
    "role",
    "content",
    "model",
    "type",
    "text",
    "stop",
    "n",
    "stream",
    "tools",
    "function",
    "name",
    "tool_choice",
    "tool_calls",
    "tool_call_id",
    "id",
    "arguments",
    "response_format",
    "json_schema",
    "schema",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "temperature",
    "max_tokens",
    "seed",
    "prompt",
    "edits",
    "query",
    "unheard_of",
];
const WORDS: [&str; 9] =
    ["user", "assistant", "tool", "function", "text", "json_schema", "auto", "image_url", "anything else"];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Eighths are exact in both directions; the parser may be one bit off for others.
        any::<i16>().prop_map(|x| Number::from_f64(f64::from(x) / 8.0).map_or(Value::Null, Value::Number)),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::vec((proptest::sample::select(&NAMES[..]), inner), 0..6).prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
            }),
        ]
    })
}

/// A body of the right outline: a conversation, and any fields beside it.
fn body() -> impl Strategy<Value = Value> {
    let message = (json(), json()).prop_map(
        |(content, other)| serde_json::json!({"role": "user", "content": content, "tool_calls": other}),
    );
    let fields = collection::vec((proptest::sample::select(&NAMES[..]), json()), 0..4);
    (collection::vec(message, 0..3), fields).prop_map(|(messages, fields)| {
        let mut body = serde_json::json!({"messages": messages});
        for (name, value) in fields {
            body[name] = value;
        }
        body
    })
}

fn check<T>(result: Result<T, ModelError>) -> Result<(), TestCaseError> {
    if let Err(error) = result {
        let status = status_of(error.kind());
        prop_assert!(status == 400 || status == 404, "{status}: {error}");
        prop_assert!(!error.message().is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_json_is_read_or_refused(value in prop_oneof![json(), body()]) {
        check(chat(&value))?;
        check(complete(&value))?;
        let text = value.to_string();
        check(parse::<EditsInput>(text.as_bytes()).and_then(|body| body.read(10)))?;
        check(parse::<EditPreviewRequest>(text.as_bytes()).and_then(|body| body.read(RequestLimits::default())))?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in collection::vec(any::<u8>(), 0..200)) {
        check(parse::<ChatCompletionRequest>(&bytes))?;
        check(parse::<CompletionRequest>(&bytes))?;
        check(parse::<EditsInput>(&bytes))?;
    }

    #[test]
    fn what_is_read_is_written_the_same(value in body()) {
        if let Ok(request) = parse::<ChatCompletionRequest>(value.to_string().as_bytes()) {
            let written = serde_json::to_string(&request).unwrap();
            prop_assert_eq!(parse::<ChatCompletionRequest>(written.as_bytes()).unwrap(), request);
        }
    }
}
