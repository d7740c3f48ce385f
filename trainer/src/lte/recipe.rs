//! Everything that decides what an alignment becomes.

use crate::lora::LoraConfig;
use crate::optim::{AdamWConfig, MatrixRule, MuonConfig, Schedule};
use crate::sft::{BatchSize, SftConfig};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the parallel data set is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// Decides every draw.
    pub seed: u64,
    /// At most so many rows; as many as the facts give when there is no limit.
    pub max_rows: Option<usize>,
    /// The weights of 0, 1, 2, … distractors beside the edit.
    pub distractors: [f64; 3],
    /// Distractors are drawn from so many nearest facts with another subject.
    pub hard_negatives: usize,
    /// The share of free-form instructions among all rows, in [0, 1).
    pub free_form: f64,
    /// The share of these that have edits in front.
    pub free_form_edited: f64,
    /// Further questions about the same edits in the same conversation, at most. The published data have none; a model
    /// made from nothing learns sooner to look an edit up when one reading of it teaches several times.
    pub follow_ups: usize,
}

impl Default for DataRecipe {
    /// The proportions of LTE (arXiv 2402.11905), positions shuffled.
    fn default() -> Self {
        Self {
            seed: 1,
            max_rows: None,
            distractors: [0.5, 0.25, 0.25],
            hard_negatives: 5,
            free_form: 1.0 / 3.0,
            free_form_edited: 0.5,
            follow_ups: 0,
        }
    }
}

impl DataRecipe {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        let weights = self.distractors.iter().all(|w| w.is_finite() && *w >= 0.0);
        if !weights || self.distractors.iter().sum::<f64>() <= 0.0 {
            return Err(Error::Settings("distractors must be weights, not all zero".into()));
        }
        if !(0.0..1.0).contains(&self.free_form) || !(0.0..=1.0).contains(&self.free_form_edited) {
            return Err(Error::Settings(
                "free_form must lie in [0, 1) and free_form_edited in [0, 1]".into(),
            ));
        }
        if self.hard_negatives == 0 || self.max_rows == Some(0) {
            return Err(Error::Settings("hard_negatives and max_rows must be at least 1".into()));
        }
        Ok(())
    }
}

/// What learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every weight.
    Full,
    /// An adapter beside the weights.
    Lora(LoraConfig),
}

/// Everything that decides what an alignment becomes, besides the model and the facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlignRecipe {
    /// Decides the order of the rows, the adapter's first weights and the dropout.
    pub seed: u64,
    /// How the data set is drawn.
    pub data: DataRecipe,
    /// What learns.
    pub method: Method,
    /// How often every row is trained.
    pub epochs: u32,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// The share of the steps over which the learning rate rises; a cosine then leads to zero.
    pub warm_up: f64,
    /// Rows of one pass through the model.
    pub rows_per_batch: usize,
    /// Passes of one step: `rows_per_batch · accumulation` rows a step.
    pub accumulation: usize,
    /// Rows of more tokens are left out, and counted.
    pub max_tokens: usize,
    /// The weight in the loss of a token that is no answer, 0 to 1.
    pub context_weight: f32,
    /// The optimiser.
    pub optimiser: AdamWConfig,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
}

/// AdamW as the published alignment used it: no decay.
fn adamw() -> AdamWConfig {
    AdamWConfig { beta2: 0.999, weight_decay: 0.0, ..AdamWConfig::default() }
}

impl AlignRecipe {
    /// Full fine-tuning with the settings of LTE: learning rate 2e-5, 128 rows a step, 3 epochs, 2048 tokens.
    #[must_use]
    pub fn full() -> Self {
        Self {
            seed: 1,
            data: DataRecipe::default(),
            method: Method::Full,
            epochs: 3,
            learning_rate: 2e-5,
            warm_up: 0.03,
            rows_per_batch: 8,
            accumulation: 16,
            max_tokens: 2048,
            context_weight: 0.0,
            optimiser: adamw(),
            checkpoint_every: 100,
        }
    }

    /// An adapter with the settings of LTE: learning rate 3e-4, the rest as [`full`](Self::full).
    #[must_use]
    pub fn lora() -> Self {
        Self { method: Method::Lora(LoraConfig::default()), learning_rate: 3e-4, ..Self::full() }
    }

