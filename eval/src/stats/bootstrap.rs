//! The cluster bootstrap: groups are drawn again, within their strata, and the estimate's distribution is read from that.

use super::strata::{Differences, estimate, standard_error};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// How often is drawn, and by which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Draws; 1,000 or more.
    pub resamples: usize,
    /// Decides every draw.
    pub seed: u64,
}

/// What the truth is above and below: on each side the wider of two intervals.
///
/// - The bootstrap-t (Efron 1979; Hall 1988 shows its one-sided bounds to be second-order right, which those of the plain
///   percentile bootstrap are not: with 40 groups these are too narrow). It sees that differences lean to one side, but
///   where hardly anything changed there is nothing to draw.
/// - Student's t with half a group gained and half a group lost added to the spread (Agresti & Min 2005, with groups in the
///   place of pairs), which is made for that and does not see a lean.
///
/// How often each errs, alone and together, is in `eval/policies/README.md`.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    estimate: f64,
    standard_error: f64,
    /// Studentised values of the draws, ascending: `(estimate* − estimate) / standard error*`.
    drawn: Vec<f64>,
    guard: Guard,
}

/// Student's interval with a pseudo-group.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Guard {
    error: f64,
    student: StudentsT,
}

impl Bootstrap {
    /// Draws.
    #[must_use]
    pub fn run(self, differences: &Differences) -> Bounds {
        let (middle, standard_error_of_all) = (differences.estimate(), differences.standard_error());
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut strata: Vec<Vec<f64>> =
            differences.strata().iter().map(|stratum| vec![0.0; stratum.groups.len()]).collect();
        let mut drawn = Vec::with_capacity(self.resamples);
        for _ in 0..self.resamples {
            for (into, stratum) in strata.iter_mut().zip(differences.strata()) {
                for place in into.iter_mut() {
                    *place = stratum.groups[random.random_range(0..stratum.groups.len())];
                }
            }
            let again = estimate(strata.iter().map(Vec::as_slice));
            let error = standard_error(strata.iter().map(Vec::as_slice), differences.grain());
            drawn.push((again - middle) / error);
        }
        drawn.sort_by(f64::total_cmp);
        let guard = Guard { error: differences.guarded_error(), student: student(differences.freedom()) };
        Bounds { estimate: middle, standard_error: standard_error_of_all, drawn, guard }
    }
}

impl Bounds {
    /// Of groups that are all there is: the truth is what they say.
    #[must_use]
    pub fn certain(differences: &Differences) -> Self {
        let guard = Guard { error: 0.0, student: student(1) };
        Self { estimate: differences.estimate(), standard_error: 0.0, drawn: Vec::new(), guard }
    }

    /// What is estimated.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        self.estimate
    }

    /// Its standard error.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.standard_error
    }

    /// The value that the truth is above with confidence 1 − `alpha`.
    #[must_use]
    pub fn lower(&self, alpha: f64) -> f64 {
        let drawn = self.estimate - self.studentised(1.0 - alpha) * self.standard_error;
        drawn.min(self.estimate - self.guard.quantile(1.0 - alpha))
    }

    /// The value that the truth is below with confidence 1 − `alpha`.
    #[must_use]
    pub fn upper(&self, alpha: f64) -> f64 {
        let drawn = self.estimate - self.studentised(alpha) * self.standard_error;
        drawn.max(self.estimate - self.guard.quantile(alpha))
    }

    /// The smallest level at which the truth can be said to be above `value`: a p-value.
    #[must_use]
    pub fn level_above(&self, value: f64) -> f64 {
        if self.standard_error == 0.0 {
            return f64::from(u8::from(self.estimate <= value));
        }
        let t = (self.estimate - value) / self.standard_error;
        let at_least = self.drawn.len() - self.drawn.partition_point(|drawn| *drawn < t);
        tail(at_least, self.drawn.len(), t).max(self.guard.tail(self.estimate - value))
    }

    /// The smallest level at which the truth can be said to be below `value`: a p-value.
    #[must_use]
    pub fn level_below(&self, value: f64) -> f64 {
        if self.standard_error == 0.0 {
            return f64::from(u8::from(self.estimate >= value));
        }
        let t = (self.estimate - value) / self.standard_error;
        let at_most = self.drawn.partition_point(|drawn| *drawn <= t);
        tail(at_most, self.drawn.len(), -t).max(self.guard.tail(value - self.estimate))
    }

    /// A quantile of the draws, never nearer to 0 than that of the normal distribution: where few groups differ the draws
    /// are coarse.
    fn studentised(&self, p: f64) -> f64 {
        let normal = super::normal_quantile(p);
        let at = ((self.drawn.len() as f64 * p).ceil() as usize).clamp(1, self.drawn.len().max(1)) - 1;
        let drawn = self.drawn.get(at).copied().unwrap_or(normal);
        if p > 0.5 { drawn.max(normal) } else { drawn.min(normal) }
    }
}

