//! `/v1/edit-log`.

use super::object::{ConflictObject, EditObject};
use crate::{ids::EditId, wire::ListTag};
use serde::{Deserialize, Serialize};

/// What an operation did to its edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OperationKind {
    /// The edit stands from here on.
    Add,
    /// A new version took the place of the one that stood.
    Supersede,
    /// An older version stands, again or instead of the one that stood.
    Restore,
    /// The edit was taken back.
    Retire,
    /// The edit gave way to another one that it conflicts with.
    Displace,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationObject {
    /// Its place in the log; ascends, with gaps.
    pub seq: i64,
    /// The first entry of the same request.
    pub batch: i64,
    /// What was done.
    pub operation: OperationKind,
    /// To which edit.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub edit: EditId,
    /// When, Unix seconds.
    pub at: i64,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The entry whose state was asked for, when it was part of a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_to: Option<i64>,
    /// The edit that it gave way to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub displaced_by: Option<EditId>,
    /// The version that stands after it, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<EditObject>,
}

/// A page of the log, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationList {
    /// Always `list`.
    pub object: ListTag,
    /// The entries.
    pub data: Vec<OperationObject>,
    /// Whether more come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// How an edit differs between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum HowDifferent {
    /// It stands in the second only.
    Added,
    /// It stands in the first only.
    Removed,
    /// It stands in both, with different versions.
    Changed,
}

/// What tells two states of the log apart for one edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DifferenceObject {
    /// How it differs.
    pub difference: HowDifferent,
    /// In the first state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<EditObject>,
    /// In the second state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<EditObject>,
}

/// A page of differences, by edit id. One may be empty and yet have a next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DifferenceList {
    /// Always `list`.
    pub object: ListTag,
    /// The differences.
    pub data: Vec<DifferenceObject>,
    /// Whether more come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub next: Option<EditId>,
}

/// A page of conflicts. One may be empty and yet have a next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConflictList {
    /// Always `list`.
    pub object: ListTag,
    /// The conflicts, by the newer edit.
    pub data: Vec<ConflictObject>,
    /// Whether more come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// What a rollback did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollbackObject {
    /// The entry whose state stands again.
    pub to: i64,
    /// The log's last entry before.
    pub from: i64,
    /// The log's last entry after; equal to `from` when there was nothing to undo.
    pub through: i64,
    /// How many edits it took back.
    pub retired: u64,
    /// How many edits it restored, or reverted to an older version.
    pub restored: u64,
}
