//! What is measured, and the files it goes to: `metrics.jsonl` and TensorBoard's.

use super::loss::PairLoss;
use super::tensorboard::EventFile;
use crate::step_log::{LogLine, StepLog, read_log};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

const LOG: &str = "metrics.jsonl";

/// Means over pairs, under the names that other trainers use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PairMeans {
    /// The loss.
    pub loss: f64,
    /// The implicit reward of the winning response ([`ResponseScore::reward`](super::loss::ResponseScore::reward)).
    #[serde(rename = "rewards/chosen")]
    pub chosen_reward: f64,
    /// The implicit reward of the losing response.
    #[serde(rename = "rewards/rejected")]
    pub rejected_reward: f64,
    /// The share of the pairs whose winning response has the higher reward.
    #[serde(rename = "rewards/accuracies")]
    pub accuracy: f64,
    /// How much higher its reward is.
    #[serde(rename = "rewards/margins")]
    pub margin: f64,
    /// `log π_θ` of the winning response.
    #[serde(rename = "logps/chosen")]
    pub chosen_log_prob: f64,
    /// `log π_θ` of the losing response.
    #[serde(rename = "logps/rejected")]
    pub rejected_log_prob: f64,
    /// How far the policy is from the reference, in nats a token ([`PairLoss::divergence`]).
    pub kl: f64,
    /// How much less likely the winning responses are than to the reference, in nats a token of theirs
    /// ([`PairLoss::displacement`]); below 0 where they have become more likely.
    #[serde(rename = "displacement/chosen", default)]
    pub displacement: f64,
}

/// Adds up pairs.
#[derive(Debug, Default)]
pub(super) struct PairSums {
    sums: PairMeans,
    pairs: usize,
    response_tokens: usize,
    chosen_tokens: usize,
}

impl PairSums {
    pub(super) fn add(&mut self, pair: &PairLoss) {
        let margin = pair.chosen.reward - pair.rejected.reward;
        let sums = &mut self.sums;
        sums.loss += pair.loss;
        sums.chosen_reward += pair.chosen.reward;
        sums.rejected_reward += pair.rejected.reward;
        sums.accuracy += f64::from(margin > 0.0);
        sums.margin += margin;
        sums.chosen_log_prob += pair.chosen.log_prob;
        sums.rejected_log_prob += pair.rejected.log_prob;
        sums.kl += pair.divergence;
        sums.displacement += pair.displacement;
        self.pairs += 1;
        self.chosen_tokens += pair.d_chosen.len();
        self.response_tokens += pair.d_chosen.len() + pair.d_rejected.len();
    }

    pub(super) fn means(&self) -> PairMeans {
        let (pairs, tokens) = (self.pairs.max(1) as f64, self.response_tokens.max(1) as f64);
        let s = &self.sums;
        PairMeans {
            loss: s.loss / pairs,
            chosen_reward: s.chosen_reward / pairs,
            rejected_reward: s.rejected_reward / pairs,
            accuracy: s.accuracy / pairs,
            margin: s.margin / pairs,
            chosen_log_prob: s.chosen_log_prob / pairs,
            rejected_log_prob: s.rejected_log_prob / pairs,
            kl: s.kl / tokens,
            displacement: s.displacement / self.chosen_tokens.max(1) as f64,
        }
    }
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PreferenceStep {
    /// Steps done, this one included.
    pub step: u64,
    /// The share of the schedule's pairs that are done, times the epochs.
    pub epoch: f64,
    /// The learning rate.
    #[serde(rename = "lr")]
    pub learning_rate: f64,
    /// The joint norm of the gradients before clipping.
    pub grad_norm: f64,
    /// Tokens of both sequences of every pair, the prompt in each: comparable with trainers that compute it twice.
    pub tokens: usize,
    /// Rows that went through the model, those of conversations too.
    pub rows: usize,
    /// `tokens` per second that this step spent on pairs.
    pub tokens_per_second: f64,
    /// The mean negative log-likelihood of the answers in the conversations beside the pairs, in nats a token; none without
    /// any.
    #[serde(rename = "conversations/loss", default, skip_serializing_if = "Option::is_none")]
    pub conversation_loss: Option<f64>,
    /// Over the pairs of the step, before it.
    #[serde(flatten)]
    pub pairs: PairMeans,
}

/// A measurement on the held-out pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done.
    pub step: u64,
    /// Over the held-out pairs.
    #[serde(flatten)]
    pub pairs: PairMeans,
}

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum MetricsLine {
    /// A step.
    Step(PreferenceStep),
    /// A measurement.
    Evaluation(Evaluation),
}

