//! How long answers took, and how many verdicts could not be read.

use super::ItemReport;
use crate::follow::{Verdict, judge::Share};
use serde::{Deserialize, Serialize};

/// Quantiles of a time, in milliseconds, by nearest rank: each is a time that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// 95 % took no longer.
    pub p95: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Quantiles {
    fn of(mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        let max = *times.last()?;
        let rank =
            |share: f64| times[((share * times.len() as f64).ceil() as usize).clamp(1, times.len()) - 1];
        Some(Self { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max })
    }
}

/// How long answers took. An answer that was kept from before counts with the time that it took then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Answers.
    pub answers: usize,
    /// Those of them that were kept from before.
    pub cached: usize,
    /// From the request to the first text; nothing when no answer had any.
    pub first_token_ms: Option<Quantiles>,
    /// From the request to the end.
    pub whole_ms: Option<Quantiles>,
}

impl Latency {
    pub(super) fn of(items: &[ItemReport]) -> Self {
        let answered = || items.iter().filter_map(ItemReport::answered);
        Self {
            answers: answered().count(),
            cached: answered().filter(|one| one.cached()).count(),
            first_token_ms: Quantiles::of(answered().filter_map(|one| one.first_token_ms).collect()),
            whole_ms: Quantiles::of(answered().map(|one| one.whole_ms).collect()),
        }
    }
}

/// Judged items, and judged constraints, with what could not be read of them.
pub(super) fn unparsed(items: &[ItemReport]) -> (Share, Share) {
    let judged = || items.iter().filter_map(ItemReport::answered).filter(|one| !one.readings.is_empty());
    let verdicts = || judged().flat_map(|one| &one.outcome.constraints);
    let unread = verdicts().filter(|one| one.verdict == Verdict::Unparsed).count();
    let unread_items = judged().filter(|one| one.outcome.hard().is_none()).count();
    (Share::new(unread_items, judged().count()), Share::new(unread, verdicts().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Golden numbers from numpy.quantile(range(1, 151), [.5, .95, .99], method="inverted_cdf"): 75, 143, 149.
    #[test]
    fn quantiles_are_times_that_were_measured() {
        let of = |times: Vec<f64>| Quantiles::of(times).unwrap();
        let found = of((1..=150).rev().map(f64::from).collect());
        assert_eq!(found, Quantiles { p50: 75.0, p95: 143.0, p99: 149.0, max: 150.0 });
        assert_eq!(of(vec![7.0]), Quantiles { p50: 7.0, p95: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(Quantiles::of(Vec::new()), None);
    }
}
