//! [`Embedder`]: texts as points on the unit sphere, near one another when they mean the same.

use crate::ids::EmbedderId;
use std::{error::Error, fmt, sync::Arc};

/// What a text is to retrieval. Some encoders put another prompt in front of each role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextRole {
    /// What is asked.
    Query,
    /// What is found.
    Passage,
}

/// A point on the unit sphere: as many finite numbers as its embedder's [`dim`](Embedder::dim), of Euclidean length 1.
///
/// That it has length 1 makes the dot product of two embeddings the cosine of the angle between them, whatever the
/// encoder's own scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Box<[f32]>);

/// Why numbers are not an embedding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmbedding {
    /// There is nothing.
    #[error("an embedding must have at least one number")]
    Empty,
    /// A number is infinite or not a number.
    #[error("number {at} of the embedding is not finite")]
    NotFinite {
        /// Its place, from 0.
        at: usize,
    },
    /// All numbers are zero, or so small that their direction is lost.
    #[error("the embedding has no direction: its numbers are all zero")]
    Zero,
}

impl Embedding {
    /// The point on the unit sphere in the direction of `values`.
    ///
    /// # Errors
    /// [`InvalidEmbedding`] when they have no direction.
    pub fn normalised(mut values: Vec<f32>) -> Result<Self, InvalidEmbedding> {
        if values.is_empty() {
            return Err(InvalidEmbedding::Empty);
        }
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            return Err(InvalidEmbedding::NotFinite { at });
        }
        let squares: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let length = squares.sqrt();
        if length < f64::from(f32::MIN_POSITIVE) {
            return Err(InvalidEmbedding::Zero);
        }
        for x in &mut values {
            *x = (f64::from(*x) / length) as f32;
        }
        Ok(Self(values.into()))
    }

    /// The numbers.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// How many numbers it has.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.0.len()
    }

    /// The cosine of the angle between two embeddings of the same encoder, -1 to 1.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

/// The encoder failed. The texts are not at fault: every text has an embedding.
///
/// [`Display`](fmt::Display) may be shown to a client; what the log should tell is in [`source`](Error::source).
#[derive(Debug)]
pub struct EmbedError {
    source: Box<dyn Error + Send + Sync>,
}

impl EmbedError {
    /// A failure with its cause, which is for the log only.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

impl fmt::Display for EmbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sentence encoder failed; the request may be sent again")
    }
}

impl Error for EmbedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// A sentence encoder.
///
/// The contract, which `testing::embedder_conformance` checks: one embedding a text, in order, all of [`dim`] numbers;
/// the same text in the same role has the same embedding up to rounding, whatever it is embedded together with; every
/// text has one, the empty one too, and of a text longer than the encoder reads its beginning counts.
///
/// [`dim`]: Embedder::dim
pub trait Embedder: Send + Sync + 'static {
    /// Names these embeddings: it changes whenever an embedding might (weights, tokenizer, pooling, prompts), and stays
    /// the same otherwise, also over restarts. Embeddings of different ids must not be compared.
    fn id(&self) -> &EmbedderId;

    /// How many numbers an embedding has.
    fn dim(&self) -> usize;

    /// Embeds texts. This computes, milliseconds for a question and minutes for many thousands of passages: call it
    /// outside the async runtime.
    ///
    /// # Errors
    /// When the encoder fails. None of the texts is embedded then.
    fn embed(&self, texts: &[&str], role: TextRole) -> Result<Vec<Embedding>, EmbedError>;
}

impl<E: Embedder + ?Sized> Embedder for Arc<E> {
    fn id(&self) -> &EmbedderId {
        self.as_ref().id()
    }

    fn dim(&self) -> usize {
        self.as_ref().dim()
    }

    fn embed(&self, texts: &[&str], role: TextRole) -> Result<Vec<Embedding>, EmbedError> {
        self.as_ref().embed(texts, role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_no_direction_is_refused() {
        assert_eq!(Embedding::normalised(vec![]), Err(InvalidEmbedding::Empty));
        assert_eq!(Embedding::normalised(vec![0.0, -0.0]), Err(InvalidEmbedding::Zero));
        assert_eq!(Embedding::normalised(vec![1.0, f32::NAN]), Err(InvalidEmbedding::NotFinite { at: 1 }));
    }

    proptest! {
        #[test]
        fn every_direction_becomes_length_one(values in proptest::collection::vec(-1e30f32..1e30, 1..50)) {
            prop_assume!(values.iter().any(|x| x.abs() > 1e-20));
            let embedding = Embedding::normalised(values.clone()).unwrap();
            prop_assert!((embedding.cosine(&embedding) - 1.0).abs() < 1e-5);
            prop_assert!(values.iter().zip(embedding.as_slice()).all(|(a, b)| a * b >= 0.0));
        }
    }
}
