//! How a daemon trains: the options of `amend serve` about it, and those that it shares with `amend train bmc`.

use crate::{
    endpoint::{EndpointConfig, EndpointUrl},
    jobs::QuietHours,
    training::{BmcConfig, TrainingSettings, objective, set_method},
};
use amend_proto::{
    ModelId,
    wire::{TrainBridging, TrainMethod, TrainObjective},
};
use amend_trainer::bmc::{PreferenceRecipe, loss::PreferenceLoss};
use clap::{Args, ValueEnum};
use std::{num::NonZeroU64, path::PathBuf, time::Duration};

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MethodArg {
    /// An adapter (rank 16, alpha 32, rate 5e-6), merged into the model at the end
    Lora,
    /// Every weight, at rate 5e-7
    Full,
}

impl From<MethodArg> for TrainMethod {
    fn from(method: MethodArg) -> Self {
        match method {
            MethodArg::Lora => Self::Lora,
            MethodArg::Full => Self::Full,
        }
    }
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ObjectiveArg {
    /// DPO with weights by correlation (BMC): beta 0.05, delta 3
    DpoBmc,
    /// SimPO with weights by correlation: beta 2, gamma 1, delta 1.5
    SimpoBmc,
    /// DPO: beta 0.1
    Dpo,
    /// SimPO: beta 2, gamma 1
    Simpo,
    /// IPO: beta 0.1
    Ipo,
}

impl From<ObjectiveArg> for TrainObjective {
    fn from(objective: ObjectiveArg) -> Self {
        match objective {
            ObjectiveArg::DpoBmc => Self::DpoBmc,
            ObjectiveArg::SimpoBmc => Self::SimPoBmc,
            ObjectiveArg::Dpo => Self::Dpo,
            ObjectiveArg::Simpo => Self::SimPo,
            ObjectiveArg::Ipo => Self::Ipo,
        }
    }
}

/// Who rewrites losing answers before the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BridgingArg {
    /// Nobody
    None,
    /// The live model, between users' requests
    Live,
    /// The oracle of atlas, which knows the small world of the built-in model
    Atlas,
    /// A model behind an OpenAI-compatible endpoint
    Endpoint,
}

impl From<BridgingArg> for TrainBridging {
    fn from(bridging: BridgingArg) -> Self {
        match bridging {
            BridgingArg::None => Self::None,
            BridgingArg::Live => Self::Live,
            BridgingArg::Atlas => Self::Atlas,
            BridgingArg::Endpoint => Self::Endpoint,
        }
    }
}

