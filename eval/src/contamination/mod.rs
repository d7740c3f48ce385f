//! Whether a suite was trained on: its items against the candidate's training texts.
//!
//! An item is *known* when a training text holds a run of so many words of it (13, as the GPT-3 paper has it), or all of its
//! words in a row where it is shorter, or when the two are near duplicates: Jaccard similarity of their sets of 5-word
//! shingles, estimated by MinHash (Broder 1997) with 128 permutations and found by 64 bands of 2 rows.

mod minhash;
mod shingles;
#[cfg(test)]
mod tests;

use minhash::Signature;
use serde::{Deserialize, Serialize};
use shingles::{Words, shingle_hashes};
use std::collections::{HashMap, HashSet};

/// What makes an item known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContaminationSettings {
    /// From this Jaccard similarity on.
    pub similarity: f64,
    /// From so many words in a row on.
    pub words: usize,
}

/// How an item is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Known {
    /// A run of its words stands in the text.
    Words,
    /// The text is nearly the same.
    Similar {
        /// The estimated Jaccard similarity.
        similarity: f64,
    },
}

/// An item that stands in the training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownItem {
    /// The item.
    pub item: String,
    /// The first text that holds it.
    pub text: String,
    /// How.
    #[serde(flatten)]
    pub known: Known,
}

/// What of a suite stands in the training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContaminationReport {
    /// The suite.
    pub suite: String,
    /// Its items.
    pub items: usize,
    /// Training texts that were looked at.
    pub texts: usize,
    /// Those that are known, in the suite's order.
    pub known: Vec<KnownItem>,
}

/// A suite, prepared; training texts go past it one by one and are not kept. The memory that it takes is the suite's.
pub struct Guard {
    suite: String,
    settings: ContaminationSettings,
    ids: Vec<String>,
    signatures: Vec<Signature>,
    /// Runs of words, by hash: the items that have them.
    runs: HashMap<u64, Vec<u32>>,
    /// The lengths of runs, in words.
    lengths: Vec<usize>,
    /// Bands of signatures, by hash.
    bands: HashMap<u64, Vec<u32>>,
    found: HashMap<u32, (String, Known)>,
    texts: usize,
}

impl Guard {
    /// Prepares the items `(id, text)` of a suite.
    pub fn new<'a>(
        suite: impl Into<String>,
        items: impl IntoIterator<Item = (String, &'a str)>,
        settings: ContaminationSettings,
    ) -> Self {
        let mut guard = Self {
            suite: suite.into(),
            settings,
            ids: Vec::new(),
            signatures: Vec::new(),
            runs: HashMap::new(),
            lengths: Vec::new(),
            bands: HashMap::new(),
            found: HashMap::new(),
            texts: 0,
        };
        let mut lengths = HashSet::new();
        for (id, text) in items {
            let at = u32::try_from(guard.ids.len()).unwrap_or(u32::MAX);
            let words = Words::of(text);
            let length = words.len().min(settings.words);
            if length > 0 {
                lengths.insert(length);
                for run in words.runs(length) {
                    guard.runs.entry(run).or_default().push(at);
                }
            }
            let signature = Signature::of(&shingle_hashes(&words));
            for band in signature.bands() {
                guard.bands.entry(band).or_default().push(at);
            }
            guard.ids.push(id);
            guard.signatures.push(signature);
        }
        guard.lengths = lengths.into_iter().collect();
        guard
    }

    /// Looks at a training text.
    pub fn look_at(&mut self, id: &str, text: &str) {
        self.texts += 1;
        let mut all = Vec::new();
        self.each_in(text, &mut |at, known| all.push((at, known)));
        for (at, known) in all {
            self.found.entry(at).or_insert_with(|| (id.to_owned(), known));
        }
    }

    /// The first item that stands in a text, and how; the text is not counted.
    #[must_use]
    pub fn known_in(&self, text: &str) -> Option<(&str, Known)> {
        let mut first: Option<(u32, Known)> = None;
        self.each_in(text, &mut |at, known| {
            if first.is_none_or(|(earlier, _)| at < earlier) {
                first = Some((at, known));
            }
        });
        first.map(|(at, known)| (self.ids[at as usize].as_str(), known))
    }

    /// How many items there are.
    #[must_use]
    pub fn items(&self) -> usize {
        self.ids.len()
    }

    fn each_in(&self, text: &str, note: &mut dyn FnMut(u32, Known)) {
        let words = Words::of(text);
        for length in &self.lengths {
            for run in words.runs(*length) {
                for at in self.runs.get(&run).into_iter().flatten() {
                    note(*at, Known::Words);
                }
            }
        }
        let signature = Signature::of(&shingle_hashes(&words));
        for band in signature.bands() {
            for at in self.bands.get(&band).into_iter().flatten() {
                let similarity = signature.similarity(&self.signatures[*at as usize]);
                if similarity >= self.settings.similarity {
                    note(*at, Known::Similar { similarity });
                }
            }
        }
    }

    /// What was found.
    #[must_use]
    pub fn report(&self) -> ContaminationReport {
        let mut known: Vec<(u32, KnownItem)> = self
            .found
            .iter()
            .map(|(at, (text, known))| {
                let item = self.ids[*at as usize].clone();
                (*at, KnownItem { item, text: text.clone(), known: *known })
            })
            .collect();
        known.sort_by_key(|(at, _)| *at);
        ContaminationReport {
            suite: self.suite.clone(),
            items: self.ids.len(),
            texts: self.texts,
            known: known.into_iter().map(|(_, item)| item).collect(),
        }
    }
}
