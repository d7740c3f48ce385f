//! From what an endpoint sends to the events of an answer.
//!
//! Endpoints differ in what they leave out, so only what is needed is read, and nothing that is not is asked for.

use super::error::{Said, failed, odd};
use amend_proto::{ChatEvent, Delta, Finish, FinishReason, ModelError, TokenLogprob, ToolCall, Usage};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Calls of one answer.
const MAX_CALLS: usize = 128;

/// An event of a stream, or a whole body.
#[derive(Debug, Default, Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Tokens>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    /// A whole body has a message where an event has a piece of it.
    #[serde(default, alias = "message")]
    delta: Option<Piece>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Logprobs>,
}

#[derive(Debug, Deserialize)]
struct Piece {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Debug, Deserialize)]
struct CallPiece {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: FunctionPiece,
}

#[derive(Debug, Default, Deserialize)]
struct FunctionPiece {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Logprobs {
    #[serde(default)]
    content: Option<Vec<Token>>,
}

#[derive(Debug, Deserialize)]
struct Token {
    token: String,
    logprob: f32,
    #[serde(default)]
    bytes: Option<Vec<u8>>,
    #[serde(default)]
    top_logprobs: Vec<Token>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

impl From<Token> for TokenLogprob {
    fn from(token: Token) -> Self {
        let Token { token, logprob, bytes, top_logprobs } = token;
        let bytes = bytes.unwrap_or_else(|| token.clone().into_bytes());
        Self { token, bytes, logprob, top: top_logprobs.into_iter().map(Into::into).collect() }
    }
}

/// How far an answer has been read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Calls come in pieces; an event holds whole ones.
    calls: BTreeMap<u32, ToolCall>,
    reason: Option<FinishReason>,
    usage: Usage,
}

impl Reading {
    /// What further piece this is, if it is one.
    ///
    /// # Errors
    /// When it is not JSON, tells of a failure, or the model refused to answer.
    pub(super) fn take(&mut self, data: &str) -> Result<Option<ChatEvent>, ModelError> {
        let read = serde_json::from_str::<Chunk>(data);
        let Chunk { choices, usage, error } =
            read.map_err(|error| odd("the endpoint sent what is no answer").with_source(error))?;
        if let Some(error) = error.filter(|error| !error.is_null()) {
            return Err(failed(&Said::in_error(&error)));
        }
        if let Some(Tokens { prompt_tokens, completion_tokens }) = usage {
            self.usage = Usage { prompt_tokens, completion_tokens };
        }
        let mut delta = Delta::default();
        for choice in choices.into_iter().filter(|choice| choice.index == 0) {
            self.choice(choice, &mut delta)?;
        }
        let said = !delta.text.is_empty() || !delta.logprobs.is_empty();
        Ok(said.then_some(ChatEvent::Delta(delta)))
    }

    fn choice(&mut self, choice: Choice, delta: &mut Delta) -> Result<(), ModelError> {
        let Choice { index: _, delta: piece, finish_reason, logprobs } = choice;
        if let Some(Piece { content, refusal, tool_calls }) = piece {
            if refusal.is_some_and(|refusal| !refusal.is_empty()) {
                return Err(ModelError::invalid("messages", "the endpoint's model refuses to answer this"));
            }
            delta.text.push_str(&content.unwrap_or_default());
            for (place, call) in (0..).zip(tool_calls.unwrap_or_default()) {
                self.call(place, call)?;
            }
        }
        let tokens = logprobs.and_then(|logprobs| logprobs.content).unwrap_or_default();
        delta.logprobs.extend(tokens.into_iter().map(TokenLogprob::from));
        match finish_reason.as_deref() {
            None | Some("") => {}
            Some("length") => self.reason = Some(FinishReason::Length),
            Some("tool_calls" | "function_call") => self.reason = Some(FinishReason::ToolCalls),
            // What was filtered is not what the model said.
            Some("content_filter") => {
                return Err(ModelError::invalid("messages", "the endpoint's filter held the answer back"));
            }
            // Whatever else it is called: the model has ended.
            Some(_) => self.reason = Some(FinishReason::Stop),
        }
        Ok(())
    }

