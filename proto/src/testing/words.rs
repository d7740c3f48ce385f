//! An [`Embedder`] without a model: texts are near one another when they share words.

use crate::{EmbedError, Embedder, EmbedderId, Embedding, InvalidEmbedding, TextRole};

/// Adds up one pseudo-random direction a word, so that the cosine of two texts grows with the words that they share.
/// Words are split at what is not alphanumeric and compared without case. Both roles are embedded alike.
#[derive(Debug, Clone)]
pub struct WordEmbedder {
    id: EmbedderId,
    dim: usize,
    seed: u64,
}

impl WordEmbedder {
    /// An embedder of `dim` numbers, at least one. Each seed gives other directions, and another id.
    ///
    /// # Panics
    /// When `dim` is 0.
    #[must_use]
    pub fn new(dim: usize, seed: u64) -> Self {
        assert!(dim > 0, "an embedding needs at least one number");
        let id = EmbedderId::new(format!("words-{dim}-{seed}")).expect("letters and digits are an id");
        Self { id, dim, seed }
    }

    fn add(&self, word: &str, sum: &mut [f32]) {
        // FNV-1a of the word, then splitmix64.
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mut state = word.bytes().fold(0xcbf2_9ce4_8422_2325 ^ self.seed, hash);
        for x in sum {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            *x += (z >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        }
    }

    fn embedding(&self, text: &str) -> Result<Embedding, InvalidEmbedding> {
        let text = text.to_lowercase();
        // The empty word stands in every text, so that a text without words has a direction too.
        let mut sum = vec![0.0; self.dim];
        self.add("", &mut sum);
        for x in &mut sum {
            *x *= 0.1;
        }
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            self.add(word, &mut sum);
        }
        Embedding::normalised(sum)
    }
}

impl Embedder for WordEmbedder {
    fn id(&self) -> &EmbedderId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, texts: &[&str], _role: TextRole) -> Result<Vec<Embedding>, EmbedError> {
        texts.iter().map(|text| self.embedding(text).map_err(EmbedError::new)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::embedder_conformance;

    #[test]
    fn conforms() {
        for embedder in [WordEmbedder::new(1, 0), WordEmbedder::new(384, 7)] {
            embedder_conformance::run(&embedder);
        }
    }

    #[test]
    fn shared_words_bring_texts_together() {
        let texts = ["The capital of France is Lyon.", "what is FRANCE's capital", "Iron rusts in rain."];
        let found = WordEmbedder::new(384, 1).embed(&texts, TextRole::Passage).unwrap();
        assert!(found[0].cosine(&found[1]) > 0.4 && found[0].cosine(&found[2]) < 0.2);
    }

    #[test]
    fn a_seed_is_another_embedder() {
        let (one, two) = (WordEmbedder::new(8, 1), WordEmbedder::new(8, 2));
        assert_ne!(one.id(), two.id());
        assert_ne!(
            one.embed(&["iron"], TextRole::Query).unwrap(),
            two.embed(&["iron"], TextRole::Query).unwrap()
        );
    }
}
