//! MinHash signatures.

use super::shingles::hash;

/// Permutations.
const ROWS: usize = 128;
/// Rows of a band: two texts of similarity 0.3, the least that can be asked for, share one of the 64 bands with probability
/// 1 − (1 − 0.3²)⁶⁴ = 0.998.
const BAND: usize = 2;

/// For each of the permutations the smallest hash of a set; nothing of an empty set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature(Option<Box<[u64; ROWS]>>);

impl Signature {
    pub(super) fn of(set: &[u64]) -> Self {
        if set.is_empty() {
            return Self(None);
        }
        let mut rows = Box::new([u64::MAX; ROWS]);
        for item in set {
            for (at, row) in rows.iter_mut().enumerate() {
                *row = (*row).min(permuted(*item, at as u64));
            }
        }
        Self(Some(rows))
    }

    /// The share of equal rows: an unbiased estimate of the sets' Jaccard similarity, with standard error at most 0.045.
    pub(super) fn similarity(&self, other: &Self) -> f64 {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => {
                one.iter().zip(other.iter()).filter(|(a, b)| a == b).count() as f64 / ROWS as f64
            }
            _ => 0.0,
        }
    }

    /// The bands, by hash.
    pub(super) fn bands(&self) -> impl Iterator<Item = u64> {
        let bands = self.0.iter().flat_map(|rows| rows.chunks(BAND).enumerate());
        bands.map(|(at, band)| hash(&(at, band)))
    }
}

/// One of the permutations: SplitMix64's finalizer, keyed by the row.
fn permuted(item: u64, row: u64) -> u64 {
    let mut z = item ^ (row + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
