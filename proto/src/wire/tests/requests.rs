use super::{super::*, chat, complete};
use crate::{
    ChatRequest, Logprobs, Message, ModelId, Prompt, ResponseFormat, Role, Sampling, Tool, ToolCall,
    ToolChoice,
};
use serde_json::json;
use std::sync::Arc;

fn hello() -> serde_json::Value {
    json!([{"role": "user", "content": "hello"}])
}

#[test]
fn the_least_body_takes_every_default() {
    let asked = chat(&json!({"messages": hello()})).unwrap();
    let request =
        ChatRequest { id: super::id(), ..ChatRequest::new(Prompt::Chat(vec![Message::user("hello")])) };
    assert_eq!(
        asked,
        Asked {
            request,
            further_prompts: Vec::new(),
            choices: 1,
            delivery: Delivery::Whole,
            store: Store::ByRule,
            user: None,
            unknown_fields: UnknownFields::default()
        }
    );
}

#[test]
fn every_field_arrives() {
    let asked = chat(&json!({
        "model": "org/name",
        "messages": hello(),
        "max_completion_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.25,
        "top_k": 40,
        "min_p": 0.125,
        "n": 3,
        "stop": ["a", "b"],
        "seed": -1,
        "presence_penalty": -2,
        "frequency_penalty": 2,
        "logit_bias": {"17": -100, "4": 1.5},
        "logprobs": true,
        "top_logprobs": 5,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": true}},
        "tools": [{"type": "function", "function": {"name": "look", "description": "up", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "stream": true,
        "stream_options": {"include_usage": true},
        "user": "me",
        "store": true,
        "metadata": {"k": "v"}
    }))
    .unwrap();
    assert_eq!(asked.choices, 3);
    assert_eq!(asked.delivery, Delivery::StreamWithUsage);
    assert!(asked.unknown_fields.is_empty());
    assert_eq!((asked.store, asked.user.as_deref()), (Store::Yes, Some("me")));
    let request = asked.request;
    assert_eq!(request.model, Some(ModelId::new("org/name").unwrap()));
    assert_eq!(request.logprobs, Logprobs::Top(5));
    assert_eq!(request.format, ResponseFormat::JsonSchema(Arc::new(json!({"type": "object"}))));
    assert_eq!(request.tool_choice, ToolChoice::Function("look".to_owned()));
    let tool = Tool {
        name: "look".to_owned(),
        description: Some("up".to_owned()),
        parameters: Some(json!({"type": "object"})),
    };
    assert_eq!(request.tools, [tool]);
    assert_eq!(
        request.sampling,
        Sampling {
            max_tokens: Some(7),
            temperature: Some(0.5),
            top_p: Some(0.25),
            top_k: Some(40),
            min_p: Some(0.125),
            presence_penalty: Some(-2.0),
            frequency_penalty: Some(2.0),
            logit_bias: vec![(17, -100.0), (4, 1.5)],
            stop: vec!["a".to_owned(), "b".to_owned()],
            seed: Some(u64::MAX),
        }
    );
}

#[test]
fn null_is_the_same_as_absent() {
    let null = json!({
        "messages": [{"role": "user", "content": "hello", "tool_calls": null, "tool_call_id": null, "name": null, "refusal": null}],
        "model": null, "max_tokens": null, "max_completion_tokens": null, "temperature": null, "top_p": null,
        "top_k": null, "min_p": null, "n": null, "stop": null, "seed": null, "presence_penalty": null,
        "frequency_penalty": null, "logit_bias": null, "logprobs": null, "top_logprobs": null,
        "response_format": null, "tools": null, "tool_choice": null, "stream": null, "stream_options": null,
        "user": null, "metadata": null, "audio": null, "functions": null, "function_call": null, "store": null,
        "modalities": null, "prediction": null, "reasoning_effort": null, "service_tier": null, "verbosity": null,
        "web_search_options": null, "parallel_tool_calls": null
    });
    assert_eq!(chat(&null).unwrap(), chat(&json!({"messages": hello()})).unwrap());
}

#[test]
fn harmless_values_of_what_is_not_honoured_pass() {
    let asked = chat(&json!({
        "messages": hello(), "service_tier": "auto", "modalities": ["text"],
        "parallel_tool_calls": true, "verbosity": "medium", "prompt_cache_key": "k", "safety_identifier": "s",
        "stream": true, "stream_options": {"include_obfuscation": false}, "model": "default", "top_k": -1,
        "top_logprobs": 0
    }))
    .unwrap();
    assert!(asked.unknown_fields.is_empty());
    assert_eq!((asked.request.model, asked.delivery), (None, Delivery::Stream));
}

#[test]
fn unknown_fields_are_named_by_their_place() {
    let asked = chat(&json!({
        "foo": 1,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {}}], "weight": 1},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}", "speed": 2}, "index": 0}
            ]},
            {"role": "tool", "content": "done", "tool_call_id": "c", "name": "f"}
        ],
        "response_format": {"type": "text", "strictness": 1},
        "tools": [{"type": "function", "function": {"name": "f", "example": 1}, "x": null}],
        "stream": true, "stream_options": {"every": 2}
    }))
    .unwrap();
    let mut names = asked.unknown_fields.names().to_vec();
    names.sort();
    insta::assert_json_snapshot!(names, @r#"
    [
      "foo",
      "messages[0].content[0].cache_control",
      "messages[0].weight",
      "messages[1].tool_calls[0].function.speed",
      "messages[1].tool_calls[0].index",
      "messages[2].name",
      "response_format.strictness",
      "stream_options.every",
      "tools[0].function.example",
      "tools[0].x"
    ]
    "#);
}

