//! What a number of timings say.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A sorted set of timings, summed up. Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many.
    pub count: usize,
    /// The median.
    pub p50_ms: f64,
    /// 99 of 100 were no slower.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl Latency {
    /// Sums up timings; `None` when there are none. Percentiles by nearest rank.
    #[must_use]
    pub fn of(mut timings: Vec<Duration>) -> Option<Self> {
        timings.sort_unstable();
        let ms = |timing: Duration| timing.as_secs_f64() * 1e3;
        let rank = |percent: usize| (timings.len() * percent).div_ceil(100).max(1) - 1;
        let last = *timings.last()?;
        Some(Self {
            count: timings.len(),
            p50_ms: ms(timings[rank(50)]),
            p99_ms: ms(timings[rank(99)]),
            max_ms: ms(last),
        })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, p50_ms, p99_ms, max_ms } = self;
        write!(f, "p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, max {max_ms:.2} ms (of {count})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        assert_eq!(Latency::of(Vec::new()), None);
        let timings = (1..=200).rev().map(Duration::from_millis).collect();
        let latency = Latency::of(timings).unwrap();
        assert_eq!((latency.p50_ms, latency.p99_ms, latency.max_ms), (100.0, 198.0, 200.0));
        let one = Latency::of(vec![Duration::from_millis(7)]).unwrap();
        assert_eq!((one.p50_ms, one.p99_ms), (7.0, 7.0));
    }
}
