//! Log-probabilities in the shape of chat completions.

use crate::event::TokenLogprob;
use serde::{Deserialize, Serialize};

/// What OpenAI sends for a token of no probability; JSON has no infinity.
const IMPOSSIBLE: f32 = -9999.0;

/// A number that JSON can hold.
pub(super) fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { IMPOSSIBLE }
}

/// Log-probabilities of an answer or a piece of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChoiceLogprobs {
    /// One entry for each token.
    pub content: Vec<TokenInfo>,
    /// Always `null`: refusals are not told apart.
    pub refusal: Option<Vec<TokenInfo>>,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenInfo {
    /// Its text.
    pub token: String,
    /// Natural logarithm of its probability; −9999 for zero.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Option<Vec<u8>>,
    /// The most probable tokens at its place.
    pub top_logprobs: Vec<TopToken>,
}

/// One of the most probable tokens at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopToken {
    /// Its text.
    pub token: String,
    /// Natural logarithm of its probability; −9999 for zero.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Option<Vec<u8>>,
}

impl ChoiceLogprobs {
    /// Of these tokens; `None` when there are none, which is how a client that did not ask sees it.
    #[must_use]
    pub fn new(tokens: Vec<TokenLogprob>) -> Option<Self> {
        let content: Vec<_> = tokens.into_iter().map(TokenInfo::from).collect();
        (!content.is_empty()).then_some(Self { content, refusal: None })
    }
}

impl From<TokenLogprob> for TokenInfo {
    fn from(info: TokenLogprob) -> Self {
        let TokenLogprob { token, bytes, logprob, top } = info;
        let top_logprobs = top.into_iter().map(TopToken::from).collect();
        Self { token, logprob: finite(logprob), bytes: Some(bytes), top_logprobs }
    }
}

impl From<TokenLogprob> for TopToken {
    fn from(info: TokenLogprob) -> Self {
        // An alternative has no alternatives of its own.
        let TokenLogprob { token, bytes, logprob, top: _ } = info;
        Self { token, logprob: finite(logprob), bytes: Some(bytes) }
    }
}
