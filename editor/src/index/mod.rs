//! The lexical index: live edits by the words of the names that they are about.
//!
//! It is built from the log at start and changed one edit at a time. Its content depends on the set of live edits
//! alone, not on the order in which they came and went. A lookup reads the posting lists of the query's words and, for
//! words that thousands of edits share, the list of the whole name; it never walks over all edits.

mod document;
mod given;
mod names;
mod reading;
mod saying;
mod subject;
mod terms;
mod unspaced;

pub(crate) use document::Document;
pub(crate) use names::WordSet;
pub(crate) use reading::{Prepared, Reading};
pub(crate) use subject::AnchorKind;
pub(crate) use terms::{MIN_SIMILAR_LETTERS, TermId};

use crate::{edit::Edit, text::stem};
use amend_proto::TenantId;
use document::{Words, anchors_mut};
use names::{NameId, Names};
use smallvec::SmallVec;
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

/// Anchors, ascending. Most names and most words have few.
type Refs = SmallVec<[AnchorRef; 4]>;

/// A name by which an edit is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor<'a> {
    pub(crate) kind: AnchorKind,
    pub(crate) words: &'a [TermId],
    /// Per word: it is an everyday word.
    pub(crate) common: WordSet,
    /// Per word: it is a number or a qualifier, without which the name is another one.
    pub(crate) essential: WordSet,
    /// It is written with capitals.
    pub(crate) cased: bool,
}

/// FNV-1a of a word's stem: equal for related forms, the same in every process.
pub(crate) fn stem_hash(word: &str) -> u32 {
    stem(word).bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The live edits of one tenant, searchable.
#[derive(Debug, Default)]
pub(crate) struct Index {
    tenant: TenantId,
    terms: Terms,
    /// By slot. Slots ascend with the log and are not given again (sixteen bytes a retired edit, until the next start),
    /// so that "the newest" means the same after a restart.
    documents: Vec<Option<Words>>,
    names: Names,
    live: usize,
}

/// A name with how an edit is tied to it, as a number of a [document](Document).
fn packed(name: NameId, kind: AnchorKind, cased: bool) -> u32 {
    let kind = match kind {
        AnchorKind::Subject => 0,
        AnchorKind::Mention => 1,
        AnchorKind::Short => 2,
    };
    name << 3 | kind << 1 | u32::from(cased)
}

impl Index {
    /// Of a tenant.
    pub(crate) fn of(tenant: TenantId) -> Self {
        Self { tenant, ..Self::default() }
    }

    /// How many edits are live.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Adds an edit.
    pub(crate) fn insert(&mut self, prepared: Prepared) -> Slot {
        let Prepared { mut words, reading, .. } = prepared;
        let slot = Slot::try_from(self.documents.len()).unwrap_or(Slot::MAX);
        let places = anchors_mut(&mut words);
        for (place, (anchor, packed_as)) in reading.anchors().iter().zip(places).enumerate() {
            let at = anchor_ref(slot, place);
            let terms = anchor.words.iter().map(|word| self.terms.add(word, at)).collect();
            let name = self.names.add(terms, anchor.weights, at);
            *packed_as = packed(name, anchor.kind, anchor.cased);
        }
        self.documents.push(Some(words));
        self.live += 1;
        slot
    }

    /// Removes the edit of a slot.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let Some(words) = self.documents.get_mut(slot as usize).and_then(Option::take) else { return };
        for (place, anchor) in Document::of(&words).anchors.iter().enumerate() {
            let at = anchor_ref(slot, place);
            for word in self.names.remove(anchor >> 3, at) {
                self.terms.remove(word, at);
            }
        }
        self.live -= 1;
    }

    /// The edit of a slot.
    pub(crate) fn document(&self, slot: Slot) -> Option<Document<'_>> {
        self.documents.get(slot as usize)?.as_deref().map(Document::of)
    }

    /// The edit of a slot, all of it.
    pub(crate) fn edit(&self, slot: Slot) -> Option<Edit> {
        self.document(slot).map(|document| document.edit.edit(&self.tenant))
    }

    /// The anchor that a reference names, and its edit's slot.
    pub(crate) fn anchor(&self, at: AnchorRef) -> Option<(Slot, Document<'_>, Anchor<'_>)> {
        let slot = at / MAX_ANCHORS as u32;
        let document = self.document(slot)?;
        let packed = *document.anchors.get(at as usize % MAX_ANCHORS)?;
        Some((slot, document, self.unpacked(packed)?))
    }

    /// The anchors of an edit.
    pub(crate) fn anchors<'a>(&'a self, document: Document<'a>) -> impl Iterator<Item = Anchor<'a>> {
        document.anchors.iter().filter_map(|packed| self.unpacked(*packed))
    }

    fn unpacked(&self, packed: u32) -> Option<Anchor<'_>> {
        let (words, weights) = self.names.get(packed >> 3)?;
        let kind = match packed >> 1 & 3 {
            0 => AnchorKind::Subject,
            1 => AnchorKind::Mention,
            _ => AnchorKind::Short,
        };
        let (common, essential) = (weights.common, weights.essential);
        Some(Anchor { kind, words, common, essential, cased: packed & 1 == 1 })
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
        let list = self.names.anchors(words);
        &list[list.len().saturating_sub(COMMON_FROM)..]
    }

    /// The first anchor of an edit.
    pub(crate) fn first_anchor(slot: Slot) -> AnchorRef {
        anchor_ref(slot, 0)
    }

    /// How many edits have a name of exactly these words.
    pub(crate) fn sharing(&self, words: &[TermId]) -> usize {
        self.names.anchors(words).len()
    }

    /// Every anchor that a query may mean, ascending: `words` are the query's known words, each with its terms, in
    /// order, `None` where a word that may belong to a name is unknown.
    pub(crate) fn candidates(&self, words: &[Option<Vec<TermId>>]) -> Vec<AnchorRef> {
        let mut found: Vec<AnchorRef> = Vec::new();
        for run in words.split(Option::is_none) {
            let run: Vec<TermId> = run.iter().flatten().filter_map(|terms| terms.first().copied()).collect();
            for start in 0..run.len() {
                for end in start + 1..=run.len().min(start + MAX_PHRASE) {
                    let list = self.names.anchors(&run[start..end]);
                    found.extend(&list[list.len().saturating_sub(MAX_CANDIDATES)..]);
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
