//! Texts to measure with.

use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// Words there are.
const VOCABULARY: usize = 20_000;
/// Texts from which near duplicates are made.
const RECENT: usize = 4096;
/// The share of texts that are made from another.
const COPIES: f64 = 0.3;
/// Words of a text: the bounds are in the range.
const WORDS: (usize, usize) = (6, 24);

/// Endless invented sentences of 6 to 24 words. Words are drawn by Zipf's law with Mandelbrot's offset, p(rank) ∝ 1/(rank +
/// 2.7), as in natural text, where a few words are in most texts. Three in ten are a recent text with some words
/// replaced, dropped, doubled or swapped, from none to a third of them. The same seed gives the same texts.
#[derive(Debug)]
pub struct Texts {
    random: ChaCha8Rng,
    ranks: WeightedIndex<f64>,
    rows: u64,
    recent: VecDeque<(u64, Vec<usize>)>,
}

/// A text, and whence it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The text: lower-case ASCII words between single spaces.
    pub text: String,
    /// The row of the text that it was made from, counted from 0.
    pub from: Option<u64>,
}

impl Texts {
    /// The texts of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let weights = (1..=VOCABULARY).map(|rank| 1.0 / (rank as f64 + 2.7));
        let ranks = WeightedIndex::new(weights).expect("all weights are above 0");
        Self { random: ChaCha8Rng::seed_from_u64(seed), ranks, rows: 0, recent: VecDeque::new() }
    }

    fn fresh(&mut self) -> Vec<usize> {
        let words = self.random.random_range(WORDS.0..=WORDS.1);
        (0..words).map(|_| self.ranks.sample(&mut self.random)).collect()
    }

    /// A text with some changes.
    fn changed(&mut self, words: &[usize]) -> Vec<usize> {
        let rate = self.random.random_range(0.0..0.34);
        let mut changed = Vec::with_capacity(words.len() + 4);
        for &word in words {
            if !self.random.random_bool(rate) {
                changed.push(word);
                continue;
            }
            match self.random.random_range(0..4) {
                0 => {}
                1 => changed.extend([word, word]),
                2 => changed.insert(changed.len().saturating_sub(1), word),
                _ => changed.push(self.ranks.sample(&mut self.random)),
            }
        }
        changed
    }
}

impl Iterator for Texts {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        let copied = !self.recent.is_empty() && self.random.random_bool(COPIES);
        let (from, words) = if copied {
            let place = self.random.random_range(0..self.recent.len());
            let (row, words) = self.recent[place].clone();
            (Some(row), self.changed(&words))
        } else {
            (None, self.fresh())
        };
        let text = words.iter().map(|&rank| word(rank)).collect::<Vec<_>>().join(" ");
        self.recent.push_back((self.rows, words));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        self.rows += 1;
        Some(Generated { text, from })
    }
}

/// The word of a rank: one of a hundred syllables for the commonest hundred, then two of them, then three.
pub(super) fn word(mut rank: usize) -> String {
    const CONSONANTS: &str = "bcdfghjklmnpqrstvwxz";
    const VOWELS: &str = "aeiou";
    let mut syllables = Vec::new();
    loop {
        let syllable = rank % 100;
        syllables.push(format!("{}{}", &CONSONANTS[syllable / 5..][..1], &VOWELS[syllable % 5..][..1]));
        if rank < 100 {
            return syllables.concat();
        }
        rank = rank / 100 - 1;
    }
}
