//! The training log: one JSON object a line, appended as training goes.

use super::KindScore;
use crate::{Error, Result, sft::StepMetrics};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

/// One line of `training_log.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LogLine {
    /// A step.
    Step {
        /// Steps done.
        step: u64,
        /// Mean negative log-likelihood of the answers' tokens, in nats.
        loss: f32,
        /// The learning rate.
        learning_rate: f64,
        /// The gradients' norm before clipping.
        grad_norm: f64,
        /// Tokens of this step per second of this step.
        tokens_per_second: f64,
    },
    /// A measurement on held-out items.
    Scores {
        /// Steps done.
        step: u64,
        /// The share of exact answers by kind.
        rates: std::collections::BTreeMap<String, f64>,
    },
}

/// The log of one run. A resumed run may log the steps since its checkpoint twice.
#[derive(Debug)]
pub(crate) struct TrainingLog {
    path: PathBuf,
    file: File,
}

impl TrainingLog {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("training_log.jsonl");
        let file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(Error::io("opening", &path))?;
        Ok(Self { path, file })
    }

    /// The lines of a folder's log.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Data`] when a line is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Vec<LogLine>> {
        let path = folder.join("training_log.jsonl");
        let text = std::fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
        let line = |(number, line): (usize, &str)| {
            serde_json::from_str(line)
                .map_err(|e| Error::Data(format!("line {} of {}: {e}", number + 1, path.display())))
        };
        text.lines().enumerate().map(line).collect()
    }

    pub(crate) fn step(&mut self, metrics: &StepMetrics) -> Result<()> {
        let StepMetrics { step, loss, learning_rate, grad_norm, tokens: _, targets: _, tokens_per_second } =
            *metrics;
        self.write(&LogLine::Step { step, loss, learning_rate, grad_norm, tokens_per_second })
    }

    pub(crate) fn scores(&mut self, step: u64, scores: &[KindScore]) -> Result<()> {
        let rates = scores.iter().map(|score| (score.kind.clone(), score.rate())).collect();
        self.write(&LogLine::Scores { step, rates })
    }

    fn write(&mut self, line: &LogLine) -> Result<()> {
        let mut text = serde_json::to_string(line).map_err(|e| Error::Settings(e.to_string()))?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(Error::io("writing", &self.path))
    }
}
