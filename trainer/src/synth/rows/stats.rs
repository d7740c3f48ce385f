//! How long the texts of a set are.

use amend_proto::{Message, Role};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Lengths of texts, summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Texts.
    pub texts: u64,
    /// All lengths together.
    pub total: u64,
    /// The mean length.
    pub mean: f64,
    /// Half of the texts are no longer.
    pub median: u64,
    /// 95 of 100 texts are no longer.
    pub p95: u64,
    /// The longest.
    pub longest: u64,
}

/// Lengths by who speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    /// System and user messages.
    pub asked: Distribution,
    /// Assistant messages.
    pub answered: Distribution,
}

/// How often each length occurs: exact, and bounded by the number of different lengths.
#[derive(Debug, Default)]
struct Counts(BTreeMap<u64, u64>);

impl Counts {
    fn add(&mut self, length: u64) {
        *self.0.entry(length).or_default() += 1;
    }

    /// The smallest length that at least `percent` of 100 texts do not exceed (the nearest rank).
    fn rank(&self, texts: u64, percent: u64) -> u64 {
        let rank = (u128::from(texts) * u128::from(percent)).div_ceil(100);
        let mut seen = 0u128;
        let mut at = self.0.iter().skip_while(|(_, count)| {
            seen += u128::from(**count);
            seen < rank
        });
        at.next().map_or(0, |(length, _)| *length)
    }

    fn distribution(&self) -> Distribution {
        let texts: u64 = self.0.values().sum();
        let total = self.0.iter().map(|(length, count)| length * count).sum();
        Distribution {
            texts,
            total,
            mean: if texts == 0 { 0.0 } else { total as f64 / texts as f64 },
            median: self.rank(texts, 50),
            p95: self.rank(texts, 95),
            longest: self.0.last_key_value().map_or(0, |(length, _)| *length),
        }
    }
}

/// Measures message after message with one yardstick.
#[derive(Debug, Default)]
pub(super) struct Measured {
    asked: Counts,
    answered: Counts,
}

impl Measured {
    pub(super) fn add(&mut self, message: &Message, length: usize) {
        let counts = if message.role == Role::Assistant { &mut self.answered } else { &mut self.asked };
        counts.add(length as u64);
    }

    pub(super) fn lengths(&self) -> Lengths {
        Lengths { asked: self.asked.distribution(), answered: self.answered.distribution() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the definition on the sorted list.
        #[test]
        fn quantiles_are_those_of_the_sorted_list(mut lengths in proptest::collection::vec(0u64..50, 1..60)) {
            let mut counts = Counts::default();
            lengths.iter().for_each(|length| counts.add(*length));
            lengths.sort_unstable();
            let rank = |percent: usize| lengths[(lengths.len() * percent).div_ceil(100) - 1];
            let got = counts.distribution();
            prop_assert_eq!((got.median, got.p95, got.longest), (rank(50), rank(95), lengths[lengths.len() - 1]));
            prop_assert_eq!((got.texts, got.total), (lengths.len() as u64, lengths.iter().sum::<u64>()));
        }
    }

    #[test]
    fn nothing_has_no_length() {
        assert_eq!(Counts::default().distribution(), Distribution::default());
    }
}
