//! How long something took.

use crate::bench::process::{computed, computed_here};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// By the clock, and what the process computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Took {
    /// By the clock.
    pub seconds: f64,
    /// Of all processors together; nothing where the system does not tell.
    pub cpu_seconds: Option<f64>,
}

impl Took {
    /// Processor time, which other work on the machine does not lengthen; the clock's where it is not told. For work of
    /// one thread.
    #[must_use]
    pub fn alone(self) -> f64 {
        self.cpu_seconds.unwrap_or(self.seconds)
    }

    /// The mean of several rounds.
    pub(super) fn of(self, rounds: u32) -> Self {
        let rounds = f64::from(rounds);
        Self { seconds: self.seconds / rounds, cpu_seconds: self.cpu_seconds.map(|cpu| cpu / rounds) }
    }

    /// Times what is done, by this thread and others.
    pub(super) fn by<T>(work: impl FnOnce() -> T) -> (T, Self) {
        Self::with(computed, work)
    }

    /// Times what this thread does, to a billionth of a second.
    pub(super) fn here<T>(work: impl FnOnce() -> T) -> (T, Self) {
        Self::with(computed_here, work)
    }

    fn with<T>(computed: impl Fn() -> Option<f64>, work: impl FnOnce() -> T) -> (T, Self) {
        let (wall, before) = (Instant::now(), computed());
        let result = work();
        let cpu_seconds = computed().zip(before).map(|(after, before)| after - before);
        (result, Self { seconds: wall.elapsed().as_secs_f64(), cpu_seconds })
    }
}
