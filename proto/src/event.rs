//! What a model answers: events while it generates, and the completion they fold into.

use crate::{
    chat::ToolCall,
    ids::{EditId, ModelId, RevisionId},
};
use serde::{Deserialize, Serialize};

/// An edit that was put in front of the question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppliedEdit {
    /// Which edit.
    pub id: EditId,
    /// How well it matched the question; the scope decision's scale, higher is closer.
    pub score: f32,
}

/// What answers a request: said once, before the first token.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// The model, as clients name it.
    pub model: ModelId,
    /// The revision that this request is pinned to.
    pub revision: RevisionId,
    /// The edits in front of the question, in prompt order; empty when none was in scope.
    pub edits: Vec<AppliedEdit>,
}

/// One token's log-probability.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// The token's text; may be part of a character's bytes, then lossily decoded.
    pub token: String,
    /// The token's bytes.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// The most probable tokens at this position, most probable first, each with no `top` of its own.
    pub top: Vec<TokenLogprob>,
}

/// A further piece of the answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Delta {
    /// Text to append; may be empty when only `logprobs` or `tool_calls` come.
    pub text: String,
    /// Of the tokens in this piece, when asked for.
    pub logprobs: Vec<TokenLogprob>,
    /// Whole calls; a call is never split over deltas.
    pub tool_calls: Vec<ToolCall>,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its turn, or a stop text came.
    Stop,
    /// `max_tokens` or the context was used up.
    Length,
    /// The model calls tools.
    ToolCalls,
}

impl FinishReason {
    /// The wire's and the metrics' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// Tokens read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the rendered prompt, edits included.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
}

impl Usage {
    /// Prompt and completion together.
    #[must_use]
    pub fn total(self) -> u32 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

/// The end of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// Why.
    pub reason: FinishReason,
    /// What it took.
    pub usage: Usage,
}

/// One step of an answer: `Started`, any number of `Delta`s, `Finished`, in this order, each end once.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatEvent {
    /// The request was admitted, and by what it will be answered.
    Started(Provenance),
    /// A piece of the answer.
    Delta(Delta),
    /// The answer is whole; nothing follows.
    Finished(Finish),
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// What answered.
    pub provenance: Provenance,
    /// The text.
    pub text: String,
    /// Of every token, when asked for.
    pub logprobs: Vec<TokenLogprob>,
    /// The calls, if any.
    pub tool_calls: Vec<ToolCall>,
    /// How it ended.
    pub finish: Finish,
}
