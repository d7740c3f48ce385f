//! What groups cannot show because none of them has it.
//!
//! A candidate may lose some groups outright and nothing else. In few groups none of those need be, and every estimate of
//! spread is then one of differences that do not matter. The exact probability of that bounds each p-value and each lower
//! bound: the "rule of three" (Hanley & Lippman-Hand 1983) without its approximation.

use super::Differences;

/// The largest probability that these groups show nothing of a true loss of `loss`, 0 to 1, that is made of whole groups:
/// spread evenly, or all in one stratum.
#[must_use]
pub fn unseen_probability(differences: &Differences, loss: f64) -> f64 {
    cases(differences)
        .map(|(share, groups)| (1.0 - (loss * share).clamp(0.0, 1.0)).powf(groups))
        .fold(0.0, f64::max)
}

/// The largest true loss, 0 to 1, that these groups show nothing of with a probability above `alpha`.
#[must_use]
pub fn unseen_loss(differences: &Differences, alpha: f64) -> f64 {
    cases(differences).map(|(share, groups)| (1.0 - alpha.powf(groups.recip())) / share).fold(0.0, f64::max)
}

/// By how much a loss of the mean is larger where it happens, and in how many groups.
fn cases(differences: &Differences) -> impl Iterator<Item = (f64, f64)> {
    let strata = differences.strata().len() as f64;
    let single = differences.strata().iter().map(move |stratum| (strata, stratum.groups.len() as f64));
    std::iter::once((1.0, differences.groups() as f64)).chain(single)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn groups(strata: &[usize]) -> Differences {
        let names: Vec<(String, String)> = strata
            .iter()
            .enumerate()
            .flat_map(|(stratum, count)| (0..*count).map(move |at| (stratum.to_string(), at.to_string())))
            .collect();
        Differences::of(names.iter().map(|(stratum, group)| (stratum.as_str(), group.as_str(), 0.0)))
    }

    #[test]
    fn follows_the_rule_of_three() {
        // 0.95^58 = 0.0510 and 0.95^59 = 0.0485.
        assert!(unseen_probability(&groups(&[58]), 0.05) > 0.05);
        assert!(unseen_probability(&groups(&[59]), 0.05) < 0.05);
        let loss = unseen_loss(&groups(&[300]), 0.05);
        assert!((loss - 3.0 / 300.0).abs() < 1e-4, "{loss}");
    }

    #[test]
    fn a_small_stratum_hides_more() {
        // Half the weight on 5 groups: a loss of 0.1 is one of 0.2 there, and 0.8^5 = 0.328.
        let found = unseen_probability(&groups(&[200, 5]), 0.1);
        assert!((found - 0.8_f64.powi(5)).abs() < 1e-12, "{found}");
    }

    proptest! {
        #[test]
        fn loss_and_probability_are_inverse(
            strata in proptest::collection::vec(2_usize..60, 1..4), alpha in 0.001_f64..0.3,
        ) {
            let differences = groups(&strata);
            let loss = unseen_loss(&differences, alpha);
            prop_assert!((unseen_probability(&differences, loss) - alpha).abs() < 1e-9);
        }
    }
}
