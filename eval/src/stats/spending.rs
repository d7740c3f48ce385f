//! Looking several times, and keeping the error rate.

use super::{normal_cdf, normal_quantile};
use serde::{Deserialize, Serialize};

/// How a level is spent over several looks at growing data (Lan & DeMets 1983).
///
/// The levels of the looks add up to the whole level, and each look tests at its own: by Bonferroni's inequality the error
/// rate of all looks together is at most the level, whatever the looks' correlation. The exact boundaries would be a
/// little wider; this needs no numerical integration and nothing to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spending {
    /// Little at first, most at the end: α(t) = 2 − 2 Φ(z₁₋α/₂ / √t).
    ObrienFleming,
    /// About the same at every look: α(t) = α ln(1 + (e − 1) t).
    Pocock,
}

impl Spending {
    /// What has been spent of `alpha` when a share `t` of the data is there.
    #[must_use]
    pub fn spent(self, alpha: f64, t: f64) -> f64 {
        let t = t.clamp(0.0, 1.0);
        if t == 0.0 {
            return 0.0;
        }
        match self {
            Self::ObrienFleming => 2.0 * (1.0 - normal_cdf(normal_quantile(1.0 - alpha / 2.0) / t.sqrt())),
            Self::Pocock => alpha * (1.0 + (std::f64::consts::E - 1.0) * t).ln(),
        }
    }

    /// The level of look `look` (1 to `looks`) of equally spaced ones.
    #[must_use]
    pub fn level(self, alpha: f64, (look, looks): (u32, u32)) -> f64 {
        let at = |look: u32| self.spent(alpha, f64::from(look) / f64::from(looks.max(1)));
        at(look) - at(look.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // z = norm.ppf(0.975); [2 - 2*norm.cdf(z / sqrt(t)) for t in (.25, .5, .75, 1)]
    //   -> [8.8575e-05, 0.0055746, 0.0236251, 0.05]
    #[test]
    fn the_spent_levels_are_those_of_the_formula() {
        for (t, spent) in [(0.25, 8.857_5e-5), (0.5, 0.005_574_6), (0.75, 0.023_625), (1.0, 0.05)] {
            assert!((Spending::ObrienFleming.spent(0.05, t) - spent).abs() < 2e-6, "{t}");
        }
        // 0.05 * log(1 + (e - 1) * 0.5) -> 0.031005...
        assert!((Spending::Pocock.spent(0.05, 0.5) - 0.031_006).abs() < 1e-5);
        for spending in [Spending::ObrienFleming, Spending::Pocock] {
            let sum: f64 = (1..=4).map(|look| spending.level(0.05, (look, 4))).sum();
            assert!((sum - 0.05).abs() < 1e-8);
        }
    }
}
