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
pub(crate) use names::{NameId, WordSet};
pub(crate) use reading::{Prepared, Reading};
pub(crate) use subject::AnchorKind;
pub(crate) use terms::{MIN_SIMILAR_LETTERS, TermId};

use crate::{edit::Edit, text::stem};
use amend_proto::TenantId;
use document::{Words, anchors_mut};
use names::{Names, Weights};
use smallvec::SmallVec;
use subject::MAX_ANCHORS;
use terms::Terms;

/// One anchor of one edit, from the highest bits: the edit's slot, the anchor's place (4 bits), its [tie](Tie) (3 bits).
/// Ascending they are in the order of the log.
pub(crate) type AnchorRef = u64;
/// Where an edit is kept.
pub(crate) type Slot = u32;

/// A word in more names than this leads to no candidates by itself, only through the name's other words or as part of
/// the whole name. Such a word weighs little: where it is all of a longer name that a question has, it tells nobody
/// which of its hundreds of bearers is meant.
const COMMON_FROM: usize = 256;
/// The most names that one lookup compares, and the most anchors of one name that it considers: the newest.
pub(crate) const MAX_CANDIDATES: usize = 4_096;
/// The most words of a name that is looked up as a whole.
const MAX_PHRASE: usize = 8;

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

/// How an edit is tied to a name: its kind, and whether it is written with capitals there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tie(u8);

impl Tie {
    /// How many there are.
    pub(crate) const COUNT: usize = 1 << Self::BITS;
    const BITS: u32 = 3;

    fn new(kind: AnchorKind, cased: bool) -> Self {
        let kind = match kind {
            AnchorKind::Subject => 0,
            AnchorKind::Mention => 1,
            AnchorKind::Short => 2,
        };
        Self(kind << 1 | u8::from(cased))
    }

    /// Of an anchor, or a packed name: it is in the lowest bits of both.
    pub(crate) fn of(packed: u64) -> Self {
        Self((packed & (Self::COUNT as u64 - 1)) as u8)
    }

    /// Its number, below [`COUNT`](Self::COUNT).
    pub(crate) fn number(self) -> usize {
        usize::from(self.0)
    }

    fn kind(self) -> AnchorKind {
        match self.0 >> 1 {
            0 => AnchorKind::Subject,
            1 => AnchorKind::Mention,
            _ => AnchorKind::Short,
        }
    }

    fn cased(self) -> bool {
        self.0 & 1 == 1
    }
}

/// A name and how an edit is tied to it, as a number of a [document](Document).
fn packed(name: NameId, tie: Tie) -> u32 {
    name << Tie::BITS | u32::from(tie.0)
}

/// A name of edits, and where they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownName<'a> {
    words: &'a [TermId],
    weights: Weights,
    /// The anchors that have it, ascending; of very many the newest.
    pub(crate) anchors: &'a [AnchorRef],
}

impl<'a> KnownName<'a> {
    /// The name as edits that are so tied to it have it.
    pub(crate) fn tied(&self, tie: Tie) -> Anchor<'a> {
        let Weights { common, essential } = self.weights;
        Anchor { kind: tie.kind(), words: self.words, common, essential, cased: tie.cased() }
    }
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
            let tie = Tie::new(anchor.kind, anchor.cased);
            let terms: SmallVec<[TermId; 4]> = anchor.words.iter().map(|word| self.terms.add(word)).collect();
            let name = self.names.add(terms.clone(), anchor.weights, anchor_ref(slot, place, tie));
            if name.is_new {
                terms.iter().for_each(|term| self.terms.join(*term, name.id));
            }
            *packed_as = packed(name.id, tie);
        }
        self.documents.push(Some(words));
        self.live += 1;
        slot
    }

    /// Removes the edit of a slot.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let Some(words) = self.documents.get_mut(slot as usize).and_then(Option::take) else { return };
        for (place, anchor) in Document::of(&words).anchors.iter().enumerate() {
            let (name, tie) = (anchor >> Tie::BITS, Tie::of(u64::from(*anchor)));
            let taken = self.names.remove(name, anchor_ref(slot, place, tie));
            if taken.was_last {
                taken.words.iter().for_each(|term| self.terms.leave(*term, name));
            }
            taken.words.into_iter().for_each(|term| self.terms.remove(term));
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

    /// A name, with the newest of its anchors.
    pub(crate) fn name(&self, id: NameId) -> Option<KnownName<'_>> {
        let (words, weights, anchors) = self.names.get(id)?;
        let anchors = &anchors[anchors.len().saturating_sub(MAX_CANDIDATES)..];
        Some(KnownName { words, weights, anchors })
    }

    /// The name of exactly one word.
    pub(crate) fn single(&self, word: TermId) -> Option<NameId> {
        self.names.of(&[word])
    }

    /// The anchors of an edit.
    pub(crate) fn anchors<'a>(&'a self, document: Document<'a>) -> impl Iterator<Item = Anchor<'a>> {
        document
            .anchors
            .iter()
            .filter_map(|packed| Some(self.name(packed >> Tie::BITS)?.tied(Tie::of(u64::from(*packed)))))
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

    /// How rare a term is among names: ln(1 + (N − n + ½) / (n + ½)), N edits, n anchors that hold it (as in BM25).
    pub(crate) fn rarity(&self, term: TermId) -> f32 {
        let holders = (self.terms.holders(term) as usize).min(self.live) as f32;
        (1.0 + (self.live as f32 - holders + 0.5) / (holders + 0.5)).ln()
    }

    /// The first anchor of an edit.
    pub(crate) fn first_anchor(slot: Slot) -> AnchorRef {
        anchor_ref(slot, 0, Tie::new(AnchorKind::Subject, false))
    }

    /// How many edits have a name of exactly these words.
    pub(crate) fn sharing(&self, words: &[TermId]) -> usize {
        self.names.anchors(words).len()
    }

    /// Every name that a query may mean, once: `words` are the query's known words, each with its terms, in order, `None`
    /// where a word that may belong to a name is unknown.
    pub(crate) fn candidates(&self, words: &[Option<Vec<TermId>>]) -> Vec<NameId> {
        let mut found: Vec<NameId> = Vec::new();
        for run in words.split(Option::is_none) {
            let run: Vec<TermId> = run.iter().flatten().filter_map(|terms| terms.first().copied()).collect();
            for start in 0..run.len() {
                for end in start + 1..=run.len().min(start + MAX_PHRASE) {
                    found.extend(self.names.of(&run[start..end]));
                }
            }
        }
        let mut lists: Vec<&[NameId]> =
            words.iter().flatten().flatten().map(|term| self.terms.names(*term)).collect();
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
        found
    }
}

const PLACE_BITS: u32 = MAX_ANCHORS.ilog2();

fn anchor_ref(slot: Slot, place: usize, tie: Tie) -> AnchorRef {
    AnchorRef::from(slot) << (PLACE_BITS + Tie::BITS) | (place as u64) << Tie::BITS | u64::from(tie.0)
}

/// The edit of an anchor.
pub(crate) fn slot(at: AnchorRef) -> Slot {
    (at >> (PLACE_BITS + Tie::BITS)) as Slot
}

#[cfg(test)]
pub(crate) mod tests;
