//! Words, and sentences of them: what is measured does not depend on what they say.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Different words.
const WORDS: usize = 500;

/// A seeded language of made-up words.
pub(super) struct Language {
    words: Vec<String>,
    rng: ChaCha8Rng,
}

impl Language {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut words = Vec::with_capacity(WORDS);
        while words.len() < WORDS {
            let syllables = rng.random_range(2..=3);
            let word: String = (0..syllables).map(|_| syllable(&mut rng)).collect();
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Self { words, rng }
    }

    /// Every word, twice, to make a tokenizer that has each as a piece.
    pub(super) fn all(&self) -> impl Iterator<Item = String> + Send + use<> {
        let words = self.words.clone();
        words.clone().into_iter().chain(words)
    }

    /// Words with spaces between them; as many as asked for, give or take a quarter.
    pub(super) fn text(&mut self, words: usize) -> String {
        let spread = words / 4;
        let count = self.rng.random_range(words - spread..=words + spread);
        self.exactly(count).join(" ")
    }

    fn exactly(&mut self, count: usize) -> Vec<&str> {
        let (words, rng) = (&self.words, &mut self.rng);
        (0..count).filter_map(|_| words.choose(rng)).map(String::as_str).collect()
    }

    /// A text like `text` that differs from the first word on: nothing but the prompt is shared.
    pub(super) fn variant(&mut self, text: &str) -> String {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        for (at, word) in words.iter_mut().enumerate() {
            if at == 0 || self.rng.random_bool(0.3) {
                let old = word.clone();
                while *word == old {
                    word.clone_from(&self.words[self.rng.random_range(0..WORDS)]);
                }
            }
        }
        words.join(" ")
    }
}

fn syllable(rng: &mut ChaCha8Rng) -> String {
    let of = |letters: &str, rng: &mut ChaCha8Rng| {
        let letters: Vec<char> = letters.chars().collect();
        letters.choose(rng).copied().unwrap_or('a')
    };
    [of("bdfgklmnprstvz", rng), of("aeiou", rng)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_function_of_its_seed_and_variants_begin_otherwise() {
        let (mut one, mut two) = (Language::new(3), Language::new(3));
        let text = one.text(40);
        assert_eq!(text, two.text(40));
        assert!((30..=50).contains(&text.split(' ').count()));
        let variant = one.variant(&text);
        assert_ne!(variant.split(' ').next(), text.split(' ').next());
        assert_eq!(variant.split(' ').count(), text.split(' ').count());
        assert_ne!(Language::new(4).text(40), text);
    }
}