impl Guard {
    /// A quantile of the distribution of the estimate's error.
    fn quantile(self, p: f64) -> f64 {
        self.student.inverse_cdf(p) * self.error
    }

    /// The probability of an error of `distance` or more.
    fn tail(self, distance: f64) -> f64 {
        self.student.sf(distance / self.error)
    }
}

/// Student's t distribution; `freedom` is 1 or more.
fn student(freedom: usize) -> StudentsT {
    StudentsT::new(0.0, 1.0, freedom.max(1) as f64).expect("a degree of freedom or more, and a scale of one")
}

/// The share of draws beyond a value, with one more (Davison & Hinkley 1997, 4.11), and not below the normal one.
fn tail(beyond: usize, draws: usize, t: f64) -> f64 {
    let drawn = (beyond as f64 + 1.0) / (draws as f64 + 1.0);
    drawn.max(super::normal_cdf(-t))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(differences: &[f64]) -> Differences {
        let names: Vec<String> = (0..differences.len()).map(|at| at.to_string()).collect();
        Differences::of(names.iter().zip(differences).map(|(name, d)| ("s", name.as_str(), *d)))
    }

    const RUN: Bootstrap = Bootstrap { resamples: 4_000, seed: 1 };

    // Golden numbers from the t interval of the same groups, which the bootstrap-t comes near for values that are spread
    // like these (scipy 1.17):
    //   d = [-0.4, -0.2, -0.2, 0, 0, 0, 0.2, 0.2, 0.4, 0.6, -0.6, 0, 0.2, -0.2, 0, 0.4, -0.4, 0, 0.2, -0.2]
    //   m = np.mean(d); s = np.sqrt((np.sum((np.array(d) - m)**2) + 1) / 19 / 20)
    //   m, s, m - t.ppf(0.95, 19) * s    # 0.0, 0.083980, -0.145212
    #[test]
    fn the_bounds_are_those_of_students_t_where_that_holds() {
        let d = [
            -0.4, -0.2, -0.2, 0.0, 0.0, 0.0, 0.2, 0.2, 0.4, 0.6, -0.6, 0.0, 0.2, -0.2, 0.0, 0.4, -0.4, 0.0,
            0.2, -0.2,
        ];
        let bounds = RUN.run(&items(&d));
        assert!(bounds.estimate().abs() < 1e-12);
        assert!((bounds.standard_error() - 0.083_98).abs() < 1e-4, "{}", bounds.standard_error());
        assert!((bounds.lower(0.05) + 0.145_2).abs() < 0.02, "{}", bounds.lower(0.05));
        assert!((bounds.upper(0.05) - 0.145_2).abs() < 0.02, "{}", bounds.upper(0.05));
        assert!((bounds.level_below(0.0) - 0.5).abs() < 0.03);
    }

    #[test]
    fn groups_that_all_agree_prove_little_when_they_are_few() {
        let few = RUN.run(&items(&[0.0; 5]));
        let many = RUN.run(&items(&[0.0; 200]));
        assert!(few.lower(0.05) < -0.3, "{}", few.lower(0.05));
        assert!(many.lower(0.05) > -0.01 && many.lower(0.05) < 0.0, "{}", many.lower(0.05));
        assert!(few.level_below(0.0) >= 0.5 && many.level_above(0.0) >= 0.5);
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let d = items(&[0.2, -0.4, 0.0, 0.6, -0.2]);
        assert_eq!(RUN.run(&d), RUN.run(&d));
        assert_ne!(RUN.run(&d), Bootstrap { seed: 2, ..RUN }.run(&d));
    }
}
