//! How far the share of satisfied items moved between two runs of the same items.

use crate::report::wilson;

/// Two runs of the same items, counted by what they satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Paired {
    pub(super) both: usize,
    pub(super) before_only: usize,
    pub(super) after_only: usize,
    pub(super) neither: usize,
}

impl Paired {
    pub(super) fn add(&mut self, before: bool, after: bool) {
        match (before, after) {
            (true, true) => self.both += 1,
            (true, false) => self.before_only += 1,
            (false, true) => self.after_only += 1,
            (false, false) => self.neither += 1,
        }
    }

    pub(super) fn items(self) -> usize {
        self.both + self.before_only + self.after_only + self.neither
    }

    pub(super) fn before(self) -> usize {
        self.both + self.before_only
    }

    pub(super) fn after(self) -> usize {
        self.both + self.after_only
    }

    /// The 95 % interval of `after/n − before/n`, −1 to 1: Newcombe's hybrid of two Wilson intervals for paired
    /// proportions (Newcombe 1998, Statistics in Medicine 17:2635, method 10). It keeps within its bounds and has a width
    /// also where nothing changed.
    pub(super) fn interval(self) -> [f64; 2] {
        let n = self.items();
        if n == 0 {
            return [-1.0, 1.0];
        }
        let (after, before) = (self.after() as f64 / n as f64, self.before() as f64 / n as f64);
        let ([after_low, after_high], [before_low, before_high]) =
            (wilson(self.after(), n), wilson(self.before(), n));
        let phi = self.correlation();
        let side =
            |one: f64, other: f64| (one * one - 2.0 * phi * one * other + other * other).max(0.0).sqrt();
        let below = side(after - after_low, before_high - before);
        let above = side(after_high - after, before - before_low);
        [(after - before - below).max(-1.0), (after - before + above).min(1.0)]
    }

    /// The correlation φ of the two outcomes, corrected for continuity as the method asks.
    fn correlation(self) -> f64 {
        let [a, b, c, d] =
            [self.both, self.before_only, self.after_only, self.neither].map(|count| count as f64);
        let margins = (a + b) * (c + d) * (a + c) * (b + d);
        if margins == 0.0 {
            return 0.0;
        }
        let (excess, half) = (a * d - b * c, (a + b + c + d) / 2.0);
        let corrected = match excess {
            excess if excess > half => excess - half,
            excess if excess >= 0.0 => 0.0,
            excess => excess,
        };
        corrected / margins.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paired([both, before_only, after_only, neither]: [usize; 4]) -> Paired {
        Paired { both, before_only, after_only, neither }
    }

    // Golden numbers from Newcombe's equations, written anew in Python with numpy; Wilson's ends as roots of their
    // polynomial:
    //   z = 1.959964
    //   def wilson(x, n):
    //       p = x / n
    //       return np.sort(np.roots([1 + z*z/n, -(2*p + z*z/n), p*p]).real)
    //   def newcombe(a, b, c, d):                      # both, before only, after only, neither
    //       n = a+b+c+d; p, q = (a+c)/n, (a+b)/n
    //       (l1, u1), (l2, u2) = wilson(a+c, n), wilson(a+b, n)
    //       m = (a+b)*(c+d)*(a+c)*(b+d); e = a*d - b*c
    //       f = 0 if m == 0 else (max(e - n/2, 0) if e > 0 else e) / np.sqrt(m)
    //       R = np.array([[1, -f], [-f, 1]])
    //       lo, hi = np.array([p-l1, u2-q]), np.array([u1-p, q-l2])
    //       return p - q - np.sqrt(lo @ R @ lo), p - q + np.sqrt(hi @ R @ hi)
    // The first is also the paper's own example (its table II): 0.0569 to 0.3404.
    //   newcombe(36, 2, 12, 0), newcombe(20, 5, 0, 0), newcombe(5, 15, 0, 5), newcombe(10, 3, 4, 8)
    #[test]
    fn intervals_have_their_golden_values() {
        let golden = [
            ([36, 2, 12, 0], [0.056929583, 0.340427604]),
            ([20, 5, 0, 0], [-0.391309505, -0.026365805]),
            ([5, 15, 0, 5], [-0.747360614, -0.346921313]),
            ([10, 3, 4, 8], [-0.169210785, 0.243250938]),
        ];
        for (counts, [low, high]) in golden {
            let [found_low, found_high] = paired(counts).interval();
            assert!(
                (found_low - low).abs() < 1e-6 && (found_high - high).abs() < 1e-6,
                "{counts:?}: {found_low} {found_high}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_difference_and_mirrors(counts in prop::array::uniform4(0_usize..40)) {
            let one = paired(counts);
            let turned = Paired { before_only: one.after_only, after_only: one.before_only, ..one };
            let ([low, high], [turned_low, turned_high]) = (one.interval(), turned.interval());
            let n = one.items().max(1) as f64;
            let difference = (one.after() as f64 - one.before() as f64) / n;
            prop_assert!(low <= difference + 1e-9 && difference <= high + 1e-9);
            prop_assert!((low + turned_high).abs() < 1e-9 && (high + turned_low).abs() < 1e-9);
        }
    }
}