    /// Full fine-tuning of a small model that was made from nothing, as the one of atlas: the optimiser, the learning
    /// rate and the weight of the context that its own training used, and questions in a row. Such a model cannot look
    /// anything up yet; that is learned here, and small steps do not suffice.
    #[must_use]
    pub fn from_nothing() -> Self {
        Self {
            data: DataRecipe { follow_ups: 3, ..DataRecipe::default() },
            epochs: 1,
            learning_rate: 3e-3,
            rows_per_batch: 32,
            accumulation: 1,
            context_weight: 0.2,
            optimiser: AdamWConfig {
                matrices: MatrixRule::Muon(MuonConfig { rate: 2.0, ..MuonConfig::default() }),
                ..AdamWConfig::default()
            },
            checkpoint_every: 250,
            ..Self::full()
        }
    }

    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        self.data.validate()?;
        if let Method::Lora(lora) = &self.method {
            lora.validate()?;
        }
        if self.epochs == 0 || self.max_tokens == 0 {
            return Err(Error::Settings("epochs and max_tokens must be at least 1".into()));
        }
        if !(0.0..1.0).contains(&self.warm_up) {
            return Err(Error::Settings(format!("warm_up must lie in [0, 1), not {}", self.warm_up)));
        }
        if !(0.0..=1.0).contains(&self.context_weight) {
            let weight = self.context_weight;
            return Err(Error::Settings(format!("context_weight must lie in [0, 1], not {weight}")));
        }
        self.sft(1).validate()
    }

    /// Optimiser steps over so many rows.
    #[must_use]
    pub fn steps(&self, rows: usize) -> u64 {
        let a_step = self.rows_per_batch.saturating_mul(self.accumulation).max(1) as u64;
        (rows as u64).saturating_mul(u64::from(self.epochs)).div_ceil(a_step).max(1)
    }

    /// The settings of the training over so many rows.
    #[must_use]
    pub fn sft(&self, rows: usize) -> SftConfig {
        let total_steps = self.steps(rows);
        let warm_up = (self.warm_up * total_steps as f64).round() as u64;
        SftConfig {
            schedule: Schedule {
                peak: self.learning_rate,
                floor: 0.0,
                warmup_steps: warm_up.min(total_steps - 1),
                total_steps,
            },
            optimiser: self.optimiser,
            batch: BatchSize::Rows(self.rows_per_batch),
            accumulation: self.accumulation,
            checkpoint_every: self.checkpoint_every,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipes_are_those_of_the_paper_and_valid() {
        let (full, lora) = (AlignRecipe::full(), AlignRecipe::lora());
        for recipe in [&full, &lora, &AlignRecipe::from_nothing()] {
            recipe.validate().expect("valid");
            let json = serde_json::to_string(recipe).expect("json");
            assert_eq!(serde_json::from_str::<AlignRecipe>(&json).expect("reads"), *recipe);
        }
        assert_eq!(full.rows_per_batch * full.accumulation, 128);
        assert_eq!((full.learning_rate, lora.learning_rate, full.epochs), (2e-5, 3e-4, 3));
        // 60,000 rows three times in steps of 128.
        let schedule = full.sft(60_000).schedule;
        assert_eq!((schedule.total_steps, schedule.warmup_steps), (1407, 42));
        assert_eq!(full.sft(1).schedule.total_steps, 1);
    }

    #[test]
    fn nonsense_is_refused() {
        let full = AlignRecipe::full();
        let data = |data| AlignRecipe { data, ..AlignRecipe::full() };
        let wrong = [
            AlignRecipe { epochs: 0, ..full.clone() },
            AlignRecipe { warm_up: 1.0, ..full.clone() },
            AlignRecipe { context_weight: 1.5, ..full.clone() },
            AlignRecipe { learning_rate: f64::NAN, ..full.clone() },
            AlignRecipe { method: Method::Lora(LoraConfig { rank: 0, ..LoraConfig::default() }), ..full },
            data(DataRecipe { distractors: [0.0; 3], ..DataRecipe::default() }),
            data(DataRecipe { free_form: 1.0, ..DataRecipe::default() }),
            data(DataRecipe { hard_negatives: 0, ..DataRecipe::default() }),
        ];
        for recipe in wrong {
            assert!(matches!(recipe.validate(), Err(Error::Settings(_))), "{recipe:?}");
        }
    }
}
