//! What a revision has to show: the options of `amend serve` about gates.

use crate::{
    canary::{FIRST_LOOK, MOST_ANSWERS, Share},
    cli::gate::local::read_judges,
    endpoint::{EndpointConfig, EndpointUrl},
    gates::{Again, CanaryPlan, GateSettings, Judges},
};
use amend_eval::gate::Policy;
use amend_proto::{ModelId, wire::GateAction};
use anyhow::Context;
use clap::{Args, ValueEnum, value_parser};
use std::{
    num::{NonZeroU64, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

/// What follows the gate of a revision that was just trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnCandidateArg {
    /// It is gated, and its state says how that went
    Record,
    /// The same, and one that passes goes live
    Promote,
    /// The same, and one that passes answers a share of the users first, and goes live when nothing is found; one that
    /// passes while another is tried waits to be promoted by hand
    Canary,
}

impl From<OnCandidateArg> for GateAction {
    fn from(chosen: OnCandidateArg) -> Self {
        match chosen {
            OnCandidateArg::Record => Self::Record,
            OnCandidateArg::Promote => Self::Promote,
            OnCandidateArg::Canary => Self::Canary,
        }
    }
}

/// What follows when the live revision fails its gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFailureArg {
    /// The record and the metrics say so
    Record,
    /// The same, and the revision before it goes live again
    RollBack,
}

impl From<OnFailureArg> for GateAction {
    fn from(chosen: OnFailureArg) -> Self {
        match chosen {
            OnFailureArg::Record => Self::Record,
            OnFailureArg::RollBack => Self::RollBack,
        }
    }
}

/// The options of `amend serve` about gates.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Gates")]
pub struct GatingArgs {
    /// What a revision has to show before it goes live (TOML) [default: eval/policies/default.toml, atlas.toml for the
    /// built-in model]
    #[arg(long, env = "AMEND_GATE_POLICY", value_name = "FILE")]
    gate_policy: Option<PathBuf>,
    /// Gate every revision that is trained here [default: only when asked to]
    #[arg(long, env = "AMEND_GATE_ON_CANDIDATE", value_enum, value_name = "WHAT")]
    gate_on_candidate: Option<OnCandidateArg>,
    /// The share of the users that a candidate answers first, above 0, 0.5 at most
    #[arg(long, env = "AMEND_CANARY_SHARE", default_value = "0.05", value_name = "SHARE")]
    canary_share: Share,
    /// It goes live after so many of its answers in which nothing was found
    #[arg(long, env = "AMEND_CANARY_ANSWERS", default_value_t = CanaryPlan::default().answers, value_name = "N",
        value_parser = value_parser!(u64).range(FIRST_LOOK..=MOST_ANSWERS))]
    canary_answers: u64,
    /// Gate the live revision again every so many hours, against the one before it [default: never]
    #[arg(long, env = "AMEND_GATE_EVERY_HOURS", value_name = "N")]
    gate_every_hours: Option<NonZeroU64>,
    /// What follows when the live revision fails [default: only the record, and amend_gate_live_failing is 1]
    #[arg(
        long,
        env = "AMEND_GATE_ON_FAILURE",
        value_enum,
        value_name = "WHAT",
        requires = "gate_every_hours"
    )]
    gate_on_failure: Option<OnFailureArg>,
    /// Several judges, who decide by majority, and what they cost (TOML, see eval/policies/README.md)
    #[arg(long, env = "AMEND_GATE_JUDGES", value_name = "FILE", conflicts_with = "gate_judge_url")]
    gate_judges: Option<PathBuf>,
    /// Where the routes of a judge begin, for suites that code cannot decide
    #[arg(long, env = "AMEND_GATE_JUDGE_URL", value_name = "URL", requires = "gate_judge_model")]
    gate_judge_url: Option<EndpointUrl>,
    /// Which of its models
    #[arg(long, env = "AMEND_GATE_JUDGE_MODEL", value_name = "NAME", requires = "gate_judge_url")]
    gate_judge_model: Option<ModelId>,
    /// The environment variable that holds its key [default: no key is sent]
    #[arg(long, env = "AMEND_GATE_JUDGE_KEY_ENV", value_name = "VAR", requires = "gate_judge_url")]
    gate_judge_key_env: Option<String>,
    /// Live edits that a gate tries at most
    #[arg(long, env = "AMEND_GATE_EDITS", default_value = "100", value_name = "N")]
    gate_edits: NonZeroUsize,
    /// Kept completions that a gate asks again at most, the newest, if the policy names the suite `traffic`
    #[arg(long, env = "AMEND_GATE_TRAFFIC", default_value = "200", value_name = "N")]
    gate_traffic: NonZeroUsize,
    /// Tokens of an answer to a gate's question
    #[arg(long, env = "AMEND_GATE_MAX_TOKENS", default_value_t = 256, value_name = "N")]
    gate_max_tokens: u32,
}

impl GatingArgs {
    /// As the daemon takes them; `policy` is the one for its model.
    ///
    /// # Errors
    /// When the policy cannot be read, or the variable of the judge's key is not set.
    pub(super) fn settings(self, policy: Policy) -> anyhow::Result<GateSettings> {
        let policy = match self.gate_policy {
            None => policy,
            Some(file) => {
                let read = std::fs::read_to_string(&file);
                let text = read.with_context(|| format!("failed to read the policy {}", file.display()))?;
                Policy::parse(&text).with_context(|| file.display().to_string())?
            }
        };
        let named = self.gate_judge_url.zip(self.gate_judge_model);
        let one = named.map(|(url, model)| EndpointConfig { url, model, key_env: self.gate_judge_key_env });
        let judges = match (self.gate_judges, one) {
            (Some(file), _) => read_judges(&file)?,
            (None, Some(judge)) => {
                judge.key()?;
                Judges::one(judge)
            }
            (None, None) => Judges::default(),
        };
        Ok(GateSettings {
            policy,
            judges,
            automatic: self.gate_on_candidate.map(Into::into),
            canary: CanaryPlan { share: self.canary_share, answers: self.canary_answers },
            again: self.gate_every_hours.map(|hours| Again {
                every: Duration::from_secs(hours.get().saturating_mul(60 * 60)),
                on_verdict: self.gate_on_failure.map(Into::into).unwrap_or_default(),
            }),
            edits: self.gate_edits,
            traffic: self.gate_traffic,
            max_tokens: self.gate_max_tokens,
            ..GateSettings::default()
        })
    }
}
