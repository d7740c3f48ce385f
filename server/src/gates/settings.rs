//! What an operator decides about gates.

use super::{judges::Judges, store::GateKey};
use crate::canary::Share;
use amend_eval::gate::Policy;
use amend_proto::wire::{ENOUGH_CANARY_ANSWERS, GateAction, GatePolicy};
use std::{num::NonZeroUsize, time::Duration};

/// What an operator decides about gates.
#[derive(Debug, Clone)]
pub struct GateSettings {
    /// What decides.
    pub policy: Policy,
    /// Who judges what code cannot, in suites that need it.
    pub judges: Judges,
    /// A candidate is gated as soon as it is trained, and this follows; not by itself, unless given.
    pub automatic: Option<GateAction>,
    /// How a candidate that passed is tried on users, where [`GateAction::Canary`] follows.
    pub canary: CanaryPlan,
    /// How often the live revision is gated again, and what follows; never, unless given.
    pub again: Option<Again>,
    /// Live edits that are tried at most.
    pub edits: NonZeroUsize,
    /// Kept completions that are asked again at most, the newest, where a policy names the suite `traffic`.
    pub traffic: NonZeroUsize,
    /// Tokens of an answer.
    pub max_tokens: u32,
    /// Requests to a model at once.
    pub concurrency: NonZeroUsize,
}

/// How a candidate that passed is tried on users before it goes live.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CanaryPlan {
    /// The share of the users.
    pub share: Share,
    /// So many answers without anything found.
    pub answers: u64,
}

impl Default for CanaryPlan {
    /// A twentieth of the users, for [`ENOUGH_CANARY_ANSWERS`].
    fn default() -> Self {
        Self { share: Share::TWENTIETH, answers: ENOUGH_CANARY_ANSWERS }
    }
}

/// Gating the live revision again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// After so long.
    pub every: Duration,
    /// [`GateAction::RollBack`], or only [`GateAction::Record`].
    pub on_verdict: GateAction,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            judges: Judges::default(),
            automatic: None,
            canary: CanaryPlan::default(),
            again: None,
            edits: NonZeroUsize::MIN.saturating_add(99),
            traffic: NonZeroUsize::MIN.saturating_add(199),
            max_tokens: 256,
            concurrency: NonZeroUsize::MIN,
        }
    }
}

impl GateSettings {
    /// What a verdict by a policy holds for.
    #[must_use]
    pub fn key(&self, policy: &Policy) -> GateKey {
        let policy = GatePolicy { name: policy.name.clone(), fingerprint: policy.fingerprint() };
        GateKey { policy, judges: self.judges.names() }
    }
}
