//! What people do to a sentence when they type it.

use crate::atlas::names::capital;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What went wrong while typing; at most one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slip {
    None,
    /// No final punctuation.
    Bare,
    /// The first letter in lower case.
    LowerFirst,
    /// All in lower case, names included.
    Lower,
    /// Lower case and no final punctuation.
    LowerBare,
    /// One letter dropped or two swapped, outside the names.
    Typo,
}

impl Slip {
    pub(super) fn sample(rng: &mut ChaCha8Rng) -> Self {
        match rng.random_range(0..100) {
            0..=8 => Self::Bare,
            9..=12 => Self::LowerFirst,
            13..=15 => Self::Lower,
            16..=18 => Self::LowerBare,
            19..=23 => Self::Typo,
            _ => Self::None,
        }
    }

    /// What is left to do once the names are in.
    pub(super) fn finish(self, text: String) -> String {
        match self {
            Self::None | Self::Typo => text,
            Self::Bare => bare(&text).to_owned(),
            Self::LowerFirst => lower_first(&text),
            Self::Lower => text.to_lowercase(),
            Self::LowerBare => bare(&text).to_lowercase(),
        }
    }
}

fn bare(text: &str) -> &str {
    text.trim_end_matches(['?', '.', '!'])
}

fn lower_first(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    // A name keeps its capital: only words that the grammar put there are written small.
    if first.chars().all(|c| c.is_ascii_alphabetic() || c == '\'' || c == ',') && COMMON.contains(&first) {
        let mut chars = text.chars();
        return chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect());
    }
    text.to_owned()
}

/// First words of patterns that are never names.
const COMMON: &[&str] = &[
    "What", "What's", "Whats", "Who", "Who's", "Where", "Where's", "Which", "How", "The", "Tell", "Please",
    "Can", "Could", "Would", "Do", "Name", "Give", "In", "On", "Any", "So", "Hey,", "Hi,", "Hello,", "State",
    "Just",
];

/// Drops the final punctuation now and then.
pub(super) fn maybe_plain(text: &str, rng: &mut ChaCha8Rng) -> String {
    if rng.random_bool(0.1) { bare(text).to_owned() } else { text.to_owned() }
}

/// The text with its first letter in upper case.
pub(super) fn sentence(text: &str) -> String {
    capital(text)
}

/// Swaps two inner letters of a word of the pattern, or drops one. Slots are left alone.
pub(super) fn typo(pattern: &str, rng: &mut ChaCha8Rng) -> String {
    let mut words: Vec<String> = pattern.split(' ').map(str::to_owned).collect();
    let long: Vec<usize> = (0..words.len())
        .filter(|&i| words[i].len() >= 5 && words[i].bytes().all(|b| b.is_ascii_lowercase()))
        .collect();
    if long.is_empty() {
        return pattern.to_owned();
    }
    let word = &mut words[long[rng.random_range(0..long.len())]];
    let mut letters: Vec<char> = word.chars().collect();
    let at = rng.random_range(1..letters.len() - 1);
    if rng.random_bool(0.5) {
        letters.swap(at, at + 1);
    } else {
        letters.remove(at);
    }
    *word = letters.into_iter().collect();
    words.join(" ")
}
