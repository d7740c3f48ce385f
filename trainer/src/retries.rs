//! Asking a model again that failed for now.

use amend_proto::{ErrorKind, ModelError};
use backon::{ExponentialBuilder, Retryable};
use futures::future::BoxFuture;
use std::{sync::Arc, time::Duration};

/// Waits: the runtime's `sleep`, which this crate does not know.
pub type Pause = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// How a request to a model that failed for now is sent again: overloaded, not ready, timed out, an engine's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Further tries after the first one.
    pub times: usize,
    /// The first pause; each further one is twice as long.
    pub first: Duration,
    /// The longest pause, also where the model asks for a longer one.
    pub longest: Duration,
    /// Requests that may fail for good one after another; one more and the run ends, since the model is down, not the request
    /// odd.
    pub failures_in_a_row: usize,
}

impl Default for Retries {
    /// Five more tries after half a second, one, two, four and eight; eight failures in a row.
    fn default() -> Self {
        Self {
            times: 5,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            failures_in_a_row: 8,
        }
    }
}

impl Retries {
    /// Sends a request, and sends it again while it has a chance that `may_pass` sees, not before a model's `Retry-After`.
    ///
    /// # Errors
    /// The last try's.
    pub(crate) async fn run<T, F: Future<Output = Result<T, ModelError>>>(
        &self,
        pause: &Pause,
        may_pass: impl FnMut(&ModelError) -> bool,
        once: impl FnMut() -> F,
    ) -> Result<T, ModelError> {
        let Self { times, first, longest, .. } = *self;
        let pause = Arc::clone(pause);
        let backoff =
            ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest).with_max_times(times);
        once.retry(backoff)
            .sleep(move |time| pause(time))
            .when(may_pass)
            .adjust(move |error, pause| match error.kind() {
                ErrorKind::Overloaded { retry_after } | ErrorKind::NotReady { retry_after } => {
                    pause.map(|pause| pause.max(*retry_after).min(longest))
                }
                _ => pause,
            })
            .await
    }
}

/// Whether the same request may succeed later.
pub(crate) fn may_pass(error: &ModelError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Overloaded { .. } | ErrorKind::NotReady { .. } | ErrorKind::Timeout | ErrorKind::Engine
    )
}

/// Why a model refuses a request, and would again; nothing where it failed.
pub(crate) fn refusal(error: &ModelError) -> Option<String> {
    match error.kind() {
        ErrorKind::InvalidRequest { .. } | ErrorKind::Unsupported { .. } | ErrorKind::ContextLength => {
            Some(error.message().to_owned())
        }
        _ => None,
    }
}
