//! How far two judges say the same.

use super::{JudgeId, Reading};
use serde::{Deserialize, Serialize};

/// Cohen's kappa of two raters over the same yes/no decisions (Cohen 1960): (p_o − p_e) / (1 − p_e), where p_o is the share
/// of equal decisions and p_e the share that chance would make equal. Nothing when there are no decisions, or when both
/// said one and the same of all: chance alone would then explain everything.
#[must_use]
pub fn kappa(pairs: &[(bool, bool)]) -> Option<f64> {
    let share = |matches: fn(&(bool, bool)) -> bool| {
        pairs.iter().filter(|pair| matches(pair)).count() as f64 / pairs.len() as f64
    };
    let (equal, first, second) = (share(|(a, b)| a == b), share(|(a, _)| *a), share(|(_, b)| *b));
    let chance = first * second + (1.0 - first) * (1.0 - second);
    (!pairs.is_empty() && chance < 1.0).then(|| (equal - chance) / (1.0 - chance))
}

/// How far two judges of a panel say the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairAgreement {
    /// Both of them.
    pub judges: [JudgeId; 2],
    /// Constraints that both gave a readable verdict on.
    pub constraints: usize,
    /// The share of them with the same verdict, 0 to 1; nothing without any.
    pub agreement: Option<f64>,
    /// [`kappa`].
    pub kappa: Option<f64>,
}

/// Of every pair of the judges, over the readings of all items.
#[must_use]
pub fn agreements(judges: &[JudgeId], items: &[&[Reading]]) -> Vec<PairAgreement> {
    let pairs = judges.iter().enumerate().flat_map(|(i, a)| judges[i + 1..].iter().map(move |b| (a, b)));
    pairs.map(|(a, b)| agreement(a, b, items)).collect()
}

fn agreement(a: &JudgeId, b: &JudgeId, items: &[&[Reading]]) -> PairAgreement {
    let of = |readings: &'_ [Reading], judge: &JudgeId| -> Vec<bool> {
        let reading = readings.iter().find(|reading| reading.judge == *judge);
        reading.and_then(Reading::verdicts).map_or_else(Vec::new, <[bool]>::to_vec)
    };
    let pairs: Vec<(bool, bool)> =
        items.iter().flat_map(|readings| of(readings, a).into_iter().zip(of(readings, b))).collect();
    let same = pairs.iter().filter(|(a, b)| a == b).count();
    PairAgreement {
        judges: [a.clone(), b.clone()],
        constraints: pairs.len(),
        agreement: (!pairs.is_empty()).then(|| same as f64 / pairs.len() as f64),
        kappa: kappa(&pairs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(counts: [usize; 4]) -> Vec<(bool, bool)> {
        let cells = [(true, true), (true, false), (false, true), (false, false)];
        cells.iter().zip(counts).flat_map(|(cell, count)| std::iter::repeat_n(*cell, count)).collect()
    }

    // Golden numbers from the contingency tables, in Python with numpy:
    //   def kappa(t):
    //       t = np.array(t, float).reshape(2, 2); n = t.sum()
    //       e = np.outer(t.sum(1), t.sum(0)) / n
    //       w = 1 - np.eye(2)
    //       return 1 - (w * t).sum() / (w * e).sum()
    //   kappa([20, 5, 10, 15]), kappa([45, 15, 25, 15]), kappa([3, 17, 19, 2]), kappa([97, 1, 2, 0])
    #[test]
    fn kappa_has_its_golden_values() {
        let golden = [
            ([20, 5, 10, 15], 0.4),
            ([45, 15, 25, 15], 0.130_434_782_608_695_65),
            ([3, 17, 19, 2], -0.752_969_121_140_142_6),
            ([97, 1, 2, 0], -0.013_513_513_513_513_598),
        ];
        for (counts, expected) in golden {
            let found = kappa(&table(counts)).unwrap();
            assert!((found - expected).abs() < 1e-12, "{counts:?}: {found}");
        }
    }

    #[test]
    fn kappa_is_undefined_where_nothing_could_differ() {
        assert_eq!(kappa(&[]), None);
        assert_eq!(kappa(&table([7, 0, 0, 0])), None);
        assert_eq!(kappa(&table([4, 0, 0, 3])), Some(1.0));
    }

    proptest! {
        #[test]
        fn kappa_is_at_most_one_and_symmetric(pairs in prop::collection::vec(any::<(bool, bool)>(), 0..60)) {
            let turned: Vec<_> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
            match (kappa(&pairs), kappa(&turned)) {
                (Some(one), Some(other)) => {
                    prop_assert!((one - other).abs() < 1e-9 && one.abs() <= 1.0 + 1e-9);
                }
                (one, other) => prop_assert_eq!(one, other),
            }
        }
    }
}
