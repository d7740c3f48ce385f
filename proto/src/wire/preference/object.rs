//! Pairs as they are stored.

use crate::{
    chat::Sampling,
    ids::{CompletionId, PairId, RevisionId},
    wire::{AppliedEditObject, ChatMessage, ListTag, tag},
};
use serde::{Deserialize, Serialize};

tag! {
    /// `"object": "preference"`.
    PreferenceTag, "preference"
}

tag! {
    /// `"object": "preference.deleted"`.
    DeletedPreferenceTag, "preference.deleted"
}

tag! {
    /// `"object": "feedback"`.
    FeedbackTag, "feedback"
}

/// What a pair was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PreferenceSource {
    /// Somebody named both answers.
    Preference,
    /// Two opposite thumbs.
    Thumb,
    /// A high and a low rating, or a rating and a thumb.
    Rating,
    /// A correction.
    Correction,
    /// A choice among several answers.
    Choice,
    /// A file.
    Import,
    /// A generator.
    Generated,
}

/// What a judge gave each answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferenceScores {
    /// The chosen answer.
    pub chosen: f64,
    /// The rejected answer.
    pub rejected: f64,
}

/// A preference pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferenceObject {
    /// Which pair.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: PairId,
    /// Always `preference`.
    pub object: PreferenceTag,
    /// Its place in the store; ascends, with gaps.
    pub seq: i64,
    /// The conversation up to the answer.
    pub messages: Vec<ChatMessage>,
    /// The better answer.
    pub chosen: String,
    /// The worse answer.
    pub rejected: String,
    /// What it was made from.
    pub source: PreferenceSource,
    /// Who said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The completion that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub completion_id: Option<CompletionId>,
    /// The revision that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub revision: Option<RevisionId>,
    /// The edits that were put in front of the question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<AppliedEditObject>,
    /// How the answers were drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub sampling: Option<Sampling>,
    /// What a judge gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<PreferenceScores>,
    /// Unix seconds.
    pub created: i64,
}

/// A page of pairs, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferenceList {
    /// Always `list`.
    pub object: ListTag,
    /// The pairs.
    pub data: Vec<PreferenceObject>,
    /// Whether more come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// A pair that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletedPreference {
    /// Which.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: PairId,
    /// Always `preference.deleted`.
    pub object: DeletedPreferenceTag,
    /// Always true.
    pub deleted: bool,
}

/// What became of feedback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeedbackObject {
    /// Always `feedback`.
    pub object: FeedbackTag,
    /// The completion that was judged.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub completion_id: CompletionId,
    /// Which of its answers.
    pub answer: u64,
    /// The pairs that it made. A thumb or a rating makes one once there is an opposite one on the same question.
    pub preferences: Vec<PreferenceObject>,
    /// Unix seconds.
    pub created: i64,
}

/// A record of an import that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferenceProblem {
    /// Its line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// In a Parquet file its row, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The field that is wrong; none for the record itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong.
    pub reason: String,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferenceImport {
    /// Pairs that are new.
    pub added: u64,
    /// Pairs that were there already.
    pub unchanged: u64,
    /// Records that were left out.
    pub refused: u64,
    /// The first of them.
    pub problems: Vec<PreferenceProblem>,
}
