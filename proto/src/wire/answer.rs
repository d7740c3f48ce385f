//! Answers: what every one carries, and the whole body of a chat completion.

use super::{choice::ChoiceLogprobs, tag, tool::ToolCallObject};
use crate::{
    event::{AppliedEdit, Completion, FinishReason, Provenance, Usage},
    ids::{EditId, RevisionId},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What every body and every event of one answer repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerHead {
    /// Names the answer.
    pub id: Arc<str>,
    /// Unix seconds.
    pub created: u64,
    /// The model that answers.
    pub model: Arc<str>,
    /// The revision that answers; on the wire `system_fingerprint`.
    pub revision: Arc<str>,
}

impl AnswerHead {
    /// A head with a fresh id that begins with `prefix`, such as `chatcmpl-`.
    #[must_use]
    pub fn new(prefix: &str, created: u64, by: &Provenance) -> Self {
        let Provenance { model, revision, edits: _ } = by;
        Self {
            id: format!("{prefix}{}", uuid::Uuid::now_v7().simple()).into(),
            created,
            model: model.as_str().into(),
            revision: revision.as_str().into(),
        }
    }
}

/// What Amend did for an answer: the field `amend` of a body or of an answer's last chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AmendInfo {
    /// The revision that answered.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub revision: RevisionId,
    /// The edits that were put in front of the question, in prompt order.
    pub edits: Vec<AppliedEditObject>,
    /// Fields of the request that had no effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_fields: Vec<String>,
    /// Whether the answer was kept, when it was to be: only then feedback finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<bool>,
}

/// An edit that was put in front of the question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppliedEditObject {
    /// Which edit.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: EditId,
    /// How well it matched the question; higher is closer.
    pub score: f32,
}

impl AmendInfo {
    /// What to tell of an answer by `by` to a request with these unknown fields.
    #[must_use]
    pub fn new(by: Provenance, unknown_fields: Vec<String>) -> Self {
        let Provenance { model: _, revision, edits } = by;
        let edits =
            edits.into_iter().map(|AppliedEdit { id, score }| AppliedEditObject { id, score }).collect();
        Self { revision, edits, unknown_fields, kept: None }
    }
}

/// Tokens read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenUsage {
    /// Tokens of the rendered prompt, edits included; of several answers to it, once.
    pub prompt_tokens: u64,
    /// Tokens generated, over all answers.
    pub completion_tokens: u64,
    /// Both together.
    pub total_tokens: u64,
}

impl TokenUsage {
    /// Adds choice `index`; each prompt has `per_prompt` choices in a row and is counted with the first of them.
    pub fn add(&mut self, index: u32, per_prompt: u32, usage: Usage) {
        let Usage { prompt_tokens, completion_tokens } = usage;
        if index.is_multiple_of(per_prompt.max(1)) {
            self.prompt_tokens += u64::from(prompt_tokens);
        }
        self.completion_tokens += u64::from(completion_tokens);
        self.total_tokens = self.prompt_tokens + self.completion_tokens;
    }
}

tag! {
    /// `"object": "chat.completion"`.
    ChatCompletionTag, "chat.completion"
}

tag! {
    /// `"role": "assistant"`.
    AssistantTag, "assistant"
}

/// The body that answers `POST /v1/chat/completions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatCompletion {
    /// Names the answer.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: Arc<str>,
    /// Always the same.
    pub object: ChatCompletionTag,
    /// Unix seconds.
    pub created: u64,
    /// What answered.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub model: Arc<str>,
    /// The revision that answered.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub system_fingerprint: Arc<str>,
    /// The answers.
    pub choices: Vec<ChatChoice>,
    /// The token counts.
    pub usage: TokenUsage,
    /// What Amend did.
    pub amend: AmendInfo,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatChoice {
    /// Which of the `n`.
    pub index: u32,
    /// What is said.
    pub message: ChatAnswer,
    /// Of its tokens, when asked for.
    pub logprobs: Option<ChoiceLogprobs>,
    /// `stop`, `length` or `tool_calls`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub finish_reason: FinishReason,
}

/// What the model says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatAnswer {
    /// Always `assistant`.
    pub role: AssistantTag,
    /// The text; `null` when only tools are called.
    pub content: Option<String>,
    /// Always `null`: refusals are not told apart.
    pub refusal: Option<String>,
    /// The calls, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallObject>,
}

impl ChatChoice {
    /// The answer `index` of a completion that was kept as text.
    #[must_use]
    pub fn kept(index: u32, text: String, finish_reason: FinishReason) -> Self {
        let message = ChatAnswer {
            role: AssistantTag::Tag,
            content: Some(text),
            refusal: None,
            tool_calls: Vec::new(),
        };
        Self { index, message, logprobs: None, finish_reason }
    }

    /// The answer `index`.
    #[must_use]
    pub fn whole(index: u32, completion: Completion) -> Self {
        let Completion { provenance: _, text, logprobs, tool_calls, finish } = completion;
        let tool_calls: Vec<_> = tool_calls.into_iter().map(ToolCallObject::from).collect();
        let content = (!text.is_empty() || tool_calls.is_empty()).then_some(text);
        Self {
            index,
            message: ChatAnswer { role: AssistantTag::Tag, content, refusal: None, tool_calls },
            logprobs: ChoiceLogprobs::new(logprobs),
            finish_reason: finish.reason,
        }
    }
}

impl ChatCompletion {
    /// The body with these answers.
    #[must_use]
    pub fn new(head: AnswerHead, choices: Vec<ChatChoice>, usage: TokenUsage, amend: AmendInfo) -> Self {
        let AnswerHead { id, created, model, revision } = head;
        let object = ChatCompletionTag::Tag;
        Self { id, object, created, model, system_fingerprint: revision, choices, usage, amend }
    }
}
