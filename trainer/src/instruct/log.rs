//! `training_log.jsonl`: one JSON object a line.

use crate::sft::StepMetrics;
use crate::step_log::LogLine;
use serde::{Deserialize, Serialize};

/// The file's name.
pub(super) const LOG: &str = "training_log.jsonl";

/// A measurement on the held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// Steps done.
    pub step: u64,
    /// Mean negative log-likelihood of the answers' tokens, in nats.
    pub loss: f32,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum InstructLine {
    /// A step.
    Step {
        /// Steps done, this one included.
        step: u64,
        /// Mean negative log-likelihood of the answers' tokens before the step, in nats.
        loss: f32,
        /// The learning rate.
        learning_rate: f64,
        /// The gradients' norm before clipping.
        grad_norm: f64,
        /// Tokens of the step.
        tokens: usize,
        /// Tokens of this step per second of this step.
        tokens_per_second: f64,
    },
    /// A measurement.
    HeldOut(HeldOut),
}

impl From<&StepMetrics> for InstructLine {
    fn from(metrics: &StepMetrics) -> Self {
        let StepMetrics { step, loss, learning_rate, grad_norm, tokens, targets: _, tokens_per_second } =
            *metrics;
        Self::Step { step, loss, learning_rate, grad_norm, tokens, tokens_per_second }
    }
}

impl LogLine for InstructLine {
    fn step(&self) -> u64 {
        match self {
            Self::Step { step, .. } | Self::HeldOut(HeldOut { step, .. }) => *step,
        }
    }
}
