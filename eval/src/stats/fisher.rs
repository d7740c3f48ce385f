//! Whether something happens more often to one of two groups of people.

use statrs::distribution::{DiscreteCDF, Hypergeometric};

/// Fisher's exact test (Fisher 1935), one-sided: the probability that so many of the first, or more, would be hit by chance if
/// both were hit as often. Each argument is `(hit, of)`; 1 when one of them is empty.
///
/// # Panics
/// When more are hit than there are.
#[must_use]
pub fn fisher_more((hit, of): (u64, u64), (other_hit, other_of): (u64, u64)) -> f64 {
    assert!(hit <= of && other_hit <= other_of, "more are hit than there are");
    let drawn = Hypergeometric::new(of + other_of, hit + other_hit, of);
    // P(X ≥ hit) = P(X > hit − 1).
    match (drawn, hit.checked_sub(1)) {
        (Ok(drawn), Some(below)) if other_of > 0 => drawn.sf(below),
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::fisher_more;

    // scipy 1.17: fisher_exact([[a, n - a], [b, m - b]], alternative="greater").pvalue
    #[test]
    fn agrees_with_scipy() {
        for ((first, other), p) in [
            (((3, 8), (0, 80)), GOLDEN[0]),
            (((8, 8), (2, 40)), GOLDEN[1]),
            (((5, 100), (20, 400)), GOLDEN[2]),
            (((0, 8), (3, 80)), 1.0),
            (((1, 1), (0, 0)), 1.0),
        ] {
            let found = fisher_more(first, other);
            assert!((found - p).abs() < 1e-9 * p.max(1e-3), "{first:?} {other:?}: {found} is not {p}");
        }
    }

    const GOLDEN: [f64; 3] =
        [0.000_510_315_666_690_967_5, 1.192_530_011_091_006_2e-7, 0.583_365_182_312_302_9];
}
