//! Completions that are kept.

use crate::{
    ids::CompletionId,
    wire::{AmendInfo, ChatChoice, ChatCompletionTag, ChatMessage, ListTag, TokenUsage, tag},
};
use serde::{Deserialize, Serialize};

/// Which completions of a tenant are kept for feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum KeepRule {
    /// Those whose request says `"store": true`.
    #[default]
    Asked,
    /// All but those whose request says `"store": false`.
    All,
}

/// What a tenant decided about preferences: the body of `PUT /v1/preference-settings`, and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferenceSettings {
    /// Which completions are kept.
    pub keep: KeepRule,
}

/// A completion that was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeptCompletionObject {
    /// Which.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: CompletionId,
    /// Always `chat.completion`.
    pub object: ChatCompletionTag,
    /// Unix seconds.
    pub created: i64,
    /// What answered.
    pub model: String,
    /// The revision that answered.
    pub system_fingerprint: String,
    /// The conversation as it was sent, without edits.
    pub messages: Vec<ChatMessage>,
    /// The answers.
    pub choices: Vec<ChatChoice>,
    /// The token counts.
    pub usage: TokenUsage,
    /// What Amend did.
    pub amend: AmendInfo,
    /// Who asked, as the client named them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// A page of kept completions, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeptList {
    /// Always `list`.
    pub object: ListTag,
    /// The completions.
    pub data: Vec<KeptCompletionObject>,
    /// Whether more come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

tag! {
    /// `"object": "chat.completion.deleted"`.
    DeletedCompletionTag, "chat.completion.deleted"
}

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletedCompletions {
    /// The completion, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub id: Option<CompletionId>,
    /// The user, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Always `chat.completion.deleted`.
    pub object: DeletedCompletionTag,
    /// Always true.
    pub deleted: bool,
    /// Completions that are gone.
    pub completions: u64,
    /// What was said of them, gone as well.
    pub feedback: u64,
    /// Pairs that are gone: those of a user go with the user, those of a single completion stay.
    pub pairs: u64,
}
