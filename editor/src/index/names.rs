//! The names by which edits are found, each kept once: thousands of edits may be about one subject.

use super::{AnchorRef, terms::TermId};
use crate::{
    table::{Entry, Numbered, Table, short_hash},
    text::{Class, Word, lexicon},
};
use smallvec::SmallVec;
use std::ops::Index;

/// A name. Ids are given again after a name is gone; they mean nothing outside one index.
pub(crate) type NameId = u32;

/// Anchors, ascending. Most names have few.
type Anchors = SmallVec<[AnchorRef; 4]>;

/// A set of the words of a name, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WordSet(u8);

impl Index<usize> for WordSet {
    type Output = bool;

    fn index(&self, place: usize) -> &bool {
        if self.0 >> place & 1 == 1 { &true } else { &false }
    }
}

impl WordSet {
    fn of(words: &[Word], test: impl Fn(&str) -> bool) -> Self {
        Self(words.iter().enumerate().fold(0, |set, (place, word)| set | u8::from(test(word)) << place))
    }
}

/// What the words of a name are, wherever it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weights {
    /// Everyday words.
    pub(crate) common: WordSet,
    /// Numbers and qualifiers, without which the name is another one.
    pub(crate) essential: WordSet,
}

impl Weights {
    /// Of at most eight words.
    pub(crate) fn of(words: &[Word]) -> Self {
        Self {
            common: WordSet::of(words, |word| lexicon().class(word) != Class::Content),
            essential: WordSet::of(words, |word| {
                lexicon().is_qualifier(word) || word.starts_with(|c: char| c.is_numeric())
            }),
        }
    }
}

#[derive(Debug, Default)]
struct Name {
    words: SmallVec<[TermId; 4]>,
    weights: Option<Weights>,
    /// The anchors of this name, ascending.
    anchors: Anchors,
}

/// Puts a number into an ascending list, once. It is nearly always the highest yet.
pub(super) fn insert<T: Ord + Copy, const N: usize>(list: &mut SmallVec<[T; N]>, item: T)
where
    [T; N]: smallvec::Array<Item = T>,
{
    if list.last().is_none_or(|last| *last < item) {
        list.push(item);
    } else if let Err(place) = list.binary_search(&item) {
        list.insert(place, item);
    }
}

/// The name of an anchor that was added.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted {
    pub(super) id: NameId,
    /// Nothing had it before.
    pub(super) is_new: bool,
}

/// The name of an anchor that was taken back.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) words: SmallVec<[TermId; 4]>,
    /// Nothing has it any more.
    pub(super) was_last: bool,
}

/// Names by their words in order.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<Name>,
    free: Vec<NameId>,
    table: Table<Numbered>,
}

impl Names {
    fn find(&self, words: &[TermId]) -> (u32, Option<NameId>) {
        let hash = short_hash(words);
        let entry = Numbered { hash, number: 0 };
        let found = self.table.get(entry.hash(), |known| {
            known.hash == hash && self.names[known.number as usize].words[..] == *words
        });
        (hash, found.map(|found| found.number))
    }

    /// The anchors of a name, ascending.
    pub(super) fn anchors(&self, words: &[TermId]) -> &[AnchorRef] {
        self.find(words).1.map_or(&[], |name| &self.names[name as usize].anchors)
    }

    /// The name of exactly these words.
    pub(super) fn of(&self, words: &[TermId]) -> Option<NameId> {
        self.find(words).1
    }

    /// The words of a name, what they are, and its anchors, ascending.
    pub(super) fn get(&self, name: NameId) -> Option<(&[TermId], Weights, &[AnchorRef])> {
        let name = self.names.get(name as usize)?;
        Some((&name.words, name.weights?, &name.anchors))
    }

    /// Notes an anchor of a name.
    pub(super) fn add(&mut self, words: SmallVec<[TermId; 4]>, weights: Weights, anchor: AnchorRef) -> Noted {
        let (id, is_new) = match self.find(&words) {
            (_, Some(id)) => (id, false),
            (hash, None) => {
                let name = Name { words, weights: Some(weights), anchors: Anchors::new() };
                let number = match self.free.pop() {
                    Some(id) => {
                        self.names[id as usize] = name;
                        id
                    }
                    None => {
                        self.names.push(name);
                        NameId::try_from(self.names.len() - 1).unwrap_or(NameId::MAX)
                    }
                };
                self.table.insert(Numbered { hash, number });
                (number, true)
            }
        };
        insert(&mut self.names[id as usize].anchors, anchor);
        Noted { id, is_new }
    }

    /// Takes an anchor back; a name without any is forgotten. Gives the words that it has, or had.
    pub(super) fn remove(&mut self, id: NameId, anchor: AnchorRef) -> Taken {
        let name = &mut self.names[id as usize];
        if let Ok(place) = name.anchors.binary_search(&anchor) {
            name.anchors.remove(place);
        }
        if !name.anchors.is_empty() {
            return Taken { words: name.words.clone(), was_last: false };
        }
        let words = std::mem::take(name).words;
        let entry = Numbered { hash: short_hash(&words[..]), number: id };
        self.table.remove(entry.hash(), |known| known.number == id);
        self.free.push(id);
        Taken { words, was_last: true }
    }

    /// All names with their anchors.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[TermId], &[AnchorRef])> {
        self.names
            .iter()
            .filter(|name| !name.anchors.is_empty())
            .map(|name| (&name.words[..], &name.anchors[..]))
    }
}
