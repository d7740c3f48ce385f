//! How signatures are cut into bands.

use serde::{Deserialize, Serialize};

/// Intervals of the integration, even. The error of Simpson's rule with these is below 1e-8 for the powers that occur.
const INTERVALS: usize = 512;

/// `bands` bands of `rows` values each; values left over are not used for finding candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bands {
    /// How many bands.
    pub bands: usize,
    /// Values of a band.
    pub rows: usize,
}

impl Bands {
    /// The cut of at most `permutations` values for which the expected error is least: the area of wrong candidates, below
    /// the threshold, and that of missed ones, above it, weighing the same. It is what `datasketch` 2.0.0 chooses
    /// (`_optimal_param` with weights of 0.5), of equal cuts the one with fewer bands, then fewer rows.
    #[must_use]
    pub fn for_threshold(threshold: f64, permutations: usize) -> Self {
        let mut best = (f64::INFINITY, Self { bands: 1, rows: 1 });
        for bands in 1..=permutations {
            for rows in 1..=permutations / bands {
                let cut = Self { bands, rows };
                let wrong = area(0.0, threshold, |s| cut.probability(s));
                let missed = area(threshold, 1.0, |s| 1.0 - cut.probability(s));
                let error = 0.5 * wrong + 0.5 * missed;
                if error < best.0 {
                    best = (error, cut);
                }
            }
        }
        best.1
    }

    /// How probable it is that two sets of this similarity agree in a band.
    #[must_use]
    pub fn probability(self, similarity: f64) -> f64 {
        // The cut is of signatures in memory, far below 2³¹ values.
        let power = |base: f64, exponent: usize| base.powi(i32::try_from(exponent).unwrap_or(i32::MAX));
        1.0 - power(1.0 - power(similarity, self.rows), self.bands)
    }

    /// The parts of a signature.
    pub(super) fn of<T>(self, signature: &[T]) -> impl Iterator<Item = &[T]> {
        signature.chunks_exact(self.rows).take(self.bands)
    }

    /// One part of a signature.
    pub(super) fn one<T>(self, signature: &[T], band: usize) -> &[T] {
        &signature[band * self.rows..][..self.rows]
    }
}

/// The integral by Simpson's rule.
fn area(from: f64, to: f64, of: impl Fn(f64) -> f64) -> f64 {
    let step = (to - from) / INTERVALS as f64;
    let inner = (1..INTERVALS).map(|i| of(from + step * i as f64) * if i % 2 == 1 { 4.0 } else { 2.0 });
    (of(from) + of(to) + inner.sum::<f64>()) * step / 3.0
}
