//! What decides a run.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Everything that decides a run besides the seeds, the models and the templates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LionSettings {
    /// Decides every draw.
    pub seed: u64,
    /// How often data is made where the student is weak. Before the first, it imitates the answers to the given
    /// instructions.
    pub iterations: u32,
    /// New instructions of one iteration: half of them after hard ones, half after easy ones.
    pub instructions: usize,
    /// From this difference of the teacher's and the student's score on an instruction is hard.
    pub threshold: f64,
    /// A new instruction that is more like a known one than this, by ROUGE-L, is left out.
    pub max_rouge: f64,
    /// Fewer words are no instruction.
    pub fewest_words: usize,
    /// Tries for each new instruction that is wanted, on average.
    pub tries: usize,
    /// Tries to get a verdict that can be read.
    pub verdict_tries: u32,
    /// The most instructions of the cache pool that are judged in an iteration; the newest are always among them.
    pub most_judged: usize,
}

impl Default for LionSettings {
    /// As published, but for the number of tries and the bound on judging: three iterations of 6,000.
    fn default() -> Self {
        Self {
            seed: 1,
            iterations: 3,
            instructions: 6_000,
            threshold: 1.0,
            max_rouge: 0.7,
            fewest_words: 4,
            tries: 4,
            verdict_tries: 3,
            most_judged: 100_000,
        }
    }
}

impl LionSettings {
    /// Checks that they make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("instructions", self.instructions),
            ("tries", self.tries),
            ("verdict_tries", self.verdict_tries as usize),
            ("most_judged", self.most_judged),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::Settings(format!("{name} must be at least 1")));
        }
        if !(0.0..=1.0).contains(&self.max_rouge) {
            return Err(Error::Settings(format!("max_rouge must be from 0 to 1, not {}", self.max_rouge)));
        }
        if !self.threshold.is_finite() {
            return Err(Error::Settings("threshold must be a number".to_owned()));
        }
        Ok(())
    }
}
