//! The queue: slots, those who hold one, those who wait.

use super::{AdmissionConfig, label};
use crate::telemetry::names;
use amend_proto::Priority;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// Bounds of what a refused client is told.
const RETRY_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How much the latest request counts in the mean service time.
const LATEST_WEIGHT: f64 = 0.1;

/// The queue is full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// When trying again has a chance.
    pub(super) retry_after: Duration,
}

/// Slots and who waits for them.
pub(super) struct Queue {
    config: AdmissionConfig,
    state: Mutex<State>,
}

struct State {
    /// Slots that nobody holds. Not 0 only while nobody waits.
    free: usize,
    live: VecDeque<Waiter>,
    background: VecDeque<Waiter>,
    next_ticket: u64,
    /// When a background request last went first out of age.
    last_aged: Option<Instant>,
    /// Exponentially weighted mean of the seconds that a slot was held.
    service_seconds: Option<f64>,
}

struct Waiter {
    ticket: u64,
    since: Instant,
    grant: oneshot::Sender<Slot>,
}

/// The right to use the engine. Dropping it passes it on.
pub(super) struct Slot {
    /// `None` once it has been taken back.
    queue: Option<Arc<Queue>>,
    /// When its request began; `None` until then.
    since: Option<Instant>,
}

impl Queue {
    pub(super) fn new(config: AdmissionConfig) -> Arc<Self> {
        #[allow(clippy::cast_precision_loss, reason = "a capacity")]
        metrics::gauge!(names::QUEUE_CAPACITY).set(config.capacity as f64);
        #[allow(clippy::cast_precision_loss, reason = "a count of slots")]
        metrics::gauge!(names::ENGINE_SLOTS).set(config.slots.get() as f64);
        let state = State {
            free: config.slots.get(),
            live: VecDeque::new(),
            background: VecDeque::new(),
            next_ticket: 0,
            last_aged: None,
            service_seconds: None,
        };
        Arc::new(Self { config, state: Mutex::new(state) })
    }

    /// No code that holds the lock panics half-way through a change, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn running(&self) -> usize {
        self.config.slots.get() - self.lock().free
    }

    pub(super) fn waiting(&self) -> usize {
        let state = self.lock();
        state.live.len() + state.background.len()
    }

    /// A slot, now or when it is this request's turn. Dropping the future leaves the queue.
    pub(super) async fn acquire(self: Arc<Self>, priority: Priority) -> Result<Slot, Full> {
        let arrived = Instant::now();
        let (ticket, granted) = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                drop(state);
                let mut slot = Slot::new(&self);
                slot.begin(priority, arrived);
                return Ok(slot);
            }
            if state.live.len() + state.background.len() >= self.config.capacity {
                let retry_after = state.retry_after(self.config.slots.get());
                drop(state);
                metrics::counter!(names::REQUESTS_REFUSED, "priority" => label(priority)).increment(1);
                return Err(Full { retry_after });
            }
            let (grant, granted) = oneshot::channel();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.line(priority).push_back(Waiter { ticket, since: arrived, grant });
            (ticket, granted)
        };
        let place = Place { queue: &self, ticket, priority };
        metrics::gauge!(names::REQUESTS_WAITING, "priority" => label(priority)).increment(1);
        let slot = granted.await;
        drop(place);
        match slot {
            Ok(mut slot) => {
                slot.begin(priority, arrived);
                Ok(slot)
            }
            // The sender is only dropped by granting or by our own `place`.
            Err(_) => Err(Full { retry_after: RETRY_BOUNDS.0 }),
        }
    }

    /// Gives a slot that came free to whoever is next, or keeps it.
    fn pass_on(self: &Arc<Self>, held_for: Option<Duration>) {
        let mut state = self.lock();
        if let Some(held_for) = held_for {
            let seconds = held_for.as_secs_f64();
            state.service_seconds =
                Some(state.service_seconds.map_or(seconds, |mean| mean + LATEST_WEIGHT * (seconds - mean)));
        }
        while let Some(waiter) = state.next(Instant::now(), self.config.background_patience) {
            match waiter.grant.send(Slot::new(self)) {
                Ok(()) => return,
                // It left between its last look and now. The slot stays here: it must not pass itself on.
                Err(mut slot) => slot.queue = None,
            }
        }
        state.free += 1;
    }
}

impl State {
    fn line(&mut self, priority: Priority) -> &mut VecDeque<Waiter> {
        match priority {
            Priority::Live => &mut self.live,
            Priority::Background => &mut self.background,
        }
    }

