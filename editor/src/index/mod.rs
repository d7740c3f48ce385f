//! The lexical index: live edits by the words of the names that they are about.
//!
//! It is built from the log at start and changed one edit at a time. Its content depends on the set of live edits
//! alone, not on the order in which they came and went. A lookup reads the posting lists of the query's words and, for
//! words that thousands of edits share, the list of the whole name; it never walks over all edits.

mod given;
mod reading;
mod subject;
mod terms;
mod unspaced;

pub(crate) use reading::{Prepared, Reading};
pub(crate) use subject::AnchorKind;
pub(crate) use terms::{MIN_SIMILAR_LETTERS, TermId};

use crate::{
    conflict::Facts,
    edit::Edit,
    text::{Class, Groups, lexicon, stem},
};
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;
use subject::MAX_ANCHORS;
use terms::Terms;

/// One anchor of one edit: the edit's slot times [`MAX_ANCHORS`], plus the anchor's place.
pub(crate) type AnchorRef = u32;
/// Where an edit is kept.
pub(crate) type Slot = u32;

/// A word in more anchors than this leads to no candidates by itself, only through the name's other words or as part of
/// the whole name. Such a word weighs little: where it is all of a longer name that a question has, it tells nobody
/// which of its hundreds of bearers is meant.
const COMMON_FROM: usize = 256;
/// The most anchors that one lookup considers. Of more edits about one subject, the newest are considered.
const MAX_CANDIDATES: usize = 4_096;
/// The most words of a name that is looked up as a whole.
const MAX_PHRASE: usize = 8;

/// A name by which an edit is found.
#[derive(Debug)]
pub(crate) struct Anchor {
    pub(crate) kind: AnchorKind,
    pub(crate) words: Box<[TermId]>,
    /// Per word: it is an everyday word.
    pub(crate) common: Box<[bool]>,
    /// Per word: it is a number or a qualifier, without which the name is another one.
    pub(crate) essential: Box<[bool]>,
    /// It is written with capitals.
    pub(crate) cased: bool,
}

/// A live edit with what the scope decision needs to know of it.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) edit: Arc<Edit>,
    pub(crate) anchors: Box<[Anchor]>,
    /// Hashed stems of its other telling words, ascending.
    pub(crate) content: Box<[u32]>,
    /// The relations that it may be about.
    pub(crate) groups: Groups,
    /// What it states.
    pub(crate) facts: Facts,
}

