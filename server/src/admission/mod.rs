//! Admission: who is served now, who waits, who is refused.
//!
//! The outermost [`ChatModel`]. In front of the engine's slots stands a queue with a bound. A request takes a slot, or
//! waits for one, or is refused with the time after which trying again has a chance. The slot is held until the engine
//! is done with the answer or nobody wants it any more.
//!
//! Order: users' requests ([`Priority::Live`]) before the daemon's own jobs ([`Priority::Background`]), and within each
//! in order of arrival, so none starves. A background request that has waited longer than
//! [`AdmissionConfig::background_patience`] is served next, at most one in every such span.
//!
//! How many slots there are depends on the device. On CPU it is one: mistralrs 0.8.1 takes turns there among sequences of
//! different lengths, so that a second one only makes both slower, and mixes up those of equal length.

mod activity;
mod metered;
mod queue;
#[cfg(test)]
mod tests;

use activity::Activity;
use amend_proto::{ChatModel, ChatRequest, ChatStream, ErrorKind, ModelError, ModelInfo, Priority};
use async_trait::async_trait;
use metered::Metered;
use queue::{Full, Queue};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// How many requests may wait by default.
pub const DEFAULT_CAPACITY: usize = 256;

/// Events of one answer that may wait for a slow reader while the engine goes on; with more, the engine waits.
const MOST_AHEAD: usize = 8192;

/// The start, the finish, and what a stop text had held back.
const EVENTS_BESIDE_TOKENS: usize = 4;

/// How long a background request waits by default before it goes in front of users' requests.
pub const DEFAULT_BACKGROUND_PATIENCE: Duration = Duration::from_secs(30);

/// What an operator decides about admission.
#[derive(Debug, Clone)]
pub struct AdmissionConfig {
    /// Most requests that wait; one more is refused. 0 refuses whatever does not get a slot at once.
    pub capacity: usize,
    /// Requests that the engine works on at a time.
    pub slots: NonZeroUsize,
    /// How long a background request waits before it goes first once.
    pub background_patience: Duration,
}

impl AdmissionConfig {
    /// The defaults, for an engine of this many slots.
    #[must_use]
    pub fn new(slots: NonZeroUsize) -> Self {
        Self { capacity: DEFAULT_CAPACITY, slots, background_patience: DEFAULT_BACKGROUND_PATIENCE }
    }

    /// Puts the queue in front of `model`.
    #[must_use]
    pub fn build(self, model: Arc<dyn ChatModel>) -> Admission {
        Admission { model, queue: Queue::new(self), activity: Activity::default() }
    }
}

/// A queue in front of a [`ChatModel`].
pub struct Admission {
    model: Arc<dyn ChatModel>,
    queue: Arc<Queue>,
    activity: Activity,
}

impl Admission {
    /// How many requests hold a slot.
    #[must_use]
    pub fn running(&self) -> usize {
        self.queue.running()
    }

    /// How many requests wait for one.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// How many users' requests wait or hold a slot, as it changes: for whoever goes behind them.
    #[must_use]
    pub fn busy(&self) -> watch::Receiver<usize> {
        self.activity.watch()
    }
}

#[async_trait]
impl ChatModel for Admission {
    fn info(&self) -> ModelInfo {
        self.model.info()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let arrived = Instant::now();
        let priority = request.priority;
        let present = self.activity.enter(priority);
        let slot = Arc::clone(&self.queue).acquire(priority).await.map_err(|Full { retry_after }| {
            ModelError::new(
                ErrorKind::Overloaded { retry_after },
                format!("too many requests are waiting; try again in {} s", retry_after.as_secs()),
            )
        })?;
        let ahead = request.sampling.max_tokens.map_or(MOST_AHEAD, |most| most as usize).min(MOST_AHEAD);
        let stream = self.model.stream(request).await?;
        Ok(Metered::pump(stream, ((slot, present), arrived), ahead + EVENTS_BESIDE_TOKENS))
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        self.model.count_tokens(text)
    }
}

/// The metrics' spelling.
fn label(priority: Priority) -> &'static str {
    match priority {
        Priority::Live => "live",
        Priority::Background => "background",
    }
}
