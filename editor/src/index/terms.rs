//! The dictionary of the words of names: in which names each occurs, and which are spelt almost like a given one.

use super::names::{NameId, insert};
use crate::table::{Entry, Numbered, Table, short_hash};
use rustc_hash::FxHashMap as HashMap;
use smallvec::SmallVec;

/// A word of the dictionary. Ids are given again after a word is gone; they mean nothing outside one index.
pub(crate) type TermId = u32;

/// A word with more than this many letters may differ from a term in two places, not only in one.
const TWO_EDITS_FROM: usize = 10;
/// Words shorter than this are never matched by similarity: too many other words are one letter away.
pub(crate) const MIN_SIMILAR_LETTERS: usize = 5;
/// For no word are more terms looked at than this.
const MAX_LOOKED_AT: usize = 16_384;
/// Longer words are not compared: they are no words.
const MAX_SIMILAR_LETTERS: usize = 48;
/// The most similar terms that are returned.
const MAX_SIMILAR: usize = 4;

#[derive(Debug, Default)]
struct Term {
    text: Box<str>,
    /// The names that have it, ascending. Most words are in few.
    names: SmallVec<[NameId; 4]>,
}

/// Words, their occurrences and their trigrams.
#[derive(Debug, Default)]
pub(super) struct Terms {
    ids: Table<Numbered>,
    terms: Vec<Term>,
    /// By term: how many anchors have it, kept apart because a lookup asks that of every word of every name that it
    /// compares.
    holders: Vec<u32>,
    /// By term: its [letter set](letters), kept apart because all of them are looked at far more often than the terms.
    letters: Vec<u64>,
    free: Vec<TermId>,
    /// Terms by a [trigram](gram_key) of their padded spelling, their first letter and their length in letters,
    /// ascending.
    grams: HashMap<u64, SmallVec<[TermId; 4]>>,
}

impl Terms {
    pub(super) fn get(&self, word: &str) -> Option<TermId> {
        self.find(word).1
    }

    fn find(&self, word: &str) -> (u32, Option<TermId>) {
        let hash = short_hash(word);
        let entry = Numbered { hash, number: 0 };
        let found = self.ids.get(entry.hash(), |known| {
            known.hash == hash && *self.terms[known.number as usize].text == *word
        });
        (hash, found.map(|found| found.number))
    }

    /// How a term is written; empty for one that is gone.
    pub(super) fn text(&self, term: TermId) -> &str {
        self.terms.get(term as usize).map_or("", |t| &t.text)
    }

    /// The names that have a term, ascending.
    pub(super) fn names(&self, term: TermId) -> &[NameId] {
        self.terms.get(term as usize).map_or(&[], |t| &t.names[..])
    }

    /// How many anchors have a term.
    pub(super) fn holders(&self, term: TermId) -> u32 {
        self.holders.get(term as usize).copied().unwrap_or_default()
    }

    /// Notes an anchor that has a word.
    pub(super) fn add(&mut self, word: &str) -> TermId {
        let id = match self.find(word) {
            (_, Some(id)) => id,
            (hash, None) => self.create(word, hash),
        };
        self.holders[id as usize] += 1;
        id
    }

    /// Notes a name that has a term.
    pub(super) fn join(&mut self, id: TermId, name: NameId) {
        insert(&mut self.terms[id as usize].names, name);
    }

    /// Takes back what [`join`](Self::join) did.
    pub(super) fn leave(&mut self, id: TermId, name: NameId) {
        let names = &mut self.terms[id as usize].names;
        if let Ok(place) = names.binary_search(&name) {
            names.remove(place);
        }
    }

    fn create(&mut self, word: &str, hash: u32) -> TermId {
        let term = Term { text: word.into(), names: SmallVec::new() };
        let id = match self.free.pop() {
            Some(id) => {
                self.terms[id as usize] = term;
                self.letters[id as usize] = letters(word);
                id
            }
            None => {
                self.terms.push(term);
                self.holders.push(0);
                self.letters.push(letters(word));
                TermId::try_from(self.terms.len() - 1).unwrap_or(TermId::MAX)
            }
        };
        self.ids.insert(Numbered { hash, number: id });
        for key in gram_keys(word) {
            let terms = self.grams.entry(key).or_default();
            insert(terms, id);
        }
        id
    }

