//! How to ask, and why a run ends without a report.

use super::{Cache, CacheError};
use crate::follow::{Scorer, report::PriceTable};
use amend_proto::{Priority, Sampling, TenantId};
use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

/// How to ask.
#[derive(Clone)]
pub struct RunOptions {
    /// Requests to the model under way at once.
    pub concurrency: NonZeroUsize,
    /// How tokens are drawn, with the most tokens of an answer and the seed. Without a seed, and above temperature 0, a
    /// run cannot be repeated.
    pub sampling: Sampling,
    /// Whether live users go first. [`Priority::Background`] gives way to them.
    pub priority: Priority,
    /// Whose edits apply.
    pub tenant: TenantId,
    /// How outcomes become rates. It also decides how rules and judges are read.
    pub scorer: Scorer,
    /// The longest wait for one answer.
    pub deadline: Duration,
    /// Further tries of a question after a failure that may pass: a full queue, an engine's error, the deadline.
    pub retries: u32,
    /// After so many items in a row that the endpoint failed on, the run ends with [`RunError::GaveUp`].
    pub give_up_after: NonZeroU32,
    /// Where answers and verdicts are kept. Without one an interrupted run starts over.
    pub cache: Option<Arc<dyn Cache>>,
    /// What decides answers beside the model's revision: the last edit's number, say. Answers are kept under it.
    pub model_state: Option<String>,
    /// What tokens cost.
    pub prices: PriceTable,
}

impl Default for RunOptions {
    /// Greedy, at most 1024 tokens, four at once, behind live users, the strict scorer, two minutes and two further tries
    /// an answer, the end after ten failures in a row, nothing kept.
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::MIN.saturating_add(3),
            sampling: Sampling { max_tokens: Some(1024), seed: Some(0), ..Sampling::greedy() },
            priority: Priority::Background,
            tenant: TenantId::default(),
            scorer: Scorer::Strict,
            deadline: Duration::from_secs(120),
            retries: 2,
            give_up_after: NonZeroU32::MIN.saturating_add(9),
            cache: None,
            model_state: None,
            prices: PriceTable::default(),
        }
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("concurrency", &self.concurrency)
            .field("sampling", &self.sampling)
            .field("priority", &self.priority)
            .field("tenant", &self.tenant)
            .field("scorer", &self.scorer)
            .field("deadline", &self.deadline)
            .field("retries", &self.retries)
            .field("give_up_after", &self.give_up_after)
            .field("cache", &self.cache.is_some())
            .field("model_state", &self.model_state)
            .field("prices", &self.prices)
            .finish()
    }
}

/// Why a run ends without a report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is nothing to ask.
    #[error("failed to run the suite {0:?}: it has no items")]
    Empty(String),
    /// Two items cannot be told apart.
    #[error("failed to run the suite {suite:?}: two items have the id {id:?}")]
    DuplicateId {
        /// The suite.
        suite: String,
        /// The id.
        id: String,
    },
    /// Items need a judge, and there is none.
    #[error("failed to run the suite {suite:?}: {items} of its items need a judge; name at least one")]
    NoJudge {
        /// The suite.
        suite: String,
        /// How many.
        items: usize,
    },
    /// The endpoint fails again and again. What it has answered is kept: the same run goes on from there.
    #[error(
        "failed to finish the suite {suite:?}: the model failed on {failures} items in a row, the last time with: {last}; {answered} of {total} items were answered"
    )]
    GaveUp {
        /// The suite.
        suite: String,
        /// How many in a row.
        failures: u32,
        /// What it said last.
        last: String,
        /// Items that have an answer.
        answered: usize,
        /// All items.
        total: usize,
    },
    /// Answers cannot be kept or found.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The outcomes could not be added up: the runtime goes down.
    #[error("failed to make the report")]
    Report(#[source] tokio::task::JoinError),
    /// A check did not come back: it panicked, or the runtime goes down.
    #[error("failed to check the answer to {item}")]
    Check {
        /// The item.
        item: String,
        /// Why.
        source: tokio::task::JoinError,
    },
}
