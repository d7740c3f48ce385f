//! Embeddings with one byte a number, and their dot products.

use amend_proto::Embedding;

/// The largest code.
const LARGEST: f32 = 127.0;
/// The largest code of a query.
const WIDE: f32 = 32_767.0;
/// What [`WIDE`] stands for at least. With it, a query's codes have a length of at most 4 · 32,767, those of an embedding
/// of D numbers one of at most 127 · √D, so that the sum of their products is within `i32` for D up to 16,000.
const LEAST_RANGE: f32 = 0.25;

/// An embedding of D numbers in D + 4 bytes: number i is `scale · codes[i]`.
///
/// A number is off by at most `scale / 2`, about 0.0008 for 384 numbers, and a cosine by some 0.0005.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised {
    scale: f32,
    codes: Box<[i8]>,
}

impl Quantised {
    /// The nearest to an embedding with its largest number at ±127.
    #[must_use]
    pub fn of(embedding: &Embedding) -> Self {
        let values = embedding.as_slice();
        let largest = values.iter().fold(0f32, |most, x| most.max(x.abs()));
        let scale = largest / LARGEST;
        Self { scale, codes: values.iter().map(|x| (x / scale).round() as i8).collect() }
    }

    /// From what [`scale`](Self::scale) and [`codes`](Self::codes) gave; `None` when the scale is not a positive
    /// number, or there are no codes.
    #[must_use]
    pub fn from_parts(scale: f32, codes: Box<[i8]>) -> Option<Self> {
        (scale.is_finite() && scale > 0.0 && !codes.is_empty()).then_some(Self { scale, codes })
    }

    /// What a code is multiplied with.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The codes, -127 to 127.
    #[must_use]
    pub fn codes(&self) -> &[i8] {
        &self.codes
    }

    /// How many numbers it has.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.codes.len()
    }

    /// The numbers that it stands for.
    pub fn values(&self) -> impl ExactSizeIterator<Item = f32> + '_ {
        self.codes.iter().map(|code| f32::from(*code) * self.scale)
    }
}

/// A query with two bytes a number, so that its own rounding does not count beside that of the embeddings.
#[derive(Debug, Clone)]
pub(super) struct WideQuery {
    scale: f32,
    codes: Box<[i16]>,
}

impl WideQuery {
    pub(super) fn of(embedding: &Embedding) -> Self {
        let values = embedding.as_slice();
        let largest = values.iter().fold(0f32, |most, x| most.max(x.abs()));
        let scale = largest.max(LEAST_RANGE) / WIDE;
        Self { scale, codes: values.iter().map(|x| (x / scale).round() as i16).collect() }
    }

    /// The cosine with the embedding of these codes and this scale.
    pub(super) fn cosine(&self, codes: &[i8], scale: f32) -> f32 {
        dot(codes, &self.codes) as f32 * (self.scale * scale)
    }
}

/// Σ a·b. Written plainly, this becomes vector code that multiplies and adds pairs; split over lanes by hand it does not.
#[inline]
fn dot(a: &[i8], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(x, y)| i32::from(*x) * i32::from(*y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn embedding(values: Vec<f32>) -> Option<Embedding> {
        Embedding::normalised(values).ok()
    }

    proptest! {
        #[test]
        fn a_cosine_is_off_by_its_bound(
            (a, b) in (1usize..800).prop_flat_map(|dim| {
                let values = || proptest::collection::vec(-1f32..1.0, dim);
                (values(), values())
            })
        ) {
            let (Some(a), Some(b)) = (embedding(a), embedding(b)) else { return Ok(()) };
            let (stored, query) = (Quantised::of(&a), WideQuery::of(&b));
            let found = query.cosine(stored.codes(), stored.scale());
            let bound: f32 = b.as_slice().iter().map(|x| x.abs()).sum::<f32>() * stored.scale() * 0.51 + 1e-3;
            prop_assert!((found - a.cosine(&b)).abs() <= bound, "{} not {}", found, a.cosine(&b));
            let again = Quantised::from_parts(stored.scale(), stored.codes().into());
            prop_assert_eq!(again, Some(stored));
        }
    }

    #[test]
    fn the_largest_products_fit() {
        for dim in [1, 2, 384, 4_096] {
            let same = embedding(vec![1.0; dim]).unwrap();
            let cosine =
                WideQuery::of(&same).cosine(Quantised::of(&same).codes(), Quantised::of(&same).scale());
            assert!((cosine - 1.0).abs() < 1e-3, "{dim}: {cosine}");
        }
    }
}
