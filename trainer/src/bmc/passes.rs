//! Pairs in passes through the model that have so many rows at most.

use super::pack::{Sharing, rows};
use super::pair::TokenPair;

/// Splits `items` in order: each part has at most so many rows, but at least one pair.
pub(super) fn passes<'a, T>(
    items: &'a [T],
    pair: impl Fn(&T) -> &TokenPair + 'a,
    (sharing, most): (Sharing, usize),
) -> impl Iterator<Item = &'a [T]> + 'a {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut sum = 0;
        let fits = rest.iter().take_while(|item| {
            sum += rows(pair(item), sharing);
            sum <= most
        });
        let (pass, later) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = later;
        (!pass.is_empty()).then_some(pass)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bmc::{Difference, StopTokens};

    #[test]
    fn passes_are_full_in_order_and_never_empty() {
        let pair = |length: u32| {
            let (chosen, rejected) = ((0..length).collect::<Vec<_>>(), (1..=length).collect::<Vec<_>>());
            let difference = Difference::between(&chosen, &rejected, &StopTokens::default());
            TokenPair { prompt: vec![1], chosen, rejected, difference }
        };
        // Rows: 1 + 2·(length − 1).
        let pairs: Vec<TokenPair> = [2, 2, 3, 20, 2].map(pair).into();
        let lengths = |most| -> Vec<usize> {
            passes(&pairs, |pair| pair, (Sharing::Prefix, most)).map(<[_]>::len).collect()
        };
        assert_eq!(lengths(6), [2, 1, 1, 1]);
        assert_eq!(lengths(11), [3, 1, 1]);
        assert_eq!(lengths(1), [1; 5]);
        assert_eq!(lengths(1000), [5]);
        assert_eq!(passes(&[], |pair: &TokenPair| pair, (Sharing::Apart, 5)).count(), 0);
    }
}