#[test]
fn junk_is_reported_within_bounds() {
    let mut body = json!({"messages": hello()});
    for i in 0..1000 {
        body[format!("{i}{}", "x".repeat(1000))] = 1.into();
    }
    let asked = chat(&body).unwrap();
    assert_eq!(asked.unknown_fields.names().len(), 32);
    assert!(asked.unknown_fields.names().iter().all(|name| name.chars().count() <= 80));
}

#[test]
fn a_conversation_with_tools_arrives() {
    let asked = chat(&json!({"messages": [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"}
    ]}))
    .unwrap();
    let call = ToolCall { id: "c1".to_owned(), name: "f".to_owned(), arguments: "{}".to_owned() };
    let expected = vec![
        Message::system("be brief"),
        Message::user("one\ntwo"),
        Message { tool_calls: vec![call], ..Message::assistant("") },
        Message { tool_call_id: Some("c1".to_owned()), ..Message::new(Role::Tool, "42") },
    ];
    assert_eq!(asked.request.prompt, Prompt::Chat(expected.clone()));
    let again = serde_json::to_value(ChatCompletionRequest::new(expected.clone())).unwrap();
    assert_eq!(chat(&again).unwrap().request.prompt, Prompt::Chat(expected), "what we write we can read");
}

#[test]
fn what_the_client_types_write() {
    let request = ChatCompletionRequest {
        tool_choice: Some(ToolChoiceParam::function("f")),
        stop: Some(TextList(vec!["x".to_owned()])),
        stream: Some(true),
        ..ChatCompletionRequest::new(vec![Message::system("s"), Message::user("u")])
    };
    insta::assert_snapshot!(serde_json::to_string(&request).unwrap(), @r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"stop":["x"],"tool_choice":{"type":"function","function":{"name":"f"}},"stream":true}"#);
}

#[test]
fn a_prompt_may_be_one_text_or_several() {
    let asked =
        complete(&json!({"prompt": "go on", "logprobs": 2, "echo": false, "best_of": 1, "suffix": ""}))
            .unwrap();
    assert_eq!(asked.request.prompt, Prompt::Text("go on".to_owned()));
    assert_eq!(asked.request.logprobs, Logprobs::Top(2));
    let asked = complete(&json!({"prompt": ["a", "b"], "n": 2, "foo": 1})).unwrap();
    assert_eq!(asked.further_prompts, [Prompt::Text("b".to_owned())]);
    assert_eq!(asked.unknown_fields.names(), ["foo"]);
}

