//! What looking edits up does by itself, before any model answers.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl From<Duration> for Micros {
    fn from(time: Duration) -> Self {
        Self(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    }
}

/// How long lookups took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// How many were timed.
    pub lookups: usize,
    /// Half took at most this.
    pub p50: Micros,
    /// 90 % took at most this.
    pub p90: Micros,
    /// 99 % took at most this.
    pub p99: Micros,
    /// The slowest.
    pub max: Micros,
}

impl Latency {
    /// Percentiles by the nearest rank: the smallest time that at least that share took at most. `None` of nothing.
    #[must_use]
    pub fn of(mut times: Vec<Micros>) -> Option<Self> {
        times.sort_unstable();
        let max = *times.last()?;
        let percentile = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
        Some(Self {
            lookups: times.len(),
            p50: percentile(50),
            p90: percentile(90),
            p99: percentile(99),
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Golden numbers: np.percentile(t, [50, 90, 99], method="inverted_cdf") in numpy 2.4 for t = [(i * 37) % 101 for i
    // in range(1, 41)] and for t = [7].
    #[test]
    fn percentiles_are_those_of_the_inverted_distribution() {
        let times = (1..=40).map(|i| Micros(i * 37 % 101)).collect();
        let [p50, p90, p99, max] = [50, 90, 100, 100].map(Micros);
        assert_eq!(Latency::of(times), Some(Latency { lookups: 40, p50, p90, p99, max }));
        let seven = Micros(7);
        let one = Latency { lookups: 1, p50: seven, p90: seven, p99: seven, max: seven };
        assert_eq!(Latency::of(vec![seven]), Some(one));
        assert_eq!(Latency::of(Vec::new()), None);
    }
}