/// The options of `amend serve` about training.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingArgs {
    /// Begin a training when so many preference pairs are new [default: only when asked to]
    #[arg(long, env = "AMEND_TRAIN_EVERY_PAIRS", value_name = "N")]
    train_every_pairs: Option<NonZeroU64>,
    /// Begin a training every so many hours, if a pair is new
    #[arg(long, env = "AMEND_TRAIN_EVERY_HOURS", value_name = "HOURS")]
    train_every_hours: Option<NonZeroU64>,
    /// Pairs that a training needs at least
    #[arg(long, env = "AMEND_TRAIN_MIN_PAIRS", default_value_t = 32, value_name = "N")]
    train_min_pairs: usize,
    /// Files of pairs to learn from as well (JSON lines or Parquet)
    #[arg(long = "train-pairs", env = "AMEND_TRAIN_PAIRS", value_delimiter = ',', value_name = "FILE")]
    train_pairs: Vec<PathBuf>,
    /// No training in these hours of the day, local time, such as 08:00-18:30
    #[arg(long, env = "AMEND_TRAIN_QUIET_HOURS", value_name = "HOURS")]
    train_quiet_hours: Option<QuietHours>,
    /// A training ends after so many minutes, with what it has learned by then
    #[arg(long, env = "AMEND_TRAIN_BUDGET_MINUTES", value_name = "MINUTES")]
    train_budget_minutes: Option<NonZeroU64>,
    /// A training ends after so many steps
    #[arg(long, env = "AMEND_TRAIN_MAX_STEPS", value_name = "N")]
    train_max_steps: Option<u64>,
    /// Pairs of one step
    #[arg(long, env = "AMEND_TRAIN_PAIRS_PER_STEP", default_value_t = 16, value_name = "N")]
    train_pairs_per_step: usize,
    /// How often every pair is trained
    #[arg(long, env = "AMEND_TRAIN_EPOCHS", default_value_t = 1, value_name = "N")]
    train_epochs: u32,
    /// The highest learning rate [default: the method's]
    #[arg(long, env = "AMEND_TRAIN_LEARNING_RATE", value_name = "RATE")]
    train_learning_rate: Option<f64>,
    /// What learns
    #[arg(long, env = "AMEND_TRAIN_METHOD", value_enum, default_value_t = MethodArg::Lora)]
    train_method: MethodArg,
    /// What is minimised
    #[arg(long, env = "AMEND_TRAIN_OBJECTIVE", value_enum, default_value_t = ObjectiveArg::DpoBmc)]
    train_objective: ObjectiveArg,
    /// How strongly the model is held to what it was [default: the objective's]
    #[arg(long, env = "AMEND_TRAIN_BETA", value_name = "BETA")]
    train_beta: Option<f64>,
    /// The share of mislabelled pairs that is reckoned with (cDPO), below 0.5
    #[arg(long, env = "AMEND_TRAIN_LABEL_SMOOTHING", default_value_t = 0.0, value_name = "SHARE")]
    train_label_smoothing: f64,
    /// How much of plain fine-tuning on the chosen answers is added (RPO)
    #[arg(long, env = "AMEND_TRAIN_SFT_WEIGHT", default_value_t = 0.0, value_name = "WEIGHT")]
    train_sft_weight: f64,
    /// The share of a training that rows have which jobs of `amend jobs synth` made, and none has learned from yet; to 0.9
    #[arg(long, env = "AMEND_TRAIN_SYNTHETIC_SHARE", default_value_t = 0.0, value_name = "SHARE")]
    train_synthetic_share: f64,
    /// Who rewrites losing answers first
    #[arg(long, env = "AMEND_TRAIN_BRIDGING", value_enum, default_value_t = BridgingArg::None)]
    train_bridging: BridgingArg,
    /// Where the endpoint's routes begin that rewrites, such as https://api.openai.com/v1
    #[arg(long, env = "AMEND_TRAIN_BRIDGING_URL", value_name = "URL", requires = "train_bridging_model")]
    train_bridging_url: Option<EndpointUrl>,
    /// Which of its models
    #[arg(long, env = "AMEND_TRAIN_BRIDGING_MODEL", value_name = "NAME", requires = "train_bridging_url")]
    train_bridging_model: Option<ModelId>,
    /// The environment variable that holds its key [default: no key is sent]
    #[arg(long, env = "AMEND_TRAIN_BRIDGING_KEY_ENV", value_name = "VAR", requires = "train_bridging_url")]
    train_bridging_key_env: Option<String>,
    /// Decides every draw
    #[arg(long, env = "AMEND_TRAIN_SEED", default_value_t = 1, value_name = "SEED")]
    train_seed: u64,
}

/// The endpoint that options name; its key is there, if one is named.
///
/// # Errors
/// When none is named and one is to rewrite, or the variable of its key is not set.
pub(super) fn endpoint(
    bridging: BridgingArg,
    (url, model, key_env): (Option<EndpointUrl>, Option<ModelId>, Option<String>),
) -> anyhow::Result<Option<EndpointConfig>> {
    let Some((url, model)) = url.zip(model) else {
        anyhow::ensure!(
            bridging != BridgingArg::Endpoint,
            "bridging by an endpoint needs its address and its model's name"
        );
        return Ok(None);
    };
    let endpoint = EndpointConfig { url, model, key_env };
    endpoint.key()?;
    Ok(Some(endpoint))
}

impl TrainingArgs {
    /// As the daemon takes them.
    ///
    /// # Errors
    /// When a number makes no sense; the text names the setting.
    pub(super) fn settings(self) -> anyhow::Result<TrainingSettings> {
        let base = BmcConfig::default();
        let chosen = objective(self.train_objective.into());
        let loss = PreferenceLoss {
            objective: chosen.with_beta(self.train_beta.unwrap_or(chosen.beta())),
            label_smoothing: self.train_label_smoothing,
            sft_weight: self.train_sft_weight,
        };
        let mut recipe = PreferenceRecipe {
            seed: self.train_seed,
            epochs: self.train_epochs,
            max_steps: self.train_max_steps,
            pairs_per_step: self.train_pairs_per_step,
            loss,
            conversation_share: self.train_synthetic_share,
            ..base.recipe
        };
        set_method(&mut recipe, self.train_method.into());
        recipe.learning_rate = self.train_learning_rate.unwrap_or(recipe.learning_rate);
        recipe.validate()?;
        let named = (self.train_bridging_url, self.train_bridging_model, self.train_bridging_key_env);
        let config = BmcConfig {
            recipe,
            bridging: self.train_bridging.into(),
            endpoint: endpoint(self.train_bridging, named)?,
            budget_seconds: self.train_budget_minutes.map(|minutes| minutes.get().saturating_mul(60)),
            min_pairs: self.train_min_pairs,
            ..BmcConfig::default()
        };
        let hours = |hours: NonZeroU64| Duration::from_secs(hours.get().saturating_mul(3600));
        Ok(TrainingSettings {
            config,
            every_pairs: self.train_every_pairs,
            every: self.train_every_hours.map(hours),
            quiet: self.train_quiet_hours,
            files: self.train_pairs,
        })
    }
}
