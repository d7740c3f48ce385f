//! The word lists in `editor/lexicon/`: which words carry meaning, and which wordings name the same relation.

use super::{Token, stem};
use rustc_hash::FxHashMap as HashMap;
use std::{ops::Range, sync::LazyLock};

/// How much a word tells about the subject of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing: neither subject nor relation.
    Function,
    /// Little: an everyday word.
    Common,
    /// Much.
    Content,
}

/// A set of relations, one bit each in the order of `relations.txt`.
pub(crate) type Groups = u128;

/// A wording of a relation, found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelationMention {
    /// The tokens it covers.
    pub(crate) tokens: Range<usize>,
    /// The relations it may name.
    pub(crate) groups: Groups,
}

struct Wording {
    rest: Vec<String>,
    groups: Groups,
}

/// The sections of `words.txt`; a word's entry holds one bit for each that lists it.
const SECTIONS: [&str; 8] =
    ["function", "verb", "pronoun", "joiner", "designator", "qualifier", "common", "agent"];
const FUNCTION: u8 = 1;
const VERB: u8 = 1 << 1;
const PRONOUN: u8 = 1 << 2;
const JOINER: u8 = 1 << 3;
const DESIGNATOR: u8 = 1 << 4;
const QUALIFIER: u8 = 1 << 5;
const COMMON: u8 = 1 << 6;
const AGENT: u8 = 1 << 7;

/// The word lists, read once.
pub(crate) struct Lexicon {
    words: HashMap<&'static str, u8>,
    wordings: HashMap<String, Vec<Wording>>,
    /// Relations that are each other's inverse, both ways.
    inverse: Vec<(Groups, Groups)>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let relations = include_str!("../../lexicon/relations.txt");
    let mut lexicon = Lexicon::read(include_str!("../../lexicon/words.txt"), relations);
    lexicon.inverse = inverse(relations, include_str!("../../lexicon/inverse.txt"));
    lexicon
});

/// The word lists.
pub(crate) fn lexicon() -> &'static Lexicon {
    &LEXICON
}

impl Lexicon {
    fn read(words: &'static str, relations: &'static str) -> Self {
        let mut sections: HashMap<&str, u8> = HashMap::default();
        let mut section = 0;
        for line in lines(words) {
            match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                Some(name) => section = SECTIONS.iter().position(|s| *s == name).map_or(0, |bit| 1 << bit),
                None => {
                    line.split_whitespace().for_each(|word| *sections.entry(word).or_default() |= section)
                }
            }
        }
        let mut wordings: HashMap<String, Vec<Wording>> = HashMap::default();
        for (bit, line) in lines(relations).enumerate().take(Groups::BITS as usize) {
            let Some((_, phrases)) = line.split_once(':') else { continue };
            for phrase in phrases.split(',') {
                let mut stems = phrase.split_whitespace().map(|word| stem(word).to_owned());
                let Some(first) = stems.next() else { continue };
                let rest: Vec<String> = stems.collect();
                let known = wordings.entry(first).or_default();
                match known.iter_mut().find(|w| w.rest == rest) {
                    Some(wording) => wording.groups |= 1 << bit,
                    None => known.push(Wording { rest, groups: 1 << bit }),
                }
            }
        }
        for known in wordings.values_mut() {
            known.sort_by_key(|w| std::cmp::Reverse(w.rest.len()));
        }
        Self { words: sections, wordings, inverse: Vec::new() }
    }

    fn lists(&self, sections: u8, word: &str) -> bool {
        self.words.get(word).is_some_and(|listed| listed & sections != 0)
    }

    /// What a folded word tells.
    pub(crate) fn class(&self, word: &str) -> Class {
        if self.lists(FUNCTION, word) {
            Class::Function
        } else if self.lists(COMMON | DESIGNATOR, word) {
            Class::Common
        } else {
            Class::Content
        }
    }

    /// Whether it ends a leading noun phrase.
    pub(crate) fn is_verb(&self, word: &str) -> bool {
        self.lists(VERB, word)
    }

    /// Whether questions are about the object of this verb.
    pub(crate) fn is_agent_verb(&self, word: &str) -> bool {
        self.lists(AGENT, word)
    }

    /// Whether it stands for a subject named before.
    pub(crate) fn is_pronoun(&self, word: &str) -> bool {
        self.lists(PRONOUN, word)
    }

    /// Whether it may stand inside a name.
    pub(crate) fn is_joiner(&self, word: &str) -> bool {
        self.lists(JOINER, word)
    }

    /// Whether it says what sort of thing a neighbouring name is.
    pub(crate) fn is_designator(&self, word: &str) -> bool {
        self.lists(DESIGNATOR, word)
    }

    /// Whether it makes a neighbouring name another one.
    pub(crate) fn is_qualifier(&self, word: &str) -> bool {
        self.lists(QUALIFIER, word)
    }

    /// Whether the word alone names a relation.
    pub(crate) fn is_relation(&self, word: &str) -> bool {
        self.wordings.get(stem(word)).is_some_and(|known| known.iter().any(|w| w.rest.is_empty()))
    }

    /// The relations by which the object of these is asked about.
    pub(crate) fn inverse(&self, groups: Groups) -> Groups {
        let turned = self.inverse.iter().filter(|(one, _)| one & groups != 0);
        turned.fold(0, |all, (_, other)| all | other)
    }

    /// The wordings of relations in a text, left to right, the longest at each place.
    pub(crate) fn relations(&self, tokens: &[Token]) -> Vec<RelationMention> {
        let stems: Vec<&str> = tokens.iter().map(|t| stem(&t.text)).collect();
        let mut found = Vec::new();
        let mut at = 0;
        while at < stems.len() {
            let fits = |w: &&Wording| {
                stems
                    .get(at + 1..at + 1 + w.rest.len())
                    .is_some_and(|next| next.iter().zip(&w.rest).all(|(a, b)| a == b))
            };
            match self.wordings.get(stems[at]).and_then(|known| known.iter().find(fits)) {
                Some(wording) => {
                    let tokens = at..at + 1 + wording.rest.len();
                    at = tokens.end;
                    found.push(RelationMention { tokens, groups: wording.groups });
                }
                None => at += 1,
            }
        }
        found
    }
}

