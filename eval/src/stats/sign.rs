//! The exact test of discordant pairs.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

/// McNemar's exact test (McNemar 1947, in its binomial form), one-sided. Its pairs are groups, since items of a group do not
/// stand alone: a group counts for the model that satisfies more of its items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SignTest {
    /// Groups where the candidate is worse.
    pub worse: usize,
    /// Groups where it is better.
    pub better: usize,
    /// The probability of so many worse ones, or more, if either were as likely.
    pub p_worse: f64,
}

/// Tests differences between candidate and live, one for each group.
#[must_use]
pub fn sign_test(differences: impl IntoIterator<Item = f64>) -> SignTest {
    let (mut worse, mut better) = (0_usize, 0_usize);
    for difference in differences {
        worse += usize::from(difference < 0.0);
        better += usize::from(difference > 0.0);
    }
    let fair = Binomial::new(0.5, (worse + better) as u64);
    // P(X ≥ worse) = 1 − P(X ≤ worse − 1).
    let p_worse = match (fair, worse.checked_sub(1)) {
        (Ok(fair), Some(below)) => fair.sf(below as u64),
        _ => 1.0,
    };
    SignTest { worse, better, p_worse }
}

#[cfg(test)]
mod tests {
    use super::*;

    // scipy.stats.binomtest(9, 10, 0.5, alternative="greater").pvalue -> 0.0107421875
    // scipy.stats.binomtest(5, 10, 0.5, alternative="greater").pvalue -> 0.623046875
    #[test]
    fn discordant_groups_are_counted_and_tested() {
        let groups = |worse: usize, better: usize| {
            std::iter::repeat_n(-0.2, worse).chain(std::iter::repeat_n(0.2, better)).chain([0.0; 7])
        };
        let test = sign_test(groups(9, 1));
        assert_eq!((test.worse, test.better), (9, 1));
        assert!((test.p_worse - 0.010_742_187_5).abs() < 1e-9);
        assert!((sign_test(groups(5, 5)).p_worse - 0.623_046_875).abs() < 1e-9);
        assert!((sign_test([0.0; 4]).p_worse - 1.0).abs() < 1e-12);
    }
}
