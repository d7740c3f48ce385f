//! What a training does, and when the daemon begins one.

use crate::{endpoint::EndpointConfig, jobs::QuietHours};
use amend_proto::wire::{JobRequest, TrainBridging, TrainMethod, TrainObjective};
use amend_trainer::{
    bmc::{
        PreferenceRecipe,
        loss::{IpoLength, Objective, ReferenceWeighting},
    },
    preference::HeldOutShare,
};
use serde::{Deserialize, Serialize};
use std::{num::NonZeroU64, path::PathBuf, time::Duration};

/// Rows of one pass in the daemon: a pass is what a user's request may have to wait for.
const ROWS_PER_PASS: usize = 512;

/// Pairs of one step in the daemon. The paper's 128 are for tens of thousands of pairs; of a few dozen they would be one step.
const PAIRS_PER_STEP: usize = 16;

/// Why a job was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobTrigger {
    /// Somebody asked for it.
    #[default]
    Request,
    /// There were enough new pairs.
    NewPairs,
    /// It was time.
    Schedule,
}

/// Every setting of one training. Part of the job's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BmcConfig {
    /// How it trains.
    pub recipe: PreferenceRecipe,
    /// Who rewrites losing answers.
    pub bridging: TrainBridging,
    /// The endpoint that does, if one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointConfig>,
    /// The share of the pairs that are measured on instead.
    pub held_out: HeldOutShare,
    /// It ends after so long, with what has been learned by then. Each start after an interruption has that time anew.
    pub budget_seconds: Option<u64>,
    /// Fewer pairs to learn from than this are left alone.
    pub min_pairs: usize,
    /// How many pairs the daemon had when the job was begun: the next one waits for newer ones.
    pub pairs_seen: u64,
    /// Why it was begun.
    pub trigger: JobTrigger,
}

impl Default for BmcConfig {
    /// DPO-BMC of an adapter, a tenth held out, at least 32 pairs, no bridging.
    fn default() -> Self {
        Self {
            recipe: PreferenceRecipe {
                rows_per_pass: ROWS_PER_PASS,
                pairs_per_step: PAIRS_PER_STEP,
                ..PreferenceRecipe::lora()
            },
            bridging: TrainBridging::None,
            endpoint: None,
            held_out: HeldOutShare::default(),
            budget_seconds: None,
            min_pairs: 32,
            pairs_seen: 0,
            trigger: JobTrigger::Request,
        }
    }
}

impl BmcConfig {
    /// With what a request says in place of the operator's settings.
    ///
    /// # Errors
    /// When a number makes no sense; the text names the setting.
    pub fn with(mut self, request: &JobRequest) -> Result<Self, amend_trainer::Error> {
        let recipe = &mut self.recipe;
        if let Some(method) = request.method {
            set_method(recipe, method);
        }
        if let Some(chosen) = request.objective {
            recipe.loss.objective = objective(chosen);
        }
        let loss = &mut recipe.loss;
        loss.objective = loss.objective.with_beta(request.beta.unwrap_or(loss.objective.beta()));
        loss.label_smoothing = request.label_smoothing.unwrap_or(loss.label_smoothing);
        loss.sft_weight = request.sft_weight.unwrap_or(loss.sft_weight);
        recipe.seed = request.seed.unwrap_or(recipe.seed);
        recipe.epochs = request.epochs.unwrap_or(recipe.epochs);
        recipe.max_steps = request.max_steps.or(recipe.max_steps);
        recipe.pairs_per_step = request.pairs_per_step.unwrap_or(recipe.pairs_per_step);
        recipe.learning_rate = request.learning_rate.unwrap_or(recipe.learning_rate);
        self.bridging = request.bridging.unwrap_or(self.bridging);
        self.budget_seconds = request.budget_seconds.or(self.budget_seconds);
        self.min_pairs = request.min_pairs.unwrap_or(self.min_pairs);
        self.recipe.validate()?;
        self.check_endpoint()?;
        Ok(self)
    }

