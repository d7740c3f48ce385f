//! What a number of timings say.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A set of timings, summed up, in milliseconds. Percentiles by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) count: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latency {
    /// Sums up timings; zeros when there are none.
    pub(crate) fn of(mut timings: Vec<Duration>) -> Self {
        timings.sort_unstable();
        let ms = |timing: &Duration| timing.as_secs_f64() * 1e3;
        let rank = |percent: usize| (timings.len() * percent).div_ceil(100).max(1) - 1;
        let Some(last) = timings.last() else { return Self::default() };
        Self {
            count: timings.len(),
            p50_ms: ms(&timings[rank(50)]),
            p99_ms: ms(&timings[rank(99)]),
            max_ms: ms(last),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, p50_ms, p99_ms, max_ms } = self;
        write!(f, "p50 {p50_ms:.3} ms, p99 {p99_ms:.3} ms, max {max_ms:.2} ms (of {count})")
    }
}
