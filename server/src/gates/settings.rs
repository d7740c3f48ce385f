//! What an operator decides about gates.

use super::store::GateKey;
use crate::endpoint::{EndpointConfig, EndpointLimits, EndpointModel, InvalidEndpoint};
use amend_eval::{
    follow::judge::{Judge, JudgeOptions, JudgePanel, Language, PanelError},
    gate::Policy,
};
use amend_proto::wire::{GateAction, GatePolicy};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

/// What an operator decides about gates.
#[derive(Debug, Clone)]
pub struct GateSettings {
    /// What decides.
    pub policy: Policy,
    /// Who judges what code cannot, in suites that need it.
    pub judges: Vec<EndpointConfig>,
    /// A candidate is gated as soon as it is trained, and this follows; not by itself, unless given.
    pub automatic: Option<GateAction>,
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
            judges: Vec::new(),
            automatic: None,
            again: None,
            edits: NonZeroUsize::MIN.saturating_add(99),
            traffic: NonZeroUsize::MIN.saturating_add(199),
            max_tokens: 256,
            concurrency: NonZeroUsize::MIN,
        }
    }
}

/// Why there are no judges.
#[derive(Debug, thiserror::Error)]
pub enum JudgesError {
    /// One cannot be asked.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// They make no panel.
    #[error(transparent)]
    Panel(#[from] PanelError),
}

impl GateSettings {
    /// What a verdict by a policy holds for.
    #[must_use]
    pub fn key(&self, policy: &Policy) -> GateKey {
        let policy = GatePolicy { name: policy.name.clone(), fingerprint: policy.fingerprint() };
        GateKey {
            policy,
            judges: self.judges.iter().map(|judge| format!("{}#{}", judge.url, judge.model)).collect(),
        }
    }
}

/// Judges behind endpoints, ready to be asked; none where none is named.
///
/// # Errors
/// [`JudgesError`].
pub fn judges(named: &[EndpointConfig], language: Language) -> Result<Option<JudgePanel>, JudgesError> {
    if named.is_empty() {
        return Ok(None);
    }
    let mut judges = Vec::with_capacity(named.len());
    for endpoint in named {
        let model = EndpointModel::new(endpoint.clone(), EndpointLimits::once())?;
        judges.push(Judge::new(endpoint.model.as_str(), Arc::new(model), language));
    }
    Ok(Some(JudgePanel::new(judges, JudgeOptions::default())?))
}
