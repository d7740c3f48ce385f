//! How much a comparison of this size can tell.

use super::{normal_cdf, normal_quantile};
use serde::{Deserialize, Serialize};

/// The power of a non-inferiority test: how often a candidate that is as good as the live one is shown to be no worse than
/// by the margin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Power {
    /// Groups that were compared.
    pub groups: usize,
    /// The standard deviation that one group would have if all were one stratum, as measured.
    pub group_deviation: f64,
    /// The power at the margin, 0 to 1.
    pub at_margin: f64,
    /// Groups that the wanted power takes.
    pub groups_needed: usize,
}

impl Power {
    /// Of a comparison with this standard error, at one-sided level `alpha`, for a wanted power.
    #[must_use]
    pub fn of((groups, standard_error): (usize, f64), margin: f64, (alpha, wanted): (f64, f64)) -> Self {
        let group_deviation = standard_error * (groups as f64).sqrt();
        let at_margin = normal_cdf(margin / standard_error - normal_quantile(1.0 - alpha));
        Self {
            groups,
            group_deviation,
            at_margin,
            groups_needed: groups_needed(group_deviation, margin, (alpha, wanted)),
        }
    }
}

/// Groups that it takes to show a candidate that is as good to be no worse than by `margin`, with power `wanted` at one-sided
/// level `alpha`: n = ((z₁₋α + z_power) σ / margin)².
#[must_use]
pub fn groups_needed(group_deviation: f64, margin: f64, (alpha, wanted): (f64, f64)) -> usize {
    let z = normal_quantile(1.0 - alpha) + normal_quantile(wanted);
    let needed = (z * group_deviation / margin).powi(2).ceil();
    if needed.is_finite() { needed as usize } else { usize::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    // ((norm.ppf(.95) + norm.ppf(.8)) * 0.25 / 0.05)**2 -> 154.56...
    #[test]
    fn the_size_is_that_of_the_formula() {
        assert_eq!(groups_needed(0.25, 0.05, (0.05, 0.8)), 155);
        let power = Power::of((155, 0.25 / 155_f64.sqrt()), 0.05, (0.05, 0.8));
        assert!((power.at_margin - 0.8).abs() < 0.002, "{}", power.at_margin);
        assert_eq!(power.groups_needed, 155);
    }
}
