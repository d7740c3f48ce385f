//! A query as the rows of one segment are compared with it.

use super::{MARGIN, QUERY_BITS, SLACK};
use crate::dense::lanes::{dot, highest};

/// The largest of a query's numbers when they are rounded.
const LARGEST: f32 = 7.0;

/// A query relative to a segment's mean, by bit.
#[derive(Debug)]
pub(in crate::dense) struct Planes {
    /// By word.
    pub(super) bits: Vec<[u64; QUERY_BITS]>,
    /// What one step of a rounded number is.
    pub(super) step: f32,
    /// The sum of the rounded numbers.
    pub(super) sum: i64,
    /// |q − m|.
    length: f32,
    /// ⟨q, m⟩ − ⟨m, m⟩.
    pub(super) base: f32,
}

impl Planes {
    /// Of R(q − m). There is one for each segment a lookup, which at a million rows is a twentieth of its work.
    pub(super) fn new(rest: &[f32], base: f32) -> Self {
        let step = (highest(rest, f32::abs) / LARGEST).max(f32::MIN_POSITIVE);
        let rounded: Vec<i8> = rest.iter().map(|x| (x / step).round_ties_even() as i8).collect();
        Self {
            bits: rounded.chunks(64).map(by_bit).collect(),
            step,
            sum: rounded.iter().map(|x| i64::from(*x)).sum(),
            length: dot(rest, rest).sqrt(),
            base,
        }
    }

    /// What a bound adds to ⟨l, v⟩ for this error.
    #[inline(always)]
    pub(super) fn margin(&self, error: f32) -> f32 {
        MARGIN * error * self.length
    }

    /// From ⟨l, v⟩.
    #[inline(always)]
    pub(super) fn bound(&self, factor: f32, offset: f32, levels: f32, margin: f32) -> f32 {
        self.base + offset + factor * (levels + margin) + SLACK
    }
}

/// Up to 64 numbers, bit by bit.
fn by_bit(numbers: &[i8]) -> [u64; QUERY_BITS] {
    std::array::from_fn(|bit| {
        numbers.iter().zip(0..).map(|(number, at)| (u64::from(*number as u8 >> bit) & 1) << at).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dense::sketch::WEIGHTS;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn planes_are_the_numbers_to_within_half_a_step(rest in proptest::collection::vec(-1f32..1.0, 1..200)) {
            let planes = Planes::new(&rest, 0.0);
            let number = |at: usize| -> i64 {
                let bits = planes.bits[at / 64];
                (0..QUERY_BITS).map(|bit| WEIGHTS[bit] * (bits[bit] >> (at % 64) & 1) as i64).sum()
            };
            for (at, x) in rest.iter().enumerate() {
                prop_assert!((number(at) as f32 * planes.step - x).abs() <= 0.501 * planes.step);
            }
            prop_assert_eq!((0..rest.len()).map(number).sum::<i64>(), planes.sum);
            let length = rest.iter().map(|x| x * x).sum::<f32>().sqrt();
            prop_assert!((length - planes.length).abs() < 1e-4);
        }
    }
}
