//! `/v1/gates`: may a revision ship?

use super::{ListTag, tag};
use crate::ids::{GateId, JobId, RevisionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

tag! {
    /// `"object": "gate"`.
    GateTag, "gate"
}

/// Where a gate is. Once it has a verdict, this is the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum GateState {
    /// It waits for its turn.
    Queued,
    /// It measures.
    Running,
    /// The candidate may ship.
    Pass,
    /// It may not.
    Fail,
    /// What was measured does not tell.
    Inconclusive,
    /// It could not be measured; the job says why. This says nothing of the candidate.
    Error,
    /// Somebody called it off.
    Cancelled,
}

impl GateState {
    /// Whether it stays so.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What a gate found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum GateVerdict {
    /// The candidate may ship.
    Pass,
    /// It may not.
    Fail,
    /// What was measured does not tell.
    Inconclusive,
}

/// What follows a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum GateAction {
    /// It is put on the record: a candidate that passed is `gated`, one that failed `rejected`.
    #[default]
    Record,
    /// The same, and one that passed goes live.
    Promote,
    /// The same, and one that passed answers a share of the users first, as the operator set it, and goes live when nothing
    /// is found.
    Canary,
    /// It is put on the record, and when the live revision itself fails, the one before it goes live again. For a gate of
    /// `live` against `previous`.
    RollBack,
}

/// Why there is a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum GateOrigin {
    /// Somebody asked for it.
    #[default]
    Asked,
    /// The candidate was just trained.
    Trained,
    /// It was time to look at the live revision again.
    Schedule,
}

/// One reason of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GateReason {
    /// What kind of reason, such as `worse_than_live`: for programs.
    pub code: String,
    /// The suite that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// For people, with the figures.
    pub message: String,
}

/// The policy that a gate decides by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GatePolicy {
    /// What it calls itself.
    pub name: String,
    /// SHA-256 of what it says.
    pub fingerprint: String,
}

/// A gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GateObject {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: GateId,
    /// Always `gate`.
    pub object: GateTag,
    /// What is judged.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub candidate: RevisionId,
    /// What it is compared with, once that is measured: the revision that was live when the gate began, unless another one
    /// was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub live: Option<RevisionId>,
    /// What decides.
    pub policy: GatePolicy,
    /// The judges and their versions; empty when code decides everything.
    pub judges: Vec<String>,
    /// What follows.
    pub on_verdict: GateAction,
    /// Why there is a gate.
    pub origin: GateOrigin,
    /// Where it is.
    pub state: GateState,
    /// What it found, once it has.
    pub verdict: Option<GateVerdict>,
    /// Why.
    pub reasons: Vec<GateReason>,
    /// What was measured and computed, suite by suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub decision: Option<Value>,
    /// The job that does it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub job: JobId,
    /// When it was asked for, Unix seconds.
    pub created_at: i64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// A page of gates, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GateList {
    /// Always `list`.
    pub object: ListTag,
    /// The gates.
    pub data: Vec<GateObject>,
    /// Whether older ones come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub next: Option<GateId>,
}

/// A gate to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GateRequest {
    /// What is to be judged: `live` is the live revision itself.
    pub candidate: String,
    /// What it is compared with: a revision, or `previous`, which was live before the live one (itself, if none was); the live
    /// one, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// A policy in TOML; the operator's, unless given. Only a gate by the operator's opens the way to promotion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// What follows.
    #[serde(default)]
    pub on_verdict: GateAction,
    /// When a gate of the same revision stands, against the same live one, by the same policy and judges, or is under way,
    /// it is given, and none is begun.
    #[serde(default)]
    pub reuse: bool,
}

impl GateRequest {
    /// Of a candidate against what is live, by the operator's policy; the verdict is recorded.
    #[must_use]
    pub fn of(candidate: impl Into<String>) -> Self {
        Self {
            candidate: candidate.into(),
            against: None,
            policy: None,
            on_verdict: GateAction::Record,
            reuse: false,
        }
    }
}
