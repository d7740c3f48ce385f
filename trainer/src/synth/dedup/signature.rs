//! Sets of shingles to signatures.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Hash functions that are computed side by side, so that their least values stay in registers.
const SIDE_BY_SIDE: usize = 8;

/// A family of hash functions from 64 to 32 bits, h(x) = ⌊(a·x + b mod 2⁶⁴) / 2³²⌋ with a odd (multiply and shift;
/// Dietzfelbinger 1996). Shingles come mixed, so the least value falls on each of them all but equally often. It is not
/// `datasketch`'s family (2.0: a·x + b mod 2³² of 32-bit hashes), so signatures differ from its, and what is found agrees
/// in probability.
#[derive(Debug, Clone)]
pub(in crate::synth) struct Family {
    /// a and b of every function; padded to a multiple of [`SIDE_BY_SIDE`].
    factors: Vec<[(u64, u64); SIDE_BY_SIDE]>,
    /// Without the padding.
    functions: usize,
}

impl Family {
    /// The functions of a seed.
    pub(in crate::synth) fn new(functions: usize, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut eight = || std::array::from_fn(|_| (random.random::<u64>() | 1, random.random()));
        Self { factors: (0..functions.div_ceil(SIDE_BY_SIDE)).map(|_| eight()).collect(), functions }
    }

    /// Of every function the least value over the set; `u32::MAX` everywhere for the empty set.
    pub(in crate::synth) fn signature(&self, shingles: &[u64]) -> Vec<u32> {
        let mut signature = Vec::with_capacity(self.factors.len() * SIDE_BY_SIDE);
        for factors in &self.factors {
            let mut least = [u32::MAX; SIDE_BY_SIDE];
            for &shingle in shingles {
                for (least, (a, b)) in least.iter_mut().zip(factors) {
                    let value = (a.wrapping_mul(shingle).wrapping_add(*b) >> 32) as u32;
                    *least = value.min(*least);
                }
            }
            signature.extend(least);
        }
        signature.truncate(self.functions);
        signature
    }
}

/// The share of places in which two signatures of one family agree: an estimate of the similarity s whose standard error
/// is √(s·(1 − s)/n) for n functions, at most 0.044 for 128.
pub(in crate::synth) fn agreement(one: &[u32], other: &[u32]) -> f64 {
    let equal = one.iter().zip(other).filter(|(a, b)| a == b).count();
    equal as f64 / one.len().max(1) as f64
}