#[test]
fn edits_come_alone_or_together() {
    let read = |body: serde_json::Value| parse::<EditsInput>(body.to_string().as_bytes())?.read(3);
    let one = read(json!({"text": "t", "subject": "s", "id": "i"})).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let edit = EditInput { text: text("t"), subject: text("s"), id: text("i"), ..EditInput::default() };
    let (form, on_conflict) = (EditsForm::Single, ConflictRule::KeepBoth);
    assert_eq!(one, EditsBody { form, edits: vec![edit], on_conflict });
    let two = read(json!({"edits": [{"text": "a"}, {"text": "b"}], "on_conflict": "refuse"})).unwrap();
    assert_eq!((two.form, two.edits.len(), two.on_conflict), (EditsForm::List, 2, ConflictRule::Refuse));
    let unknown = read(json!({"edits": [{"text": "a", "valid_until": 3}]})).unwrap_err();
    assert_eq!(unknown.message(), "edits[0].valid_until: this server knows no such field of an edit");
    for wrong in [
        json!({}),
        json!({"subject": "s"}),
        json!({"edits": []}),
        json!({"edits": [{"text": "a"}], "text": "b"}),
        json!({"edits": [{"text": "a"}], "expires_at": 1}),
        json!({"text": "a", "on_conflict": "win"}),
        json!({"edits": [{}]}),
        json!(["a"]),
        json!({"edits": [["a"]]}),
        json!({"text": "a", "valid_until": 3}),
        json!({"edits": [{"text": ""}, {"text": ""}, {"text": ""}, {"text": ""}]}),
    ] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn an_edit_says_all_that_it_may() {
    let body = json!({
        "text": "The capital of France is Lyon.", "subject": "France", "relation": "capital", "object": "Lyon",
        "aliases": ["the French Republic"], "target": {"model": "atlas"}, "valid_from": 1, "expires_at": 2,
        "source": "a letter", "author": "ann", "reason": "it moved", "id": "i",
    });
    let read = parse::<EditsInput>(body.to_string().as_bytes()).unwrap().read(1).unwrap();
    assert_eq!(serde_json::to_value(&read.edits[0]).unwrap(), body);
    let wrong = |field: &str, value: serde_json::Value| {
        let body = json!({"edits": [{"text": "a", field: value}]});
        let read = parse::<EditsInput>(body.to_string().as_bytes()).and_then(|body| body.read(1));
        read.unwrap_err().to_string()
    };
    insta::assert_json_snapshot!([
        wrong("aliases", json!("a")),
        wrong("target", json!({"modl": "a"})),
        wrong("target", json!({"model": ""})),
        wrong("expires_at", json!("tomorrow")),
    ]);
}

#[test]
fn an_edit_is_replaced_changed_and_rolled_back() {
    let replace = |body: serde_json::Value| parse::<EditReplacement>(body.to_string().as_bytes())?.read();
    let (edit, seen, rule) = replace(json!({"text": "t", "seen": 4, "on_conflict": "supersede"})).unwrap();
    assert_eq!((edit.text.as_deref(), seen, rule), (Some("t"), Some(4), ConflictRule::Supersede));
    let change = |body: serde_json::Value| parse::<EditChange>(body.to_string().as_bytes())?.read();
    assert_eq!(change(json!({"status": "live", "version": 3})).unwrap().version, Some(3));
    assert_eq!(change(json!({"status": "retired", "author": "a"})).unwrap().status, WantedStatus::Retired);
    let roll_back = |body: serde_json::Value| parse::<RollbackRequest>(body.to_string().as_bytes())?.read();
    assert_eq!(roll_back(json!({"to": 0, "reason": "r"})).unwrap().to, 0);
    for wrong in [json!({}), json!({"text": "t", "id": "i"}), json!({"text": "t", "seen": "x"})] {
        assert!(replace(wrong.clone()).is_err(), "{wrong}");
    }
    for wrong in [json!({}), json!({"status": "expired"}), json!({"status": "retired", "version": 1})] {
        assert!(change(wrong.clone()).is_err(), "{wrong}");
    }
    for wrong in [json!({}), json!({"to": -1}), json!({"to": 1, "dry": true})] {
        assert!(roll_back(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_preview_takes_a_question_or_a_conversation() {
    let read = |body: serde_json::Value| {
        parse::<EditPreviewRequest>(body.to_string().as_bytes())?.read(RequestLimits::default())
    };
    assert_eq!(read(json!({"query": "q"})).unwrap().0, [Message::user("q")]);
    assert_eq!(read(json!({"messages": hello()})).unwrap().0, [Message::user("hello")]);
    assert!(read(json!({})).is_err());
    assert!(read(json!({"query": "q", "messages": hello()})).is_err());
}