    /// Who is next: the oldest live request, unless a background one has aged and none did lately.
    fn next(&mut self, now: Instant, patience: Duration) -> Option<Waiter> {
        let aged = self.background.front().is_some_and(|oldest| now - oldest.since >= patience);
        let lately = self.last_aged.is_some_and(|last| now - last < patience);
        if aged && !lately && !self.live.is_empty() {
            self.last_aged = Some(now);
            return self.background.pop_front();
        }
        self.live.pop_front().or_else(|| self.background.pop_front())
    }

    /// When those who wait now will have been served, at the pace of late.
    fn retry_after(&self, slots: usize) -> Duration {
        let ahead = self.live.len() + self.background.len() + 1;
        #[allow(clippy::cast_precision_loss, reason = "counts of requests")]
        let seconds = self.service_seconds.unwrap_or(1.0) * ahead as f64 / slots as f64;
        let (least, most) = RETRY_BOUNDS;
        let bounded = Duration::from_secs_f64(seconds.min(most.as_secs_f64())).max(least);
        // Whole seconds, as the header has them, and never too early.
        Duration::from_secs(bounded.as_secs() + u64::from(bounded.subsec_nanos() > 0))
    }
}

/// A place in the queue. Dropping it leaves: granted or given up.
struct Place<'a> {
    queue: &'a Arc<Queue>,
    ticket: u64,
    priority: Priority,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        metrics::gauge!(names::REQUESTS_WAITING, "priority" => label(self.priority)).decrement(1);
        let mut state = self.queue.lock();
        let line = state.line(self.priority);
        // Tickets ascend, so the line is sorted. Not being in it means that the slot was granted.
        let gone = match line.binary_search_by_key(&self.ticket, |waiter| waiter.ticket) {
            Ok(index) => line.remove(index),
            Err(_) => return,
        };
        drop(state);
        drop(gone);
        metrics::counter!(names::REQUESTS_ABANDONED, "when" => "waiting").increment(1);
    }
}

impl Slot {
    fn new(queue: &Arc<Queue>) -> Self {
        Self { queue: Some(Arc::clone(queue)), since: None }
    }

    /// The request begins: its time in the queue is over.
    fn begin(&mut self, priority: Priority, arrived: Instant) {
        let now = Instant::now();
        self.since = Some(now);
        if let Some(queue) = &self.queue {
            metrics::gauge!(names::REQUESTS_RUNNING).set(running(queue));
        }
        metrics::histogram!(names::QUEUE_TIME, "priority" => label(priority))
            .record((now - arrived).as_secs_f64());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(queue) = &self.queue {
            queue.pass_on(self.since.map(|since| since.elapsed()));
            metrics::gauge!(names::REQUESTS_RUNNING).set(running(queue));
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a count of slots")]
fn running(queue: &Queue) -> f64 {
    queue.running() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    fn queue(capacity: usize) -> Arc<Queue> {
        Queue::new(AdmissionConfig { capacity, ..AdmissionConfig::new(NonZeroUsize::MIN) })
    }

    /// With users waiting all the time, one job in every span of patience goes first, and each line keeps its order.
    #[test]
    fn an_old_job_goes_first_once_in_a_while() {
        let queue = queue(100);
        let mut state = queue.lock();
        let start = Instant::now();
        let patience = Duration::from_secs(30);
        let mut receivers = Vec::new();
        for ticket in 0..8 {
            let (grant, granted) = oneshot::channel();
            receivers.push(granted);
            let priority = if ticket < 3 { Priority::Background } else { Priority::Live };
            state.line(priority).push_back(Waiter { ticket, since: start, grant });
        }
        let mut next = |seconds| state.next(start + Duration::from_secs(seconds), patience).map(|w| w.ticket);
        assert_eq!(
            [next(29), next(30), next(31), next(59), next(60), next(61)],
            [3, 0, 4, 5, 1, 6].map(Some)
        );
        assert_eq!([next(62), next(62), next(62)], [Some(7), Some(2), None]);
    }

    #[tokio::test]
    async fn the_time_to_come_back_follows_the_pace_and_the_line() {
        let empty = queue(0);
        for _ in 0..3 {
            let mut slot = Arc::clone(&empty).acquire(Priority::Live).await.unwrap();
            slot.since = Instant::now().checked_sub(Duration::from_secs(7));
        }
        let _held = Arc::clone(&empty).acquire(Priority::Live).await.unwrap();
        let refused = Arc::clone(&empty).acquire(Priority::Live).await.map(drop).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(8), "a little over 7 s, in whole seconds");
        let mut state = empty.lock();
        for ticket in 0..4 {
            let (grant, _) = oneshot::channel();
            state.live.push_back(Waiter { ticket, since: Instant::now(), grant });
        }
        assert_eq!(state.retry_after(1), Duration::from_secs(36));
        assert_eq!(state.retry_after(100), RETRY_BOUNDS.0);
        state.service_seconds = Some(1e9);
        assert_eq!(state.retry_after(1), RETRY_BOUNDS.1);
    }
}
