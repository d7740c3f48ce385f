//! Everything that decides what fine-tuning makes of a model, besides the model and the rows.

use crate::lora::LoraConfig;
use crate::lte::Method;
use crate::optim::{AdamWConfig, Schedule};
use crate::preference::HeldOutShare;
use crate::sft::{BatchSize, SftConfig};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What becomes of a row that is longer than `max_tokens`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooLong {
    /// It is left out: half an answer is not what was written.
    LeaveOut,
    /// It is cut at `max_tokens`; an answer that is cut does not teach to end there. Left out when no answer remains.
    Cut,
}

/// Every setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstructRecipe {
    /// Decides the order of the rows, the adapter's first weights and the dropout.
    pub seed: u64,
    /// What learns.
    pub method: Method,
    /// How often every row is trained.
    pub epochs: u32,
    /// At most so many steps; the learning rate falls to zero at the last one.
    pub max_steps: Option<u64>,
    /// Rows of one step at most.
    pub rows_per_step: usize,
    /// With few rows a step has fewer of them, so that an epoch has so many steps.
    pub steps_per_epoch: usize,
    /// Tokens of one pass through the model at most, unless a single row has more. A step makes as many passes as it needs
    /// and adds up their gradients; memory depends on this number alone.
    pub tokens_per_pass: usize,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// The share of the steps over which the learning rate rises; a cosine then leads to zero.
    pub warm_up: f64,
    /// The longest row, in tokens; less for a model that takes less.
    pub max_tokens: usize,
    /// What becomes of longer ones.
    pub too_long: TooLong,
    /// At most so many rows are taken, the first; they are held in memory as tokens, 5 bytes each.
    pub max_rows: u64,
    /// The optimiser.
    pub optimiser: AdamWConfig,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// The share of first questions whose rows are measured on and never learned.
    pub held_out: HeldOutShare,
    /// At most so many held-out rows are measured, those with the smallest hashes.
    pub measured_rows: usize,
    /// Steps between measurements; the first is made before the first step, the last after the last.
    pub measure_every: u64,
    /// Ends with the best weights after so many measurements in a row without a lower held-out loss; none for never.
    pub patience: Option<u32>,
}

impl InstructRecipe {
    /// All weights, with the settings of WebR (arXiv 2504.15573): learning rate 2e-5, 128 rows a step, 4 epochs, 4096
    /// tokens, cosine, warm-up 0.1. Those are for 100,000 rows: with fewer than 2048 a step has a sixteenth of an epoch.
    #[must_use]
    pub fn full() -> Self {
        Self {
            seed: 1,
            method: Method::Full,
            epochs: 4,
            max_steps: None,
            rows_per_step: 128,
            steps_per_epoch: 16,
            tokens_per_pass: 4096,
            learning_rate: 2e-5,
            warm_up: 0.1,
            max_tokens: 4096,
            too_long: TooLong::LeaveOut,
            max_rows: 200_000,
            optimiser: AdamWConfig { beta2: 0.999, weight_decay: 0.0, ..AdamWConfig::default() },
            checkpoint_every: 50,
            held_out: HeldOutShare::default(),
            measured_rows: 256,
            measure_every: 16,
            patience: Some(3),
        }
    }

