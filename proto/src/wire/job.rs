//! `/v1/jobs`: what the daemon does in the background.

use super::{ListTag, tag};
use crate::ids::JobId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

tag! {
    /// `"object": "job"`.
    JobTag, "job"
}
tag! {
    /// `"object": "job.line"`.
    JobLineTag, "job.line"
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum JobKind {
    /// Trains a candidate revision on preference pairs.
    Bmc,
    /// Measures a revision against the live one, and decides whether it may ship.
    Gate,
    /// Makes instruction data where a student is behind its teacher.
    Lion,
    /// Makes instruction data from documents.
    Webr,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// It is worked on.
    Running,
    /// It was begun and waits: for users' requests, or for the quiet hours to end.
    Paused,
    /// It did what it was to do.
    Done,
    /// It did not; `reason` says why.
    Failed,
    /// Somebody called it off.
    Cancelled,
}

impl JobState {
    /// Whether it stays so.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// What a job is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum JobPhase {
    /// Nothing yet.
    #[default]
    Waiting,
    /// It gathers its pairs.
    Collecting,
    /// A modifier model rewrites losing answers.
    Bridging,
    /// The reference scores the pairs.
    Reference,
    /// It trains.
    Training,
    /// The result becomes a candidate revision.
    Registering,
    /// The revision that is to be judged is loaded beside the live one.
    Loading,
    /// The suites are asked.
    Measuring,
    /// The verdict is computed from what was measured.
    Deciding,
    /// Models are asked for data.
    Asking,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobProgress {
    /// What it is at.
    pub phase: JobPhase,
    /// So much of it is done: pairs, or steps.
    pub done: u64,
    /// Of so much.
    pub of: u64,
    /// The figures of the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub metrics: Option<Value>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobObject {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: JobId,
    /// Always `job`.
    pub object: JobTag,
    /// What it does.
    pub kind: JobKind,
    /// Where it is.
    pub state: JobState,
    /// How far it is.
    pub progress: JobProgress,
    /// When it was asked for, Unix seconds.
    pub created_at: i64,
    /// When it was begun for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// How often it was begun: more than once when the daemon went down meanwhile.
    pub starts: u64,
    /// Every setting, seeds included.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub config: Value,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub result: Option<Value>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A page of jobs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobList {
    /// Always `list`.
    pub object: ListTag,
    /// The jobs.
    pub data: Vec<JobObject>,
    /// Whether older ones come after them.
    pub has_more: bool,
    /// The next page's `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub next: Option<JobId>,
}

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobLine {
    /// Always `job.line`.
    pub object: JobLineTag,
    /// Its place; ascends, with gaps.
    pub seq: i64,
    /// When, Unix seconds.
    pub at: i64,
    /// What was said.
    pub line: String,
}

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TrainMethod {
    /// An adapter, merged into the model at the end.
    Lora,
    /// Every weight.
    Full,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TrainObjective {
    /// DPO with weights by correlation: the default.
    DpoBmc,
    /// `SimPO` with weights by correlation.
    SimPoBmc,
    /// Direct preference optimisation.
    Dpo,
    /// Simple preference optimisation.
    SimPo,
    /// Identity preference optimisation.
    Ipo,
}

/// Who rewrites losing answers before the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TrainBridging {
    /// Nobody.
    #[default]
    None,
    /// The live model, between users' requests.
    Live,
    /// The oracle of atlas, which knows the small world of the built-in model.
    Atlas,
    /// The OpenAI-compatible endpoint that the operator named.
    Endpoint,
}

/// A job to begin. What is left out is as the operator set it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobRequest {
    /// What it shall do.
    pub kind: JobKind,
    /// What learns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<TrainMethod>,
    /// What is minimised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<TrainObjective>,
    /// Who rewrites losing answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridging: Option<TrainBridging>,
    /// Decides every draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How often every pair is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// At most so many steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// Pairs of one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs_per_step: Option<usize>,
    /// The highest learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// How strongly the model is held to what it was, or the scale of its scores where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// The share of mislabelled pairs that is reckoned with, below 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f64>,
    /// How much of plain fine-tuning on the chosen answers is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sft_weight: Option<f64>,
    /// The training ends after so long, with what has been learned by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_seconds: Option<u64>,
    /// Fewer pairs than this are not trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_pairs: Option<usize>,
}
