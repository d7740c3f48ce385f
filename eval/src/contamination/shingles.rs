//! Words and runs of words, by hash.

use crate::edit::metrics::words;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// Words of a shingle.
const SHINGLE: usize = 5;

/// The words of a text, each by its hash: case, punctuation and compatibility forms are levelled.
#[derive(Debug, Clone)]
pub(super) struct Words(Vec<u64>);

impl Words {
    pub(super) fn of(text: &str) -> Self {
        Self(words(text).iter().map(hash).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The hash of every run of so many words.
    pub(super) fn runs(&self, length: usize) -> impl Iterator<Item = u64> {
        self.0.windows(length.max(1)).map(move |run| hash(&(length, run)))
    }
}

/// The set of a text's shingles; of a text that is shorter than one, its words together.
pub(super) fn shingle_hashes(words: &Words) -> Vec<u64> {
    let mut hashes: Vec<u64> = words.runs(SHINGLE.min(words.len().max(1))).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// The same in every process: `DefaultHasher::new` has no random keys.
pub(super) fn hash(value: &(impl std::hash::Hash + ?Sized)) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}