    /// Takes an anchor that has a term back; a word without any is forgotten.
    pub(super) fn remove(&mut self, id: TermId) {
        let holders = &mut self.holders[id as usize];
        *holders = holders.saturating_sub(1);
        if *holders > 0 {
            return;
        }
        let text = std::mem::take(&mut self.terms[id as usize]).text;
        for key in gram_keys(&text) {
            if let Some(terms) = self.grams.get_mut(&key) {
                if let Ok(place) = terms.binary_search(&id) {
                    terms.remove(place);
                }
                if terms.is_empty() {
                    self.grams.remove(&key);
                }
            }
        }
        let entry = Numbered { hash: short_hash(&*text), number: id };
        self.ids.remove(entry.hash(), |known| known.number == id);
        self.free.push(id);
    }

    /// Terms that differ from `word` by one insertion, deletion, replacement or swap of neighbours (two for long
    /// words), and begin with the same letter, the closest first.
    ///
    /// One such change touches at most three trigrams (a swap four), so a similar term shares at least one of any five
    /// (nine) trigrams of the word: only the terms under its rarest ones are compared.
    pub(super) fn similar(&self, word: &str) -> Vec<TermId> {
        let (first, length) = shape(word);
        let fits = (MIN_SIMILAR_LETTERS..=MAX_SIMILAR_LETTERS).contains(&length);
        if !fits || word.bytes().any(|b| b.is_ascii_digit()) {
            return Vec::new();
        }
        let changes = if length >= TWO_EDITS_FROM { 2 } else { 1 };
        let wanted = letters(word);
        let lists = |gram: u64| {
            (length - changes..=length + changes)
                .filter_map(move |length| self.grams.get(&gram_key(gram, first, length)))
        };
        let mut rarest: Vec<(usize, u64)> =
            grams(word).into_iter().map(|gram| (lists(gram).map(SmallVec::len).sum(), gram)).collect();
        rarest.sort_unstable();
        let mut looked_at: Vec<TermId> = rarest
            .iter()
            .take(4 * changes + 1)
            .flat_map(|(_, gram)| lists(*gram))
            .flatten()
            .copied()
            .take(MAX_LOOKED_AT)
            // One change alters the set of letters by two at most.
            .filter(|id| (self.letters[*id as usize] ^ wanted).count_ones() as usize <= 2 * changes)
            .collect();
        looked_at.sort_unstable();
        looked_at.dedup();
        let mut near: Vec<(usize, TermId)> = Vec::new();
        for id in looked_at {
            let distance = distance(word, &self.terms[id as usize].text);
            if distance <= changes {
                near.push((distance, id));
            }
        }
        near.sort_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| self.terms[a.1 as usize].text.cmp(&self.terms[b.1 as usize].text))
        });
        near.into_iter().take(MAX_SIMILAR).map(|(_, id)| id).collect()
    }

    #[cfg(test)]
    pub(super) fn words(&self) -> impl Iterator<Item = (&str, u32, &[NameId])> {
        self.ids.iter().map(|known| {
            let term = &self.terms[known.number as usize];
            (term.text.as_ref(), self.holders(known.number), &term.names[..])
        })
    }

    #[cfg(test)]
    pub(super) fn gram_count(&self) -> usize {
        self.grams.values().map(SmallVec::len).sum()
    }
}

