//! What the two revisions did.

use amend_proto::wire::CanaryArm;
use amend_trainer::preference::Tone;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// First tokens of the live revision that the median is of: the newest.
const TIMES: usize = 256;
/// Fewer are no measure.
const FEWEST_TIMES: usize = 16;
/// A first token is slow that takes more than so many times the live revision's median.
const SLOW: u32 = 2;

/// One of the two revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// What is live.
    Live,
    /// What is tried.
    Candidate,
}

impl Arm {
    /// The metrics' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Candidate => "candidate",
        }
    }
}

/// What both did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// What is live.
    pub live: CanaryArm,
    /// What is tried.
    pub candidate: CanaryArm,
}

impl Counts {
    fn of(&mut self, arm: Arm) -> &mut CanaryArm {
        match arm {
            Arm::Live => &mut self.live,
            Arm::Candidate => &mut self.candidate,
        }
    }
}

#[derive(Default)]
struct State {
    counts: Counts,
    /// Of the live revision.
    first_tokens: VecDeque<Duration>,
}

/// Counts while a canary runs.
pub struct Tally {
    state: Mutex<State>,
    over: watch::Sender<bool>,
    changed: Notify,
}

impl Tally {
    /// Goes on from what was counted before.
    #[must_use]
    pub fn from_counts(counts: Counts) -> Self {
        let state = Mutex::new(State { counts, ..State::default() });
        Self { state, over: watch::Sender::new(false), changed: Notify::new() }
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.with(|state| state.counts)
    }

    /// A whole answer; `first_token` is the time until its first token, if it had one.
    pub fn answered(&self, arm: Arm, first_token: Option<Duration>) {
        self.with(|state| {
            state.counts.of(arm).ended += 1;
            let Some(first_token) = first_token else { return };
            if let Some(median) = median(&state.first_tokens) {
                let counts = state.counts.of(arm);
                counts.timed += 1;
                counts.slow += u64::from(first_token > median * SLOW);
            }
            if arm == Arm::Live {
                state.first_tokens.truncate(TIMES - 1);
                state.first_tokens.push_front(first_token);
            }
        });
        self.changed.notify_one();
    }

    /// An answer that the model failed.
    pub fn failed(&self, arm: Arm) {
        self.with(|state| {
            let counts = state.counts.of(arm);
            counts.ended += 1;
            counts.failed += 1;
        });
        self.changed.notify_one();
    }

    /// Somebody said something of an answer.
    pub fn judged(&self, arm: Arm, tone: Tone) {
        self.with(|state| {
            let counts = state.counts.of(arm);
            counts.judged += 1;
            counts.disliked += u64::from(tone == Tone::Bad);
        });
        self.changed.notify_one();
    }

    /// Nothing more will come: another revision is live, or the candidate was taken off.
    pub fn end(&self) {
        self.over.send_replace(true);
        self.changed.notify_one();
    }

    /// Whether that was said.
    #[must_use]
    pub fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Until that is said.
    pub async fn ended(&self) {
        // The sender is this one's, so it is there.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Until something is counted, or it is over. One task waits.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn median(times: &VecDeque<Duration>) -> Option<Duration> {
    if times.len() < FEWEST_TIMES {
        return None;
    }
    let mut times: Vec<Duration> = times.iter().copied().collect();
    let middle = times.len() / 2;
    Some(*times.select_nth_unstable(middle).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_tokens_are_compared_with_the_live_revisions_median() {
        let tally = Tally::from_counts(Counts::default());
        let ms = Duration::from_millis;
        tally.answered(Arm::Candidate, Some(ms(900)));
        for n in 0..40 {
            tally.answered(Arm::Live, Some(ms(10 + n % 2)));
        }
        tally.answered(Arm::Candidate, Some(ms(20)));
        tally.answered(Arm::Candidate, Some(ms(30)));
        tally.answered(Arm::Candidate, None);
        tally.failed(Arm::Candidate);
        let Counts { live, candidate } = tally.counts();
        assert_eq!((live.ended, live.failed, live.timed, live.slow), (40, 0, 40 - FEWEST_TIMES as u64, 0));
        assert_eq!((candidate.ended, candidate.failed, candidate.timed, candidate.slow), (5, 1, 2, 1));
    }

    #[test]
    fn only_the_newest_times_are_kept() {
        let tally = Tally::from_counts(Counts::default());
        (0..2_000).for_each(|_| tally.answered(Arm::Live, Some(Duration::from_millis(5))));
        assert_eq!(tally.with(|state| state.first_tokens.len()), TIMES);
    }
}
