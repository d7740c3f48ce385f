//! `/v1/canaries`: a candidate answers a share of the users, watched.

use super::{ListTag, tag};
use crate::ids::{CanaryId, GateId, RevisionId};
use serde::{Deserialize, Serialize};

tag! {
    /// `"object": "canary"`.
    CanaryTag, "canary"
}

/// Where a canary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CanaryState {
    /// The candidate answers its share.
    Running,
    /// It answered as many as were wanted, and nothing was found. Everybody is answered by the live revision again.
    Passed,
    /// The same, and it is live.
    Promoted,
    /// It did worse than the live revision, and was taken off.
    Aborted,
    /// Somebody took it off.
    Stopped,
    /// Another revision became live meanwhile.
    Superseded,
}

impl CanaryState {
    /// Whether it stays so.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Running
    }
}

/// What follows when nothing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CanaryEnd {
    /// It is put on the record, and the live revision answers everybody.
    #[default]
    Hold,
    /// The candidate goes live.
    Promote,
}

/// What one of the two revisions did while the canary ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CanaryArm {
    /// Requests that ended, whole or with a failure of the model's.
    pub ended: u64,
    /// Those that failed.
    pub failed: u64,
    /// Answers whose first token was timed against the live revision's.
    pub timed: u64,
    /// Those whose first token took more than twice the live revision's median.
    pub slow: u64,
    /// Answers that users said something of: thumbs, ratings, corrections.
    pub judged: u64,
    /// Those that they did not like.
    pub disliked: u64,
}

/// A canary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CanaryObject {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: CanaryId,
    /// Always `canary`.
    pub object: CanaryTag,
    /// Which revision answers the share.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub candidate: RevisionId,
    /// Which one answers the others.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub live: RevisionId,
    /// The share of users, or of requests that name no `user`, 0 to 1.
    pub share: f64,
    /// The candidate's answers that end it.
    pub answers: u64,
    /// What follows then.
    pub then: CanaryEnd,
    /// The gate that let the candidate through; absent when somebody insisted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub gate: Option<GateId>,
    /// Whether somebody insisted.
    pub forced: bool,
    /// Where it is.
    pub state: CanaryState,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the live revision did.
    pub of_live: CanaryArm,
    /// What the candidate did.
    pub of_candidate: CanaryArm,
    /// When it began, Unix seconds.
    pub created_at: i64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// A page of canaries, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CanaryList {
    /// Always `list`.
    pub object: ListTag,
    /// The canaries.
    pub data: Vec<CanaryObject>,
    /// Whether older ones come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub next: Option<CanaryId>,
}

/// A canary to begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CanaryRequest {
    /// Which revision.
    pub candidate: String,
    /// The share of users, above 0, 0.5 at most.
    pub share: f64,
    /// The candidate's answers that end it; 500 unless given.
    #[serde(default = "enough")]
    pub answers: u64,
    /// What follows then.
    #[serde(default)]
    pub then: CanaryEnd,
    /// Also when no gate has let it through.
    #[serde(default)]
    pub force: bool,
    /// The revision that you believe to be live: refused when it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub expected_live: Option<RevisionId>,
}

/// A canary's answers unless a request says so many.
pub const ENOUGH_CANARY_ANSWERS: u64 = 500;

fn enough() -> u64 {
    ENOUGH_CANARY_ANSWERS
}