    /// An endpoint that is to rewrite must be named.
    fn check_endpoint(&self) -> Result<(), amend_trainer::Error> {
        match (self.bridging, &self.endpoint) {
            (TrainBridging::Endpoint, None) => Err(amend_trainer::Error::Settings(
                "bridging: the operator has named no endpoint (--train-bridging-url, --train-bridging-model)"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

/// What learns, at the method's own learning rate.
pub(crate) fn set_method(recipe: &mut PreferenceRecipe, method: TrainMethod) {
    let of_method = match method {
        TrainMethod::Lora => PreferenceRecipe::lora(),
        TrainMethod::Full => PreferenceRecipe::full(),
    };
    (recipe.method, recipe.learning_rate) = (of_method.method, of_method.learning_rate);
}

/// An objective with the settings of its paper.
#[must_use]
pub fn objective(chosen: TrainObjective) -> Objective {
    match chosen {
        TrainObjective::DpoBmc => {
            Objective::DpoBmc { beta: 0.05, delta: 3.0, reference_weighting: ReferenceWeighting::Policy }
        }
        TrainObjective::SimPoBmc => Objective::SimPoBmc { beta: 2.0, gamma: 1.0, delta: 1.5 },
        TrainObjective::Dpo => Objective::Dpo { beta: 0.1 },
        TrainObjective::SimPo => Objective::SimPo { beta: 2.0, gamma: 1.0 },
        TrainObjective::Ipo => Objective::Ipo { beta: 0.1, length: IpoLength::Mean },
    }
}

/// What an operator decides about training in the daemon.
#[derive(Debug, Clone, Default)]
pub struct TrainingSettings {
    /// How jobs train, unless a request says otherwise.
    pub config: BmcConfig,
    /// A job begins by itself when so many pairs are new.
    pub every_pairs: Option<NonZeroU64>,
    /// A job begins by itself after so long, if a pair is new.
    pub every: Option<Duration>,
    /// When nothing is trained.
    pub quiet: Option<QuietHours>,
    /// Files of pairs that are learned from beside those that were collected.
    pub files: Vec<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_before_the_operator_and_is_checked() {
        let body = serde_json::json!({
            "kind": "bmc", "method": "full", "objective": "sim_po", "seed": 7, "max_steps": 3, "min_pairs": 1,
            "beta": 4.0, "sft_weight": 0.5,
        });
        let request: JobRequest = serde_json::from_value(body).unwrap();
        let config = BmcConfig::default().with(&request).unwrap();
        assert_eq!((config.recipe.seed, config.recipe.max_steps, config.min_pairs), (7, Some(3), 1));
        assert_eq!(config.recipe.learning_rate, PreferenceRecipe::full().learning_rate);
        assert_eq!(config.recipe.loss.objective, objective(TrainObjective::SimPo).with_beta(4.0));
        assert_eq!((config.recipe.loss.sft_weight, config.recipe.loss.label_smoothing), (0.5, 0.0));
        assert_eq!(config.recipe.rows_per_pass, ROWS_PER_PASS);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<BmcConfig>(&json).unwrap(), config);
        for wrong in [r#"{"kind":"bmc","learning_rate":-1.0}"#, r#"{"kind":"bmc","bridging":"endpoint"}"#] {
            let wrong: JobRequest = serde_json::from_str(wrong).unwrap();
            assert!(BmcConfig::default().with(&wrong).is_err());
        }
    }

    #[test]
    fn every_objective_is_valid() {
        use TrainObjective::{Dpo, DpoBmc, Ipo, SimPo, SimPoBmc};
        for chosen in [DpoBmc, SimPoBmc, Dpo, SimPo, Ipo] {
            let recipe = PreferenceRecipe { loss: objective(chosen).into(), ..PreferenceRecipe::lora() };
            recipe.validate().unwrap();
        }
    }
}