    fn call(&mut self, place: u32, piece: CallPiece) -> Result<(), ModelError> {
        let CallPiece { index, id, function: FunctionPiece { name, arguments } } = piece;
        let index = index.unwrap_or(place);
        if self.calls.len() == MAX_CALLS && !self.calls.contains_key(&index) {
            return Err(odd(format!("the endpoint's model makes more than {MAX_CALLS} calls")));
        }
        let empty = || ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
        let call = self.calls.entry(index).or_insert_with(empty);
        // Some send it again with every piece.
        if let Some(id) = id.filter(|_| call.id.is_empty()) {
            call.id = id;
        }
        if let Some(name) = name.filter(|_| call.name.is_empty()) {
            call.name = name;
        }
        call.arguments.push_str(&arguments.unwrap_or_default());
        Ok(())
    }

    /// What is left to tell when nothing more comes.
    ///
    /// # Errors
    /// When the answer was not whole.
    pub(super) fn end(self) -> Result<Vec<ChatEvent>, ModelError> {
        let Self { calls, reason, usage } = self;
        let reason = reason.ok_or_else(|| odd("the endpoint's answer broke off before its end"))?;
        let tool_calls: Vec<ToolCall> = calls.into_values().collect();
        let calls = Delta { tool_calls, ..Delta::default() };
        let calls = (!calls.tool_calls.is_empty()).then_some(ChatEvent::Delta(calls));
        Ok(calls.into_iter().chain([ChatEvent::Finished(Finish { reason, usage })]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::ErrorKind;

    fn read(events: &[&str]) -> Result<Vec<ChatEvent>, ModelError> {
        let (mut reading, mut all) = (Reading::default(), Vec::new());
        for event in events {
            all.extend(reading.take(event)?);
        }
        all.extend(reading.end()?);
        Ok(all)
    }

    #[test]
    fn calls_are_put_together_and_come_whole() {
        let events = read(&[
            r#"{"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"look","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c2","function":{"name":"go","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#,
        ])
        .unwrap();
        let [ChatEvent::Delta(delta), ChatEvent::Finished(finish)] = events.as_slice() else {
            panic!("{events:?}")
        };
        let calls: Vec<_> = delta
            .tool_calls
            .iter()
            .map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str()))
            .collect();
        assert_eq!(calls, [("c1", "look", "{\"a\":1}"), ("c2", "go", "{}")]);
        assert_eq!(finish.reason, FinishReason::ToolCalls);
        assert_eq!((finish.usage.prompt_tokens, finish.usage.completion_tokens), (3, 4));
    }

    #[test]
    fn a_whole_body_is_read_as_one_piece() {
        let body = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop",
            "logprobs":{"content":[{"token":"Yes.","logprob":-0.5}]}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
        let events = read(&[body]).unwrap();
        let ChatEvent::Delta(delta) = &events[0] else { panic!("{events:?}") };
        assert_eq!((delta.text.as_str(), delta.logprobs[0].bytes.as_slice()), ("Yes.", b"Yes.".as_slice()));
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn what_is_no_answer_is_an_error_of_its_own_kind() {
        let piece = r#"{"choices":[{"delta":{"content":"Y"}}]}"#;
        let refused = ErrorKind::InvalidRequest { param: Some("messages".to_owned()) };
        for (event, kind) in [
            (piece, ErrorKind::Engine),
            ("not json", ErrorKind::Engine),
            (r#"{"error":{"message":"out of memory"}}"#, ErrorKind::Engine),
            (r#"{"choices":[{"delta":{"refusal":"I cannot"}}]}"#, refused.clone()),
            (r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#, refused),
        ] {
            assert_eq!(read(&[piece, event]).unwrap_err().kind(), &kind, "{event}");
        }
    }
}
