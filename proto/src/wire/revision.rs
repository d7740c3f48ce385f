//! `/v1/revisions`: the versions of the served model.

use super::{ListTag, tag};
use crate::ids::{GateId, JobId, RevisionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

tag! {
    /// `"object": "revision"`.
    RevisionTag, "revision"
}
tag! {
    /// `"object": "revision.switch"`.
    SwitchTag, "revision.switch"
}

/// What a revision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RevisionKind {
    /// The model that the operator named.
    Base,
    /// One that was trained from it, or from another trained one.
    Trained,
}

/// Where a revision is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RevisionState {
    /// It was made, and nobody has judged it.
    Candidate,
    /// The gate has let it through.
    Gated,
    /// It answers. One revision does.
    Live,
    /// It is out of use: it was live before, or it was put aside.
    Retired,
    /// It must not be used: it was judged bad, or could not be loaded.
    Rejected,
}

/// Where a revision comes from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionProvenance {
    /// What it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub parent: Option<RevisionId>,
    /// The model that the operator named.
    pub model: String,
    /// SHA-256 of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// SHA-256 of the pairs that it learned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Where the pairs come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// The job that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub job: Option<JobId>,
    /// Every setting, seeds included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub config: Option<Value>,
    /// What was measured: before and after, on the held-out pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub metrics: Option<Value>,
    /// The version of Amend that made it.
    pub code_version: String,
}

/// A revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionObject {
    /// Its name: a hash of its content, as every answer tells it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: RevisionId,
    /// Always `revision`.
    pub object: RevisionTag,
    /// What it is.
    pub kind: RevisionKind,
    /// Where it is in its life.
    pub state: RevisionState,
    /// When it was registered, Unix seconds.
    pub created_at: i64,
    /// Where it comes from.
    pub provenance: RevisionProvenance,
}

/// The revisions of the served model, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionList {
    /// Always `list`.
    pub object: ListTag,
    /// The one that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub live: Option<RevisionId>,
    /// The revisions.
    pub data: Vec<RevisionObject>,
    /// Whether older ones come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub next: Option<RevisionId>,
}

/// Makes a revision live.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PromoteRequest {
    /// Also when the gate has not let it through.
    #[serde(default)]
    pub force: bool,
    /// The revision that you believe to be live: refused when it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub expected_live: Option<RevisionId>,
}

/// Makes the revision live that was live before this one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollbackRevisionRequest {
    /// As for promoting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub expected_live: Option<RevisionId>,
}

/// A change of the live revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SwitchObject {
    /// Always `revision.switch`.
    pub object: SwitchTag,
    /// What was live before.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub from: RevisionId,
    /// What is live now.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub to: RevisionId,
    /// When, Unix seconds.
    pub at: i64,
    /// How long loading and warming took, in seconds; requests were answered meanwhile.
    pub load_seconds: f64,
}

/// Why the live revision changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SwitchHow {
    /// It was the first, or the base model came in another format.
    Start,
    /// Somebody, or a gate, promoted it.
    Promote,
    /// Somebody, or a gate, went back.
    Rollback,
    /// The live one could not be used any more.
    Fallback,
}

/// One change of the live revision, as it is on the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SwitchNote {
    /// Its place; later ones are larger.
    pub seq: i64,
    /// What was live before.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub from: Option<RevisionId>,
    /// What was live then.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub to: RevisionId,
    /// Why.
    pub how: SwitchHow,
    /// Whether somebody asked for it against or without a gate.
    pub forced: bool,
    /// The gate that let it through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub gate: Option<GateId>,
    /// When, Unix seconds.
    pub at: i64,
}

/// The changes of the live revision, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SwitchList {
    /// Always `list`.
    pub object: ListTag,
    /// The changes.
    pub data: Vec<SwitchNote>,
    /// Whether older ones come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// A file of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionFile {
    /// Its path in the revision's folder, such as `model/config.json`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// The files of a revision, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionFileList {
    /// Always `list`.
    pub object: ListTag,
    /// The files.
    pub data: Vec<RevisionFile>,
}