impl LogLine for MetricsLine {
    fn step(&self) -> u64 {
        match self {
            Self::Step(step) => step.step,
            Self::Evaluation(evaluation) => evaluation.step,
        }
    }
}

/// The lines of a run folder's log.
///
/// # Errors
/// [`Error::Io`] when it cannot be read, [`Error::Data`] naming a damaged line.
pub fn read_metrics(folder: &Path) -> Result<Vec<MetricsLine>> {
    read_log((folder, LOG))
}

/// Both files of a run.
#[derive(Debug)]
pub(super) struct MetricsLog {
    lines: StepLog,
    events: EventFile,
}

impl MetricsLog {
    /// Opens the files of a run that begins, or goes on after a step, as [`StepLog::open`].
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub(super) fn open(folder: &Path, resumed: Option<u64>) -> Result<Self> {
        let lines = StepLog::open::<MetricsLine>((folder, LOG), resumed)?;
        let events = EventFile::new(&folder.join("tensorboard"), resumed.map_or(0, |step| step + 1))?;
        Ok(Self { lines, events })
    }

    /// Writes a line to both.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub(super) fn write(&mut self, line: &MetricsLine) -> Result<()> {
        let json = serde_json::to_value(line).map_err(|e| Error::Settings(e.to_string()))?;
        self.lines.write(&json)?;
        let part = match line {
            MetricsLine::Step(_) => "train",
            MetricsLine::Evaluation(_) => "eval",
        };
        let numbers = json.as_object().into_iter().flatten().filter(|(name, _)| *name != "step");
        let scalars: Vec<(String, f64)> =
            numbers.filter_map(|(name, value)| Some((format!("{part}/{name}"), value.as_f64()?))).collect();
        let scalars: Vec<(&str, f64)> = scalars.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.events.scalars(line.step(), &scalars)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64) -> MetricsLine {
        MetricsLine::Step(PreferenceStep {
            step,
            epoch: 0.5,
            learning_rate: 1e-4,
            grad_norm: 2.0,
            tokens: 40,
            rows: 30,
            tokens_per_second: 100.0,
            conversation_loss: None,
            pairs: PairMeans { loss: 0.5, accuracy: 0.75, ..PairMeans::default() },
        })
    }

    fn evaluation(step: u64) -> MetricsLine {
        MetricsLine::Evaluation(Evaluation { step, pairs: PairMeans::default() })
    }

    #[test]
    fn the_lines_are_stable_and_a_resumed_log_has_every_step_once() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&step(3)).expect("json"));
        let folder = tempfile::tempdir().expect("a folder");
        let write = |from: Option<u64>, lines: &[MetricsLine]| {
            let mut log = MetricsLog::open(folder.path(), from).expect("opens");
            lines.iter().for_each(|line| log.write(line).expect("writes"));
        };
        write(None, &[evaluation(0), step(1), step(2), evaluation(2), step(3)]);
        let path = folder.path().join(LOG);
        let torn = std::fs::read_to_string(&path).expect("readable") + "{\"event\":\"st";
        std::fs::write(&path, torn).expect("writes");
        write(Some(2), &[step(3), step(4)]);
        let whole = [evaluation(0), step(1), step(2), evaluation(2), step(3), step(4)];
        assert_eq!(read_metrics(folder.path()).expect("reads"), whole);
        write(None, &[evaluation(0)]);
        assert_eq!(read_metrics(folder.path()).expect("reads"), [evaluation(0)]);
        assert_eq!(std::fs::read_dir(folder.path().join("tensorboard")).expect("listed").count(), 3);
    }
}