/// The trigrams of a word with one mark before and after it, each as one number, without repeats.
fn grams(word: &str) -> Vec<u64> {
    let padded: Vec<u64> =
        std::iter::once(1).chain(word.chars().map(u64::from)).chain(std::iter::once(2)).collect();
    let mut grams: Vec<u64> = padded.windows(3).map(|w| w[0] << 42 | w[1] << 21 | w[2]).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// Under what a term with this trigram, first letter and length is kept. Two of these in one key are harmless: what is
/// found is compared.
fn gram_key(gram: u64, first: char, length: usize) -> u64 {
    (gram ^ u64::from(first).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(length as u64)
}

/// The keys of a word; none of one that [`Terms::similar`] cannot find.
fn gram_keys(word: &str) -> Vec<u64> {
    let (first, length) = shape(word);
    // Words with digits are not searched, and the first letter must be the same.
    let found = (MIN_SIMILAR_LETTERS - 1..=MAX_SIMILAR_LETTERS + 2).contains(&length);
    match found && !first.is_ascii_digit() {
        true => grams(word).into_iter().map(|gram| gram_key(gram, first, length)).collect(),
        false => Vec::new(),
    }
}

/// The first letter of a word, and how many it has.
fn shape(word: &str) -> (char, usize) {
    (word.chars().next().unwrap_or_default(), word.chars().count())
}

/// Which letters a word has: one bit each, several letters sharing a bit where there are more than 64.
fn letters(word: &str) -> u64 {
    word.chars().fold(0, |set, c| set | 1 << (u32::from(c) % 64))
}

/// Edit distance with swaps of neighbours (optimal string alignment), of words that are not much longer than
/// [`MAX_SIMILAR_LETTERS`].
fn distance(a: &str, b: &str) -> usize {
    const WIDTH: usize = MAX_SIMILAR_LETTERS + 8;
    let mut letters = ['\0'; WIDTH];
    let mut columns = 0;
    for (place, letter) in letters.iter_mut().zip(b.chars()) {
        *place = letter;
        columns += 1;
    }
    let mut before = [0; WIDTH + 1];
    let mut last: [usize; WIDTH + 1] = std::array::from_fn(|column| column);
    let mut above = '\0';
    for (row, x) in a.chars().enumerate() {
        let mut this = [row + 1; WIDTH + 1];
        for column in 0..columns {
            let y = letters[column];
            let mut cost =
                (last[column] + usize::from(x != y)).min(last[column + 1] + 1).min(this[column] + 1);
            if row > 0 && column > 0 && x == letters[column - 1] && above == y {
                cost = cost.min(before[column - 1] + 1);
            }
            this[column + 1] = cost;
        }
        before = last;
        last = this;
        above = x;
    }
    last[columns]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_changes() {
        assert_eq!(distance("bragran", "bragran"), 0);
        assert_eq!(distance("bragran", "bargran"), 1);
        assert_eq!(distance("bragran", "bragan"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn finds_similar_spellings_and_not_other_names() {
        let mut terms = Terms::default();
        for word in ["kyrgyzstan", "slovenia", "gambia", "bragran", "dakar"] {
            terms.add(word);
        }
        let found = |word: &str| terms.similar(word).len();
        assert_eq!(found("kirgyzstam"), 1);
        assert_eq!(found("bragarn"), 1);
        assert_eq!(found("slovakia"), 0, "another country");
        assert_eq!(found("zambia"), 0, "another country");
        assert_eq!(found("daka"), 0, "too short");
    }

    proptest! {
        #[test]
        fn one_change_is_always_found(word in "[a-z]{6,9}", at in 1usize..6, letter in "[a-z]", kind in 0u8..4) {
            let mut terms = Terms::default();
            let id = terms.add(&word);
            let mut letters: Vec<char> = word.chars().collect();
            match kind {
                0 => { letters.remove(at); }
                1 => letters.insert(at, letter.chars().next().unwrap()),
                2 => letters[at] = letter.chars().next().unwrap(),
                _ => letters.swap(at, (at + 1).min(word.len() - 1)),
            }
            let changed: String = letters.into_iter().collect();
            prop_assume!(changed.len() >= MIN_SIMILAR_LETTERS);
            prop_assert_eq!(terms.similar(&changed), vec![id]);
        }

        #[test]
        fn removing_everything_leaves_nothing(words in proptest::collection::vec("[a-z]{1,8}", 1..20)) {
            let mut terms = Terms::default();
            let ids: Vec<TermId> = words.iter().map(|word| terms.add(word)).collect();
            for id in ids {
                terms.remove(id);
            }
            prop_assert_eq!(terms.words().count(), 0);
            prop_assert_eq!(terms.gram_count(), 0);
        }
    }
}