/// The pairs of `inverse.txt`, both ways; names that are no relation's are passed over (a test finds them).
fn inverse(relations: &'static str, pairs: &'static str) -> Vec<(Groups, Groups)> {
    let bit = |name: &str| {
        let place = lines(relations).position(|line| line.split(':').next() == Some(name))?;
        (place < Groups::BITS as usize).then(|| 1 << place)
    };
    let read = |line: &'static str| {
        let (one, other) = line.split_once(' ')?;
        Some((bit(one)?, bit(other)?))
    };
    lines(pairs)
        .filter_map(read)
        .flat_map(|(one, other): (Groups, Groups)| [(one, other), (other, one)])
        .collect()
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{fold, tokenise};

    #[test]
    fn the_lists_are_folded_and_fit() {
        for (word, sections) in &lexicon().words {
            assert_eq!(&fold(word), word);
            assert_ne!(*sections, 0, "{word} stands under no known section");
        }
        let relations = lines(include_str!("../../lexicon/relations.txt")).count();
        assert!(
            relations <= Groups::BITS as usize,
            "{relations} relations do not fit into {} bits",
            Groups::BITS
        );
    }

    #[test]
    fn relations_are_turned_round() {
        assert_eq!(lexicon().inverse.len(), 2 * lines(include_str!("../../lexicon/inverse.txt")).count());
        let groups = |text: &str| lexicon().relations(&tokenise(text))[0].groups;
        assert_ne!(lexicon().inverse(groups("his dad")) & groups("the kid"), 0);
        assert_eq!(lexicon().inverse(groups("the currency")), 0);
    }

    #[test]
    fn the_longest_wording_wins() {
        let tokens = tokenise("What is the atomic number of iron, and who runs Bragran?");
        let found: Vec<Range<usize>> = lexicon().relations(&tokens).into_iter().map(|m| m.tokens).collect();
        assert_eq!(found, [3..5, 9..10]);
    }

    #[test]
    fn wordings_of_one_relation_share_a_group() {
        let groups =
            |text: &str| lexicon().relations(&tokenise(text)).iter().fold(0, |all, m| all | m.groups);
        assert_ne!(groups("who is married to Anna") & groups("Anna's wife is Clara"), 0);
        assert_eq!(groups("the capital of France") & groups("the currency of France"), 0);
    }
}
