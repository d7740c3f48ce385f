//! From starting to gone: the one place that knows whether the daemon takes requests.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::watch;

/// Where a server is in its life. It only moves on, but for [`Lifecycle::unready`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The model is being loaded; `/readyz` says 503.
    Starting,
    /// Requests are answered.
    Ready,
    /// What is in flight is finished; nothing new is accepted, and `/readyz` says 503.
    Draining,
    /// The deadline has passed: what is still in flight ends with an error.
    Cutting,
}

/// A handle on the phase, shared by whoever sets it (the app, the signal handler) and whoever asks (routes, streams).
#[derive(Debug, Clone)]
pub struct Lifecycle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    phase: watch::Sender<Phase>,
    in_flight: AtomicUsize,
}

/// Counts one request until it is dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Inner>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Lifecycle {
    /// The life of a server that loads its model.
    #[must_use]
    pub fn starting() -> Self {
        let (phase, _) = watch::channel(Phase::Starting);
        Self(Arc::new(Inner { phase, in_flight: AtomicUsize::new(0) }))
    }

    /// The phase at this moment.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// The model answers from now on.
    pub fn ready(&self) {
        self.advance(Phase::Ready);
    }

    /// The model does not answer at present; `/readyz` says so until [`ready`](Self::ready).
    pub fn unready(&self) {
        self.0.phase.send_if_modified(|phase| match phase {
            Phase::Ready => {
                *phase = Phase::Starting;
                true
            }
            Phase::Starting | Phase::Draining | Phase::Cutting => false,
        });
    }

    /// Nothing new is to be taken.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// What is in flight is to end now.
    pub fn cut(&self) {
        self.advance(Phase::Cutting);
    }

    /// How many requests have arrived and are not answered to the last byte.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::SeqCst)
    }

    /// Waits until the phase is `phase` or a later one.
    pub async fn reached(&self, phase: Phase) {
        let mut watched = self.0.phase.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = watched.wait_for(|now| *now >= phase).await;
    }

    pub(super) fn enter(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Ordering::SeqCst);
        InFlight(Arc::clone(&self.0))
    }

    fn advance(&self, to: Phase) {
        self.0.phase.send_if_modified(|phase| {
            let later = *phase < to;
            if later {
                *phase = to;
            }
            later
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_drains_does_not_become_ready() {
        let life = Lifecycle::starting();
        life.ready();
        life.unready();
        assert_eq!(life.phase(), Phase::Starting);
        life.ready();
        life.drain();
        life.ready();
        life.unready();
        assert_eq!(life.phase(), Phase::Draining);
    }

    #[tokio::test]
    async fn a_later_phase_counts_as_reached() {
        let life = Lifecycle::starting();
        life.cut();
        life.reached(Phase::Draining).await;
    }

    #[test]
    fn guards_count() {
        let life = Lifecycle::starting();
        let guard = life.enter();
        assert_eq!(life.in_flight(), 1);
        drop(guard);
        assert_eq!(life.in_flight(), 0);
    }
}
