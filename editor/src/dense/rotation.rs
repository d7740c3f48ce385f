//! A fixed random rotation: it spreads whatever is special about an encoder's axes over all of them, so that the error
//! of a [sketch](super::sketch) is the same for every encoder.
//!
//! Signs and Walsh–Hadamard transforms in turn, of the first and of the last 2ⁿ numbers where the width is no power of
//! two: orthogonal, and D·log D operations instead of D².

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

const ROUNDS: usize = 4;

/// A rotation of vectors of one width.
#[derive(Debug, Clone)]
pub(super) struct Rotation {
    signs: [Box<[f32]>; ROUNDS],
    /// The largest power of two up to the width.
    window: usize,
}

impl Rotation {
    pub(super) fn new(dim: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut signs = || (0..dim).map(|_| if rng.next_u32() & 1 == 0 { 1.0 } else { -1.0 }).collect();
        let window = dim.checked_ilog2().map_or(0, |log| 1 << log);
        Self { signs: [signs(), signs(), signs(), signs()], window }
    }

    /// Rotates a vector of the width that this was made for.
    pub(super) fn apply(&self, values: &mut [f32]) {
        for (round, signs) in self.signs.iter().enumerate() {
            for (x, sign) in values.iter_mut().zip(signs) {
                *x *= sign;
            }
            let start = if round % 2 == 0 { 0 } else { values.len() - self.window };
            hadamard(&mut values[start..start + self.window]);
        }
    }
}

/// The Walsh–Hadamard transform of 2ⁿ numbers, scaled to keep their length.
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (left, right) = pair.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = (values.len().max(1) as f32).sqrt().recip();
    for x in values {
        *x *= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lengths_and_angles_stay(
            (a, b) in (1usize..500).prop_flat_map(|dim| {
                let values = || proptest::collection::vec(-1f32..1.0, dim);
                (values(), values())
            }),
            seed in any::<u64>()
        ) {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
            let rotation = Rotation::new(a.len(), seed);
            let (mut c, mut d) = (a.clone(), b.clone());
            rotation.apply(&mut c);
            rotation.apply(&mut d);
            prop_assert!((dot(&a, &b) - dot(&c, &d)).abs() < 1e-3);
            prop_assert!((dot(&a, &a) - dot(&c, &c)).abs() < 1e-3);
        }
    }

    #[test]
    fn an_axis_is_spread_over_all() {
        for axis in [0, 127, 200, 383] {
            let mut values = vec![0f32; 384];
            values[axis] = 1.0;
            Rotation::new(384, 3).apply(&mut values);
            let largest = values.iter().fold(0f32, |most, x| most.max(x.abs()));
            assert!(largest < 0.35, "axis {axis} still shows: {largest}");
        }
    }
}
