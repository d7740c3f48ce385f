//! How far apart two texts are.

use rapidfuzz::distance::levenshtein;

/// The normalised edit distance: inserted, deleted and replaced characters (Levenshtein) by characters of the longer text,
/// from 0 (equal) to 1 (nothing in common). Texts of 10,000 characters take about a millisecond.
#[must_use]
pub(super) fn distance(one: &str, other: &str) -> f64 {
    levenshtein::normalized_distance(one.chars(), other.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// # rapidfuzz 3.14.6
    /// from rapidfuzz.distance import Levenshtein as L
    /// for a, b in [("", ""), ("", "ab"), ("kitten", "sitting"), ("één ☂", "een"), ("Lyon.", "The answer is Lyon.")]:
    ///     print(round(L.normalized_distance(a, b), 6))
    /// ```
    #[test]
    fn distances_are_those_of_another_implementation() {
        let expected = [
            ("", "", 0.0),
            ("", "ab", 1.0),
            ("kitten", "sitting", 0.428_571),
            ("\u{e9}\u{e9}n \u{2602}", "een", 0.8),
            ("Lyon.", "The answer is Lyon.", 0.736_842),
        ];
        for (one, other, expected) in expected {
            let found = distance(one, other);
            assert!((found - expected).abs() < 1e-6, "{one:?} {other:?}: {found}");
        }
    }
}
