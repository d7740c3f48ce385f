//! A model with its limits and its price.

use crate::preference::bridge::{Pause, Retries};
use amend_proto::ChatModel;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use serde::{Deserialize, Serialize};
use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
};
use tokio::sync::{Semaphore, SemaphorePermit};

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// Most that is asked in a minute. A quiet minute allows so much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Requests.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens: of the prompt as estimated, and of the longest answer that is allowed.
    pub tokens_per_minute: Option<NonZeroU32>,
}

/// What a million tokens cost, in the operator's currency.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// Of prompts.
    pub input: f64,
    /// Of answers.
    pub output: f64,
}

impl Price {
    /// What so many tokens cost.
    #[must_use]
    pub fn of(self, (prompt, answer): (u64, u64)) -> f64 {
        (prompt as f64 * self.input + answer as f64 * self.output) / 1e6
    }

    /// Numbers from 0 up.
    #[must_use]
    pub fn is_valid(self) -> bool {
        [self.input, self.output].iter().all(|price| price.is_finite() && *price >= 0.0)
    }
}

/// How a model is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EndpointSettings {
    /// Requests at a time.
    pub concurrency: NonZeroUsize,
    /// Requests and tokens in a minute.
    pub rates: Rates,
    /// What it costs.
    pub price: Price,
    /// When it fails for now.
    pub retries: Retries,
}

impl Default for EndpointSettings {
    /// Four at a time, no other limit, for nothing.
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::new(4).expect("not zero"),
            rates: Rates::default(),
            price: Price::default(),
            retries: Retries::default(),
        }
    }
}

/// A model with its limits: the one place through which it is asked, whatever its roles.
pub struct Endpoint {
    pub(super) model: Arc<dyn ChatModel>,
    pub(super) settings: EndpointSettings,
    pub(super) pause: Pause,
    places: Semaphore,
    requests: Option<Limiter>,
    tokens: Option<(Limiter, NonZeroU32)>,
}

impl Endpoint {
    /// An endpoint; `pause` waits.
    #[must_use]
    pub fn new(model: Arc<dyn ChatModel>, settings: EndpointSettings, pause: Pause) -> Self {
        let limiter = |most| RateLimiter::direct_with_clock(Quota::per_minute(most), MonotonicClock);
        Self {
            model,
            places: Semaphore::new(settings.concurrency.get().min(Semaphore::MAX_PERMITS)),
            requests: settings.rates.requests_per_minute.map(limiter),
            tokens: settings.rates.tokens_per_minute.map(|most| (limiter(most), most)),
            settings,
            pause,
        }
    }

    /// The model and its revision.
    #[must_use]
    pub fn name(&self) -> String {
        let info = self.model.info();
        format!("{}@{}", info.id, info.revision)
    }

    /// How many tokens a text is about: the model's own count, or a third of its bytes.
    pub(super) fn count(&self, text: &str) -> u64 {
        let count = self.model.count_tokens(text).unwrap_or_else(|| text.len().div_ceil(3));
        count as u64
    }

    /// Waits for a place, and until the minute allows one more request of about so many tokens.
    pub(super) async fn turn(&self, tokens: u64) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        let place = self.places.acquire().await.ok()?;
        if let Some(limiter) = &self.requests {
            self.wait(limiter, NonZeroU32::MIN).await;
        }
        if let Some((limiter, most)) = &self.tokens {
            // What is more than a minute's allowance takes a whole one.
            let tokens = u32::try_from(tokens).unwrap_or(u32::MAX).clamp(1, most.get());
            self.wait(limiter, NonZeroU32::new(tokens).unwrap_or(NonZeroU32::MIN)).await;
        }
        Some(place)
    }

    async fn wait(&self, limiter: &Limiter, cells: NonZeroU32) {
        // An error of the outer kind says that the minute never allows so many; the caller has cut them to fit.
        while let Ok(Err(not_until)) = limiter.check_n(cells) {
            (self.pause)(not_until.wait_time_from(limiter.clock().now())).await;
        }
    }
}
