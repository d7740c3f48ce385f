//! Everything that decides what preference training makes of a model, besides the model and the pairs.

use super::loss::PreferenceLoss;
use super::pack::Sharing;
use super::pair::Lengths;
use crate::decoder::Activations;
use crate::lora::LoraConfig;
use crate::lte::Method;
use crate::optim::{AdamW, AdamWConfig, Schedule};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// When a training ends before its schedule does. All are judged on the held-out pairs, the divergence at every step too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guards {
    /// Aborts when the policy is further from the reference, in nats a token.
    pub max_divergence: f64,
    /// Aborts when the winning answers are so much less likely than to the reference, in nats a token.
    pub max_displacement: f64,
    /// Aborts when the held-out accuracy is so much below the best that was measured; 1 for never.
    pub max_accuracy_fall: f64,
    /// Ends with the best weights after so many measurements in a row without a lower held-out loss; none for never.
    pub patience: Option<u32>,
}

impl Default for Guards {
    fn default() -> Self {
        Self { max_divergence: 10.0, max_displacement: 3.0, max_accuracy_fall: 0.2, patience: Some(5) }
    }
}

/// Every setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferenceRecipe {
    /// Decides the order of the pairs and of the conversations beside them, the adapter's first weights and the dropout.
    pub seed: u64,
    /// What is minimised.
    pub loss: PreferenceLoss,
    /// What learns.
    pub method: Method,
    /// How often every pair is trained.
    pub epochs: u32,
    /// At most so many steps; the learning rate falls to zero at the last one.
    pub max_steps: Option<u64>,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// The share of the steps over which the learning rate rises; a cosine then leads to zero.
    pub warm_up: f64,
    /// Pairs of one step.
    pub pairs_per_step: usize,
    /// Rows of one pass through the model at most, unless a single pair has more. A step makes as many passes as it
    /// needs and adds up their gradients; memory depends on this number alone.
    pub rows_per_pass: usize,
    /// How long pairs may be; for a model that takes less, [`Lengths::within`] what it takes.
    pub lengths: Lengths,
    /// Whether the common beginning of a pair is computed once.
    pub sharing: Sharing,
    /// What the forward pass keeps.
    pub activations: Activations,
    /// The optimiser.
    pub optimiser: AdamWConfig,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between measurements on the held-out pairs; the first is made before the first step, the last after the last.
    pub evaluate_every: u64,
    /// When to end early.
    pub guards: Guards,
    /// The share of the loss that conversations have beside the pairs, from 0 (none) to 0.9: of each step's loss, and of
    /// what it reads. It is less where there are so few that each would come more than `epochs` times.
    #[serde(default, skip_serializing_if = "is_none")]
    pub conversation_share: f64,
}

/// Runs that were begun before there was a share go on with the same record.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_none(share: &f64) -> bool {
    *share == 0.0
}

impl PreferenceRecipe {
    /// All weights, with the settings of the paper: learning rate 5e-7, 128 pairs a step, one epoch, warm-up 0.1.
    #[must_use]
    pub fn full() -> Self {
        Self {
            seed: 1,
            loss: PreferenceLoss::default(),
            method: Method::Full,
            epochs: 1,
            max_steps: None,
            learning_rate: 5e-7,
            warm_up: 0.1,
            pairs_per_step: 128,
            rows_per_pass: 4096,
            lengths: Lengths::default(),
            sharing: Sharing::Prefix,
            activations: Activations::Kept,
            optimiser: AdamWConfig { beta2: 0.999, weight_decay: 0.0, ..AdamWConfig::default() },
            checkpoint_every: 50,
            evaluate_every: 50,
            guards: Guards::default(),
            conversation_share: 0.0,
        }
    }