    /// An adapter: learning rate 3e-4, the rest as [`full`](Self::full).
    #[must_use]
    pub fn lora() -> Self {
        Self { method: Method::Lora(LoraConfig::default()), learning_rate: 3e-4, ..Self::full() }
    }

    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        if let Method::Lora(lora) = &self.method {
            lora.validate()?;
        }
        let counts = [
            ("epochs", u64::from(self.epochs)),
            ("max_steps", self.max_steps.unwrap_or(1)),
            ("rows_per_step", self.rows_per_step as u64),
            ("steps_per_epoch", self.steps_per_epoch as u64),
            ("tokens_per_pass", self.tokens_per_pass as u64),
            ("max_tokens", self.max_tokens as u64),
            ("max_rows", self.max_rows),
            ("checkpoint_every", self.checkpoint_every),
            ("measured_rows", self.measured_rows as u64),
            ("measure_every", self.measure_every),
            ("patience", u64::from(self.patience.unwrap_or(1))),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::Settings(format!("{name} must be at least 1")));
        }
        if u32::try_from(self.max_rows).is_err() {
            return Err(Error::Settings(format!("max_rows must be at most {}", u32::MAX)));
        }
        if !(0.0..1.0).contains(&self.warm_up) {
            return Err(Error::Settings(format!("warm_up must lie in [0, 1), not {}", self.warm_up)));
        }
        crate::optim::AdamW::new(&[], self.optimiser)?;
        self.sft(1).validate()
    }

    /// Rows of one step when an epoch has so many.
    #[must_use]
    pub fn rows_in_step(&self, rows: usize) -> usize {
        self.rows_per_step.min(rows / self.steps_per_epoch.max(1)).max(1)
    }

    /// Optimiser steps over so many rows.
    #[must_use]
    pub fn steps(&self, rows: usize) -> u64 {
        let all = (rows as u64).saturating_mul(u64::from(self.epochs));
        let steps = all.div_ceil(self.rows_in_step(rows) as u64).max(1);
        self.max_steps.map_or(steps, |most| steps.min(most))
    }

    /// The settings of the training over so many rows.
    #[must_use]
    pub(super) fn sft(&self, rows: usize) -> SftConfig {
        let total_steps = self.steps(rows);
        let warm_up = (self.warm_up * total_steps as f64).round() as u64;
        SftConfig {
            schedule: Schedule {
                peak: self.learning_rate,
                floor: 0.0,
                warmup_steps: warm_up.min(total_steps.saturating_sub(1)),
                total_steps,
            },
            optimiser: self.optimiser,
            batch: BatchSize::Passes { rows: self.rows_in_step(rows), tokens: self.tokens_per_pass },
            accumulation: 1,
            checkpoint_every: self.checkpoint_every,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipes_are_those_of_the_paper_and_survive_json() {
        for recipe in [InstructRecipe::full(), InstructRecipe::lora()] {
            recipe.validate().expect("valid");
            let json = serde_json::to_string(&recipe).expect("json");
            assert_eq!(serde_json::from_str::<InstructRecipe>(&json).expect("reads"), recipe);
        }
        let recipe = InstructRecipe::full();
        // 100,000 rows four times in steps of 128.
        assert_eq!((recipe.rows_in_step(100_000), recipe.steps(100_000)), (128, 3125));
        assert_eq!(recipe.sft(100_000).schedule.warmup_steps, 313);
        assert_eq!((recipe.rows_in_step(100), recipe.steps(100)), (6, 67));
        assert_eq!((recipe.rows_in_step(3), recipe.steps(3)), (1, 12));
        assert_eq!(InstructRecipe { max_steps: Some(5), ..recipe }.steps(100), 5);
    }

    #[test]
    fn nonsense_is_refused() {
        let full = InstructRecipe::full;
        let lora = LoraConfig { rank: 0, ..LoraConfig::default() };
        let wrong = [
            InstructRecipe { epochs: 0, ..full() },
            InstructRecipe { max_steps: Some(0), ..full() },
            InstructRecipe { rows_per_step: 0, ..full() },
            InstructRecipe { tokens_per_pass: 0, ..full() },
            InstructRecipe { measure_every: 0, ..full() },
            InstructRecipe { patience: Some(0), ..full() },
            InstructRecipe { max_rows: 1 << 32, ..full() },
            InstructRecipe { warm_up: 1.0, ..full() },
            InstructRecipe { learning_rate: f64::NAN, ..full() },
            InstructRecipe { method: Method::Lora(lora), ..full() },
            InstructRecipe { optimiser: AdamWConfig { beta1: 1.0, ..AdamWConfig::default() }, ..full() },
        ];
        for recipe in wrong {
            assert!(matches!(recipe.validate(), Err(Error::Settings(_))), "{recipe:?}");
        }
    }
}
