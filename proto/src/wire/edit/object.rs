//! Edits as they are answered.

use crate::{
    ids::{EditId, ModelId, RevisionId},
    wire::{ListTag, tag},
};
use serde::{Deserialize, Serialize};

tag! {
    /// `"object": "edit"`.
    EditTag, "edit"
}

/// Which models an edit corrects: `"all_models"`, `{"model": "atlas"}` or `{"revision": "atlas-1"}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EditTarget {
    /// Every model that is served.
    #[default]
    AllModels,
    /// Every revision of one model.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    Model(ModelId),
    /// One revision only.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    Revision(RevisionId),
}

/// What has become of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EditStatus {
    /// It stands and is in force.
    Live,
    /// It stands; its `valid_from` is yet to come.
    Scheduled,
    /// It stands; its `expires_at` has passed.
    Expired,
    /// It gave way to another edit.
    Superseded,
    /// It was taken back.
    Retired,
}

/// A stored edit: one version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditObject {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: EditId,
    /// The entry of the log that wrote this version; ascends, with gaps.
    pub seq: i64,
    /// Whether it is in force.
    pub status: EditStatus,
    /// The statement.
    pub text: String,
    /// What it is about, if that was given.
    pub subject: Option<String>,
    /// What of the subject it states, if that was given: `capital`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    /// The value that it states, if that was given: `Lyon`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Other names of the subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Which models it corrects; without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<EditTarget>,
    /// In force from then on, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<i64>,
    /// In force until then, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Where the statement comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Who wrote this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When its first version was added, Unix seconds.
    pub created_at: i64,
    /// When this version was written, Unix seconds.
    pub updated_at: i64,
}

/// How two edits conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ConflictKind {
    /// The same subject and relation, different objects.
    Contradiction,
    /// The same statement in the same or almost the same words.
    Duplicate,
}

/// What was done about a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Resolution {
    /// Both stand; the newer goes last in the prompt, and so wins.
    KeptBoth,
    /// The older one gave way.
    Superseded,
}

/// One edit in conflict with an older one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConflictObject {
    /// The newer edit.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub edit: EditId,
    /// The older one.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub with: EditId,
    /// The older one's version.
    pub with_seq: i64,
    /// How they conflict.
    pub kind: ConflictKind,
    /// What was done about it.
    pub resolution: Resolution,
}

/// A page of edits, oldest version first; also what storing edits answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditList {
    /// Always `list`.
    pub object: ListTag,
    /// The edits.
    pub data: Vec<EditObject>,
    /// The first one's id.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub first_id: Option<EditId>,
    /// The last one's id. It may also be the next page's `after`, but an edit that is superseded meanwhile then hides
    /// what stood before its new version: go on with `next`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub last_id: Option<EditId>,
    /// Whether more come after them.
    pub has_more: bool,
    /// The next page's `after`, to be passed on as it is: a text, or (of a past state, `as_of`) a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<EditCursor>,
    /// What the edits that were stored conflict with; told again when they are sent again under an idempotency key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<ConflictObject>,
}

/// Where the next page of edits begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EditCursor {
    /// Of a past state: behind this version.
    Version(i64),
    /// Of the edits that stand.
    Text(String),
}

impl EditList {
    /// A page, with what the next one begins after.
    #[must_use]
    pub fn new(data: Vec<EditObject>, next: Option<EditCursor>) -> Self {
        let (first_id, last_id) = (data.first().map(|e| e.id.clone()), data.last().map(|e| e.id.clone()));
        let has_more = next.is_some();
        Self { object: ListTag::Tag, data, first_id, last_id, has_more, next, conflicts: Vec::new() }
    }
}

/// What writing one edit answers: the edit as it stands, and what it conflicts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WrittenEdit {
    /// The edit.
    #[serde(flatten)]
    pub edit: EditObject,
    /// What it conflicts with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<ConflictObject>,
}

/// An edit with what has become of it, whether it stands or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KnownEdit {
    /// Its last version.
    #[serde(flatten)]
    pub edit: EditObject,
    /// The edit that it gave way to, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub superseded_by: Option<EditId>,
}

/// What removing an edit answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletedEdit {
    /// The edit that is gone.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: EditId,
    /// Always `edit`.
    pub object: EditTag,
    /// Always true.
    pub deleted: bool,
}

impl DeletedEdit {
    /// Of the edit that is gone.
    #[must_use]
    pub fn new(id: EditId) -> Self {
        Self { id, object: EditTag::Tag, deleted: true }
    }
}
