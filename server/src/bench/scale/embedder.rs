//! An encoder for measurements: embeddings that follow from the text and a seed, in microseconds.
//!
//! What is measured is what the store does with embeddings, not what makes them. Each word is a direction that follows
//! from its letters; an embedding is the sum of its words' directions and one that all texts share, with the words of
//! the workload's sentences weighing little and those of names much. So statements of one relation lie together, those
//! of one subject closer, and a question lies near the statements about its subject. Directions have more of the first
//! axes than of the last, as the spectra of real embeddings do.

use super::{ScaleError, wording::Wording};
use amend_proto::{EmbedError, Embedder, EmbedderId, Embedding, TextRole};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// Numbers of an embedding.
pub(super) const DIM: usize = 384;
/// Of what all texts share.
const SHARED: f32 = 0.6;
/// Of a word of the sentences.
const PLAIN: f32 = 0.35;
/// Of any other word: a name.
const NAME: f32 = 1.0;

/// Embeds texts by their words.
#[derive(Debug)]
pub(super) struct WordDirections {
    id: EmbedderId,
    seed: u64,
    shared: Vec<f32>,
    /// The words of the sentences.
    plain: FxHashMap<String, Vec<f32>>,
}

impl WordDirections {
    /// # Errors
    /// As [`Wording::read`].
    pub(super) fn new(seed: u64) -> Result<Self, ScaleError> {
        let wording = Wording::read()?;
        let sentences = wording.relations.iter().flat_map(|relation| {
            let asked = relation.questions.iter().copied();
            asked.chain([relation.statement])
        });
        let sentences =
            sentences.chain(wording.prompts.iter().copied()).chain(wording.filler.iter().copied());
        let plain = sentences.flat_map(words).map(|word| {
            let direction = direction(seed, &word, PLAIN);
            (word, direction)
        });
        let plain = plain.collect();
        let id = EmbedderId::new(format!("bench/word-directions-{seed}"))?;
        // No word is empty.
        Ok(Self { id, seed, shared: direction(seed, "", SHARED), plain })
    }

    fn sum(&self, text: &str) -> Vec<f32> {
        let mut sum = self.shared.clone();
        for word in words(text) {
            match self.plain.get(&word) {
                Some(direction) => sum.iter_mut().zip(direction).for_each(|(sum, x)| *sum += x),
                None => {
                    let direction = direction(self.seed, &word, NAME);
                    sum.iter_mut().zip(&direction).for_each(|(sum, x)| *sum += x);
                }
            }
        }
        sum
    }
}

impl Embedder for WordDirections {
    fn id(&self) -> &EmbedderId {
        &self.id
    }

    fn dim(&self) -> usize {
        DIM
    }

    fn embed(&self, texts: &[&str], _role: TextRole) -> Result<Vec<Embedding>, EmbedError> {
        texts.iter().map(|text| Embedding::normalised(self.sum(text)).map_err(EmbedError::new)).collect()
    }
}

/// Runs of letters and digits, in small letters.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// A direction of about this length.
fn direction(seed: u64, word: &str, length: f32) -> Vec<f32> {
    let mut hasher = FxHasher::default();
    (seed, word).hash(&mut hasher);
    let mut state = hasher.finish();
    let mut values = Vec::with_capacity(DIM);
    let mut squares = 0.0;
    for axis in 0..DIM {
        // SplitMix64 (Steele, Lea, Flood 2014): the same on every machine, and fast.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let uniform = (mixed >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        let value = uniform / (1.0 + axis as f32 / 64.0);
        squares += value * value;
        values.push(value);
    }
    let factor = length / squares.sqrt();
    values.iter_mut().for_each(|value| *value *= factor);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(embedder: &WordDirections, a: &str, b: &str) -> f32 {
        let found = embedder.embed(&[a, b], TextRole::Passage).unwrap();
        found[0].cosine(&found[1])
    }

    #[test]
    fn related_texts_are_near_and_others_are_not() {
        let embedder = WordDirections::new(7).unwrap();
        let edit = "The capital of Dorfalzan is Kelmirpo.";
        let question = cosine(&embedder, edit, "What is Dorfalzan's capital?");
        let same_relation = cosine(&embedder, edit, "The capital of Borvawen is Rinsatorul.");
        let generic = cosine(&embedder, edit, "Write a haiku about rain on a tin roof.");
        assert!(question > 0.55 && question > same_relation + 0.2, "{question} {same_relation}");
        assert!(same_relation > generic, "{same_relation} {generic}");
    }

    #[test]
    fn a_text_has_one_embedding_and_the_empty_one_too() {
        let (one, other) = (WordDirections::new(7).unwrap(), WordDirections::new(8).unwrap());
        assert!((cosine(&one, "Port Belcam", "port belcam") - 1.0).abs() < 1e-5);
        assert_eq!(one.embed(&[""], TextRole::Query).unwrap()[0].dim(), DIM);
        assert_ne!(
            one.embed(&["Belcam"], TextRole::Query).unwrap(),
            other.embed(&["Belcam"], TextRole::Query).unwrap()
        );
        assert_ne!(one.id(), other.id());
    }
}
