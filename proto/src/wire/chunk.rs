//! The events of a streamed chat completion.

use super::{
    answer::{AmendInfo, AnswerHead, AssistantTag, TokenUsage},
    choice::ChoiceLogprobs,
    tag,
    tool::{FunctionCall, ToolCallObject, ToolType},
};
use crate::event::{Delta, FinishReason};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

tag! {
    /// `"object": "chat.completion.chunk"`.
    ChunkTag, "chat.completion.chunk"
}

/// The `data:` of one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatCompletionChunk {
    /// Names the answer.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: Arc<str>,
    /// Always the same.
    pub object: ChunkTag,
    /// Unix seconds.
    pub created: u64,
    /// What answers.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub model: Arc<str>,
    /// The revision that answers.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub system_fingerprint: Arc<str>,
    /// The piece; none in the chunk that tells the usage.
    pub choices: Vec<ChunkChoice>,
    /// The token counts, in the chunk for them; `null` in the others when they were asked for, else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<TokenUsage>))]
    pub usage: Option<Option<TokenUsage>>,
    /// What Amend did, in the last chunk of each answer and in the one that tells the usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amend: Option<AmendInfo>,
}

/// A piece of one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChunkChoice {
    /// Which of the `n`.
    pub index: u32,
    /// What is new.
    pub delta: ChunkDelta,
    /// Of the tokens in this piece, when asked for.
    pub logprobs: Option<ChoiceLogprobs>,
    /// `null` until the last chunk of this answer.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub finish_reason: Option<FinishReason>,
}

/// What is new.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChunkDelta {
    /// In the first chunk of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AssistantTag>,
    /// Text to append.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Calls, whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ChunkToolCall>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChunkToolCall {
    /// Which of the answer's calls.
    pub index: u32,
    /// Ties the tool's result to this call.
    pub id: String,
    /// `function`.
    #[serde(rename = "type")]
    pub kind: ToolType,
    /// The call.
    pub function: FunctionCall,
}

impl ChatCompletionChunk {
    /// An event with this piece.
    #[must_use]
    pub fn new(head: &AnswerHead, choice: Option<ChunkChoice>) -> Self {
        let AnswerHead { id, created, model, revision } = head;
        Self {
            id: Arc::clone(id),
            object: ChunkTag::Tag,
            created: *created,
            model: Arc::clone(model),
            system_fingerprint: Arc::clone(revision),
            choices: choice.into_iter().collect(),
            usage: None,
            amend: None,
        }
    }
}

impl ChunkChoice {
    /// The first piece of an answer: it says who speaks.
    #[must_use]
    pub fn first(index: u32) -> Self {
        let delta = ChunkDelta {
            role: Some(AssistantTag::Tag),
            content: Some(String::new()),
            ..ChunkDelta::default()
        };
        Self { index, delta, logprobs: None, finish_reason: None }
    }

    /// A further piece. `calls_before` counts the calls in earlier pieces of this answer.
    #[must_use]
    pub fn further(index: u32, delta: Delta, calls_before: u32) -> Self {
        let Delta { text, logprobs, tool_calls } = delta;
        let calls = (calls_before..).zip(tool_calls).map(|(index, call)| {
            let ToolCallObject { id, kind, function, extra: _ } = ToolCallObject::from(call);
            ChunkToolCall { index, id, kind, function }
        });
        let tool_calls: Vec<_> = calls.collect();
        let content = (!text.is_empty() || tool_calls.is_empty()).then_some(text);
        Self {
            index,
            delta: ChunkDelta { role: None, content, tool_calls },
            logprobs: ChoiceLogprobs::new(logprobs),
            finish_reason: None,
        }
    }

    /// The last piece: it says why the answer ended.
    #[must_use]
    pub fn last(index: u32, reason: FinishReason) -> Self {
        Self { index, delta: ChunkDelta::default(), logprobs: None, finish_reason: Some(reason) }
    }
}
