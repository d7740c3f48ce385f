//! Which texts are new.

use super::bands::Bands;
use super::index::{Banded, Index};
use super::seen::{ContentHash, SeenHashes};
use super::shingles::shingles;
use super::signature::{Family, agreement};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::num::NonZeroUsize;

/// Texts whose signatures are in memory at a time besides those that are kept; few, so that they stay in the cache.
const BATCH: usize = 512;
/// The most permutations: above it the standard error is below 0.008 already.
const MOST_PERMUTATIONS: usize = 4096;

/// What makes a candidate a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Its signature's agreement with the kept one must reach the threshold. Of the pairs that the bands bring together by
    /// chance this drops most.
    Estimate,
    /// Sharing a band is enough, as `datasketch`'s `MinHashLSH.query` has it.
    Bands,
}

/// How duplicates are found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupSettings {
    /// The Jaccard similarity of shingles from which texts are near duplicates, above 0 and at most 1.
    pub threshold: f64,
    /// Values of a signature, from 2 to 4096.
    pub permutations: usize,
    /// Words of a shingle. With 1, texts are sets of words in any order.
    pub words: NonZeroUsize,
    /// Draws the hash functions.
    pub seed: u64,
    /// What makes a candidate a duplicate.
    pub check: Check,
}

impl Default for DedupSettings {
    /// Three words, 128 permutations, threshold 0.7 (WebR), seed 1.
    fn default() -> Self {
        let words = NonZeroUsize::MIN.saturating_add(2);
        Self { threshold: 0.7, permutations: 128, words, seed: 1, check: Check::Estimate }
    }
}

/// Where a text was first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum First {
    /// In this run: the row, counted from 0 over all that were looked at.
    Row(u64),
    /// In an earlier run.
    EarlierRun,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// Like none before it; later texts are held against it.
    New,
    /// Equal, byte for byte, to an earlier text, whatever that one was.
    Exact(First),
    /// Similar to a text that is kept.
    Near {
        /// Its row: of the candidates the most similar, of equals the earliest.
        of: u64,
        /// By the signatures: the share of places in which they agree.
        similarity: f64,
    },
}

/// Finds duplicates in a stream of texts. A kept row takes 720 to 870 bytes at 128 permutations and threshold 0.7, and
/// every distinct text 30 to 60 more for its content hash: about 0.9 GB for a million. The outcome depends on texts, order
/// and settings alone, not on threads or on how the stream is cut into batches.
#[derive(Debug)]
pub struct Dedup {
    settings: DedupSettings,
    bands: Bands,
    family: Family,
    index: Index,
    /// The row of every kept text.
    kept: Vec<u64>,
    rows: u64,
    contents: HashMap<ContentHash, u64>,
    earlier: Option<SeenHashes>,
}

/// A text as it is compared.
struct Prepared {
    content: ContentHash,
    /// Nothing for a text without words, which is like no other unless it is equal.
    banded: Option<Banded>,
}

impl Dedup {
    /// Finds duplicates within one run.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn new(settings: DedupSettings) -> Result<Self> {
        let DedupSettings { threshold, permutations, seed, .. } = settings;
        if !(threshold > 0.0 && threshold <= 1.0) {
            let problem =
                format!("the threshold of duplicates must be above 0 and at most 1, not {threshold}");
            return Err(Error::Settings(problem));
        }
        if !(2..=MOST_PERMUTATIONS).contains(&permutations) {
            let problem =
                format!("duplicates need from 2 to {MOST_PERMUTATIONS} permutations, not {permutations}");
            return Err(Error::Settings(problem));
        }
        let bands = Bands::for_threshold(threshold, permutations);
        let (family, index) = (Family::new(permutations, seed), Index::new(bands, permutations));
        let (kept, contents) = (Vec::new(), HashMap::new());
        Ok(Self { settings, bands, family, index, kept, rows: 0, contents, earlier: None })
    }

    /// Takes the exact duplicates of earlier runs into account. Near ones are not: their signatures are gone.
    #[must_use]
    pub fn with_earlier(self, earlier: SeenHashes) -> Self {
        Self { earlier: Some(earlier), ..self }
    }

    /// The cut of the signatures.
    #[must_use]
    pub fn bands(&self) -> Bands {
        self.bands
    }

    /// How many texts were looked at.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many of them are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Looks at the next text.
    pub fn look_at(&mut self, text: &str) -> Seen {
        let prepared = self.prepare(text);
        self.judge(&prepared)
    }

    /// Looks at the next texts, as [`look_at`](Self::look_at) does one after the other; signatures are computed on all
    /// threads.
    pub fn look_at_all<T: AsRef<str> + Sync>(&mut self, texts: &[T]) -> Vec<Seen> {
        let mut seen = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            let prepared: Vec<Prepared> = batch.par_iter().map(|text| self.prepare(text.as_ref())).collect();
            seen.extend(prepared.iter().map(|prepared| self.judge(prepared)));
        }
        seen
    }

    /// Tells later runs of all texts that were looked at. To be called when what came of them is safe: a run that ends
    /// before looks at the same texts again and finds them as new as it did.
    ///
    /// # Errors
    /// As [`SeenHashes::add`]. Without a file of earlier runs there is nothing to do.
    pub fn commit(&mut self) -> Result<()> {
        match &mut self.earlier {
            Some(earlier) => earlier.add(self.contents.keys().copied()),
            None => Ok(()),
        }
    }

    fn prepare(&self, text: &str) -> Prepared {
        let shingles = shingles(text, self.settings.words);
        let banded = || Banded::new(self.family.signature(&shingles), self.bands);
        Prepared { content: ContentHash::of(text), banded: (!shingles.is_empty()).then(banded) }
    }

    fn judge(&mut self, prepared: &Prepared) -> Seen {
        let row = self.rows;
        self.rows += 1;
        // First this run's: after a commit in the middle, the file has those too.
        if let Some(&first) = self.contents.get(&prepared.content) {
            return Seen::Exact(First::Row(first));
        }
        if self.earlier.as_ref().is_some_and(|earlier| earlier.contains(prepared.content)) {
            return Seen::Exact(First::EarlierRun);
        }
        self.contents.insert(prepared.content, row);
        let Some(banded) = &prepared.banded else { return Seen::New };
        if let Some((kept, similarity)) = self.most_similar(banded) {
            return Seen::Near { of: self.kept[kept as usize], similarity };
        }
        self.index.insert(banded);
        self.kept.push(row);
        Seen::New
    }

    fn most_similar(&self, banded: &Banded) -> Option<(u32, f64)> {
        let similarity = |kept| agreement(&banded.signature, self.index.signature(kept));
        let enough = match self.settings.check {
            Check::Estimate => self.settings.threshold,
            Check::Bands => 0.0,
        };
        let candidates = self.index.candidates(banded).into_iter().map(|kept| (kept, similarity(kept)));
        let enough = candidates.filter(|(_, similarity)| *similarity >= enough);
        // Ascending, and only a higher one replaces: of equals the earliest.
        enough.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }
}