    /// An adapter: ten times the learning rate, as is usual, the rest as [`full`](Self::full).
    #[must_use]
    pub fn lora() -> Self {
        let lora = LoraConfig { rank: 16, alpha: 32.0, ..LoraConfig::default() };
        Self { method: Method::Lora(lora), learning_rate: 5e-6, ..Self::full() }
    }

    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        self.loss.validate()?;
        self.lengths.validate()?;
        if let Method::Lora(lora) = &self.method {
            lora.validate()?;
        }
        let counts = [
            ("epochs", u64::from(self.epochs)),
            ("max_steps", self.max_steps.unwrap_or(1)),
            ("pairs_per_step", self.pairs_per_step as u64),
            ("rows_per_pass", self.rows_per_pass as u64),
            ("checkpoint_every", self.checkpoint_every),
            ("evaluate_every", self.evaluate_every),
            ("patience", u64::from(self.guards.patience.unwrap_or(1))),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::Settings(format!("{name} must be at least 1")));
        }
        if !(0.0..1.0).contains(&self.warm_up) {
            return Err(Error::Settings(format!("warm_up must lie in [0, 1), not {}", self.warm_up)));
        }
        if !(0.0..=0.9).contains(&self.conversation_share) {
            return Err(Error::Settings(format!(
                "conversation_share must lie in [0, 0.9], not {}",
                self.conversation_share
            )));
        }
        let Guards { max_divergence, max_displacement, max_accuracy_fall, .. } = self.guards;
        let bound = |bound: f64| bound > 0.0;
        if !bound(max_divergence) || !bound(max_displacement) || !(0.0..=1.0).contains(&max_accuracy_fall) {
            return Err(Error::Settings(
                "max_divergence and max_displacement must be positive and max_accuracy_fall lie in [0, 1]"
                    .into(),
            ));
        }
        AdamW::new(&[], self.optimiser)?;
        self.schedule(1).validate()
    }

    /// Optimiser steps over so many pairs.
    #[must_use]
    pub fn steps(&self, pairs: usize) -> u64 {
        let all = (pairs as u64).saturating_mul(u64::from(self.epochs));
        let steps = all.div_ceil(self.pairs_per_step.max(1) as u64).max(1);
        self.max_steps.map_or(steps, |most| steps.min(most))
    }

    /// Conversations of one step beside its pairs: as many as make their share, at least one where they have any.
    #[must_use]
    pub fn conversations_per_step(&self) -> u64 {
        if self.conversation_share <= 0.0 {
            return 0;
        }
        let each_pair = self.conversation_share / (1.0 - self.conversation_share);
        ((self.pairs_per_step as f64 * each_pair).round() as u64).max(1)
    }

    /// The learning rates over so many pairs.
    #[must_use]
    pub fn schedule(&self, pairs: usize) -> Schedule {
        let total_steps = self.steps(pairs);
        let warm_up = (self.warm_up * total_steps as f64).round() as u64;
        Schedule {
            peak: self.learning_rate,
            floor: 0.0,
            warmup_steps: warm_up.min(total_steps.saturating_sub(1)),
            total_steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bmc::loss::Objective;

    #[test]
    fn the_recipes_are_valid_and_survive_json() {
        for recipe in [PreferenceRecipe::full(), PreferenceRecipe::lora()] {
            recipe.validate().expect("valid");
            let json = serde_json::to_string(&recipe).expect("json");
            assert_eq!(serde_json::from_str::<PreferenceRecipe>(&json).expect("reads"), recipe);
        }
        let recipe = PreferenceRecipe::full();
        assert_eq!((recipe.steps(60_000), recipe.steps(1)), (469, 1));
        assert_eq!(recipe.schedule(60_000).warmup_steps, 47);
        let short = PreferenceRecipe { max_steps: Some(3), ..recipe };
        assert_eq!((short.steps(60_000), short.steps(1)), (3, 1));
        let beside = |share| PreferenceRecipe { conversation_share: share, ..short.clone() };
        let each_step = [0.0, 0.001, 0.2, 0.5].map(|share| beside(share).conversations_per_step());
        assert_eq!(each_step, [0, 1, 32, 128]);
    }

    #[test]
    fn nonsense_is_refused() {
        let full = PreferenceRecipe::full;
        let guards = Guards::default();
        let wrong = [
            PreferenceRecipe { epochs: 0, ..full() },
            PreferenceRecipe { pairs_per_step: 0, ..full() },
            PreferenceRecipe { max_steps: Some(0), ..full() },
            PreferenceRecipe { warm_up: 1.0, ..full() },
            PreferenceRecipe { learning_rate: 0.0, ..full() },
            PreferenceRecipe { loss: Objective::Dpo { beta: -1.0 }.into(), ..full() },
            PreferenceRecipe { lengths: Lengths { max_tokens: 1, max_prompt_tokens: 1 }, ..full() },
            PreferenceRecipe { guards: Guards { max_divergence: f64::NAN, ..guards }, ..full() },
            PreferenceRecipe { guards: Guards { max_displacement: 0.0, ..guards }, ..full() },
            PreferenceRecipe { guards: Guards { patience: Some(0), ..guards }, ..full() },
            PreferenceRecipe { conversation_share: 0.91, ..full() },
            PreferenceRecipe { conversation_share: f64::NAN, ..full() },
            PreferenceRecipe { optimiser: AdamWConfig { beta1: 1.0, ..AdamWConfig::default() }, ..full() },
            PreferenceRecipe {
                method: Method::Lora(LoraConfig { rank: 0, ..LoraConfig::default() }),
                ..full()
            },
        ];
        for recipe in wrong {
            assert!(matches!(recipe.validate(), Err(Error::Settings(_))), "{recipe:?}");
        }
    }
}
