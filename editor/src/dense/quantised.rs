//! Embeddings with two bytes a number, and their cosines with a query.

use amend_proto::Embedding;

/// The largest code.
const LARGEST: f32 = 32_767.0;
/// Sums that are kept apart, so that the compiler makes vector code of them; a fixed number, so that every processor adds
/// in the same order.
const LANES: usize = 16;

/// An embedding of D numbers in 2·D + 4 bytes: number i is `scale · codes[i]`.
///
/// A number is off by at most `scale / 2`, some millionths, and so is a cosine. One byte a number would do for what is
/// near; but of a million embeddings the third and the fourth nearest are often less than 0.0005 apart, which is what a
/// byte costs: with one, 0.973 of the three nearest were found where with two it was all (`examples/dense_index`).
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised {
    scale: f32,
    codes: Box<[i16]>,
}

impl Quantised {
    /// The nearest to an embedding with its largest number at ±32,767.
    #[must_use]
    pub fn of(embedding: &Embedding) -> Self {
        let values = embedding.as_slice();
        let largest = values.iter().fold(0f32, |most, x| most.max(x.abs()));
        let scale = largest / LARGEST;
        Self { scale, codes: values.iter().map(|x| (x / scale).round() as i16).collect() }
    }

    /// From what [`scale`](Self::scale) and [`codes`](Self::codes) gave; `None` when the scale is not a positive
    /// number, or there are no codes.
    #[must_use]
    pub fn from_parts(scale: f32, codes: Box<[i16]>) -> Option<Self> {
        (scale.is_finite() && scale > 0.0 && !codes.is_empty()).then_some(Self { scale, codes })
    }

    /// What a code is multiplied with.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The codes, -32,767 to 32,767.
    #[must_use]
    pub fn codes(&self) -> &[i16] {
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

/// The cosine of a query with the embedding of these codes and this scale.
#[inline]
pub(super) fn cosine(query: &[f32], codes: &[i16], scale: f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (queries, rows) = (query.chunks_exact(LANES), codes.chunks_exact(LANES));
    let rest = queries.remainder().iter().zip(rows.remainder());
    let rest: f32 = rest.map(|(q, code)| q * f32::from(*code)).sum();
    for (query, codes) in queries.zip(rows) {
        for lane in 0..LANES {
            lanes[lane] += query[lane] * f32::from(codes[lane]);
        }
    }
    (lanes.iter().sum::<f32>() + rest) * scale
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
            let stored = Quantised::of(&a);
            let found = cosine(b.as_slice(), stored.codes(), stored.scale());
            let bound: f32 = b.as_slice().iter().map(|x| x.abs()).sum::<f32>() * stored.scale() * 0.51 + 1e-5;
            prop_assert!((found - a.cosine(&b)).abs() <= bound, "{} not {}", found, a.cosine(&b));
            let again = Quantised::from_parts(stored.scale(), stored.codes().into());
            prop_assert_eq!(again, Some(stored));
        }
    }
}
