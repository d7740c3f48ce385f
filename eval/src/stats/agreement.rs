//! How far two raters agree.

/// Cohen's kappa (1960) of two raters' yes and no on the same things: agreement beyond what chance gives, at most 1. `None`
/// when there is nothing to compare, or when both always say the same word, where it is not defined.
#[must_use]
pub fn kappa(pairs: impl IntoIterator<Item = (bool, bool)>) -> Option<f64> {
    let (mut both, mut neither, mut first, mut second) = (0.0, 0.0, 0.0, 0.0);
    for pair in pairs {
        match pair {
            (true, true) => both += 1.0,
            (false, false) => neither += 1.0,
            (true, false) => first += 1.0,
            (false, true) => second += 1.0,
        }
    }
    let n: f64 = both + neither + first + second;
    let observed = (both + neither) / n;
    let chance = ((both + first) * (both + second) + (neither + first) * (neither + second)) / (n * n);
    (n > 0.0 && chance < 1.0).then(|| (observed - chance) / (1.0 - chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    // sklearn.metrics.cohen_kappa_score([1]*20+[1]*5+[0]*10+[0]*15, [1]*20+[0]*5+[1]*10+[0]*15) -> 0.4
    #[test]
    fn a_textbook_table() {
        let table = [((true, true), 20), ((true, false), 5), ((false, true), 10), ((false, false), 15)];
        let pairs = table.iter().flat_map(|(pair, times)| std::iter::repeat_n(*pair, *times));
        assert!((kappa(pairs).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(kappa([]), None);
        assert_eq!(kappa([(true, true), (true, true)]), None);
    }
}