/// FNV-1a of a word's stem: equal for related forms, the same in every process.
pub(crate) fn stem_hash(word: &str) -> u32 {
    stem(word).bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The live edits, searchable.
#[derive(Debug, Default)]
pub(crate) struct Index {
    terms: Terms,
    /// By slot. Slots ascend with the log and are not given again (eight bytes a retired edit, until the next start),
    /// so that "the newest" means the same after a restart.
    documents: Vec<Option<Box<Document>>>,
    /// Anchors by their words in order.
    phrases: HashMap<Box<[TermId]>, Vec<AnchorRef>>,
    live: usize,
}

impl Index {
    /// How many edits are live.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Adds an edit.
    pub(crate) fn insert(&mut self, prepared: Prepared) -> Slot {
        let Prepared { edit, reading } = prepared;
        let (facts, Reading { names, content, groups, .. }) = (reading.facts().clone(), reading);
        let slot = Slot::try_from(self.documents.len()).unwrap_or(Slot::MAX);
        let mut anchors = Vec::with_capacity(names.anchors.len());
        for (place, anchor) in names.anchors.iter().enumerate() {
            let at = anchor_ref(slot, place);
            let words: Box<[TermId]> = anchor.words.iter().map(|word| self.terms.add(word, at)).collect();
            let list = self.phrases.entry(words.clone()).or_default();
            if let Err(spot) = list.binary_search(&at) {
                list.insert(spot, at);
            }
            let is = |test: fn(&str) -> bool| anchor.words.iter().map(|word| test(word)).collect();
            anchors.push(Anchor {
                kind: anchor.kind,
                words,
                common: is(|word| lexicon().class(word) != Class::Content),
                essential: is(|word| {
                    lexicon().is_qualifier(word) || word.starts_with(|c: char| c.is_numeric())
                }),
                cased: anchor.cased,
            });
        }
        self.documents.push(Some(Box::new(Document {
            edit,
            anchors: anchors.into(),
            content,
            groups,
            facts,
        })));
        self.live += 1;
        slot
    }

    /// Removes the edit of a slot.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let Some(document) = self.documents.get_mut(slot as usize).and_then(Option::take) else { return };
        for (place, anchor) in document.anchors.iter().enumerate() {
            let at = anchor_ref(slot, place);
            if let Some(list) = self.phrases.get_mut(&anchor.words) {
                if let Ok(spot) = list.binary_search(&at) {
                    list.remove(spot);
                }
                if list.is_empty() {
                    self.phrases.remove(&anchor.words);
                }
            }
            for word in &anchor.words {
                self.terms.remove(*word, at);
            }
        }
        self.live -= 1;
    }

    /// The edit of a slot.
    pub(crate) fn document(&self, slot: Slot) -> Option<&Document> {
        self.documents.get(slot as usize)?.as_deref()
    }

    /// The anchor that a reference names, and its edit's slot.
    pub(crate) fn anchor(&self, at: AnchorRef) -> Option<(Slot, &Document, &Anchor)> {
        let slot = at / MAX_ANCHORS as u32;
        let document = self.document(slot)?;
        Some((slot, document, document.anchors.get(at as usize % MAX_ANCHORS)?))
    }

    /// The term of a folded word.
    pub(crate) fn term(&self, word: &str) -> Option<TermId> {
        self.terms.get(word)
    }

    /// How a term is written.
    pub(crate) fn word(&self, term: TermId) -> &str {
        self.terms.text(term)
    }

    /// Terms spelt almost like `word`, the closest first.
    pub(crate) fn similar(&self, word: &str) -> Vec<TermId> {
        self.terms.similar(word)
    }

    /// How rare a term is among names: ln(1 + (N − n + ½) / (n + ½)), N edits, n names that hold it (as in BM25).
    pub(crate) fn rarity(&self, term: TermId) -> f32 {
        let holders = self.terms.anchors(term).len().min(self.live) as f32;
        (1.0 + (self.live as f32 - holders + 0.5) / (holders + 0.5)).ln()
    }

    /// The anchors of exactly these words, of many the newest.
    pub(crate) fn exactly(&self, words: &[TermId]) -> &[AnchorRef] {
        self.phrases.get(words).map_or(&[], |list| &list[list.len().saturating_sub(COMMON_FROM)..])
    }

    /// The first anchor of an edit.
    pub(crate) fn first_anchor(slot: Slot) -> AnchorRef {
        anchor_ref(slot, 0)
    }

    /// How many edits have a name of exactly these words.
    pub(crate) fn sharing(&self, words: &[TermId]) -> usize {
        self.phrases.get(words).map_or(0, Vec::len)
    }

    /// Every anchor that a query may mean, ascending: `words` are the query's known words, each with its terms, in
    /// order, `None` where a word that may belong to a name is unknown.
    pub(crate) fn candidates(&self, words: &[Option<Vec<TermId>>]) -> Vec<AnchorRef> {
        let mut found: Vec<AnchorRef> = Vec::new();
        for run in words.split(Option::is_none) {
            let run: Vec<TermId> = run.iter().flatten().filter_map(|terms| terms.first().copied()).collect();
            for start in 0..run.len() {
                for end in start + 1..=run.len().min(start + MAX_PHRASE) {
                    if let Some(list) = self.phrases.get(&run[start..end]) {
                        found.extend(&list[list.len().saturating_sub(MAX_CANDIDATES)..]);
                    }
                }
            }
        }
        let mut lists: Vec<&[AnchorRef]> =
            words.iter().flatten().flatten().map(|term| self.terms.anchors(*term)).collect();
        lists.retain(|list| list.len() <= COMMON_FROM);
        lists.sort_by_key(|list| list.len());
        for list in lists {
            if found.len() + list.len() > MAX_CANDIDATES {
                break;
            }
            found.extend(list);
        }
        found.sort_unstable();
        found.dedup();
        let surplus = found.len().saturating_sub(MAX_CANDIDATES);
        found.drain(..surplus);
        found
    }
}

fn anchor_ref(slot: Slot, place: usize) -> AnchorRef {
    slot * MAX_ANCHORS as u32 + place as u32
}

#[cfg(test)]
pub(crate) mod tests;
