//! A question, read for what it is about.

use crate::{
    index::{Index, MIN_SIMILAR_LETTERS, TermId, stem_hash},
    text::{Case, Class, Gap, RelationMention, Token, lexicon, tokenise},
};
use std::ops::Range;

/// The most words of a question that are read, together with [`MAX_BEFORE`]: half from its beginning, half from its end.
const MAX_TOKENS: usize = 512;
/// The most bytes of a message that are split into words: half from its beginning, half from its end.
const MAX_BYTES: usize = 4_096;
/// The most words of the turn before that are read.
const MAX_BEFORE: usize = 128;
/// The most words of one query that are compared with similar spellings.
const MAX_SIMILAR_LOOKUPS: usize = 16;

/// Which words may name the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubjectFrom {
    /// Those of the question itself.
    Question,
    /// Those of the turn before, to which the question points.
    TurnBefore,
}

/// Which spellings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// The exact (folded) one.
    Exact,
    /// Also one that looks like a slip.
    Similar,
}

/// One word of a query.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) token: Token,
    pub(super) class: Class,
    pub(super) hash: u32,
}

/// A question with the turn before it.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) words: Vec<Word>,
    pub(super) relations: Vec<RelationMention>,
    /// The words of the question itself; those before it are of the turn before.
    question: Range<usize>,
    /// Capitals in it tell names from other words.
    pub(super) case_tells: bool,
}

impl Query {
    /// Reads a question and the user's message before it, if any.
    pub(super) fn new(question: &str, before: Option<&str>) -> Self {
        let mut tokens = before.map(|text| read(text, MAX_BEFORE)).unwrap_or_default();
        let start = tokens.len();
        tokens.extend(read(question, MAX_TOKENS - MAX_BEFORE));
        let relations = lexicon().relations(&tokens);
        let case_tells = case_tells(&tokens[start..]);
        let words = tokens.into_iter().map(|token| Word {
            class: token.class(),
            hash: stem_hash(&token.text),
            token,
        });
        let words: Vec<Word> = words.collect();
        Self { question: start..words.len(), words, relations, case_tells }
    }

    /// The words that may name the subject.
    pub(super) fn subject_words(&self, from: SubjectFrom) -> Range<usize> {
        match from {
            SubjectFrom::Question => self.question.clone(),
            SubjectFrom::TurnBefore => 0..self.question.start,
        }
    }

    /// The words that may name the relation: the question's; those of the turn before if the question has none
    /// beside its subject ("And Spain?").
    pub(super) fn relation_words(&self, taken: impl Fn(usize) -> bool) -> Range<usize> {
        let telling = self.question.clone().any(|at| {
            !taken(at)
                && (self.words[at].class == Class::Content
                    || lexicon().is_relation(&self.words[at].token.text))
        });
        match telling || self.question.start == 0 {
            true => self.question.clone(),
            false => 0..self.words.len(),
        }
    }

    /// Whether the question points back to the turn before: it has no name of its own, and either a pronoun or
    /// nothing but relation words ("And the currency?").
    pub(super) fn points_back(&self) -> bool {
        let words = &self.words[self.question.clone()];
        let telling = |w: &Word| w.class == Class::Content && !lexicon().is_relation(&w.token.text);
        let named = words.iter().any(|w| telling(w) && w.token.is_name_like());
        if self.question.start == 0 || named {
            return false;
        }
        let pronoun = words.iter().any(|w| lexicon().is_pronoun(&w.token.text));
        let relation = self.relations.iter().any(|m| m.tokens.start >= self.question.start);
        pronoun || relation && !words.iter().any(telling)
    }

    /// Whether the word at `at` stands where questions name their subject: as a possessor, or after *of*, *in* or *for*
    /// that are no part of a relation's wording ("the capital of X", but not "a son of X").
    pub(super) fn is_asked_about(&self, at: usize) -> bool {
        let name =
            |at: &usize| self.words[*at].token.is_name_like() || self.words[*at].class == Class::Content;
        let joint = |at: usize| self.words.get(at).is_some_and(|w| w.token.gap == Gap::Joint);
        let last =
            (at..self.words.len()).take_while(|i| *i == at || joint(*i) && name(i)).last().unwrap_or(at);
        if self.words[at..=last].iter().any(|w| w.token.possessive) {
            return true;
        }
        let first = (0..at).rev().take_while(|i| joint(i + 1) && name(i)).last().unwrap_or(at);
        let before = |at: usize| at.checked_sub(1).map(|i| (i, self.words[i].token.text.as_ref()));
        let lead = match before(first) {
            Some((i, "the")) => before(i),
            other => other,
        };
        lead.is_some_and(|(i, word)| {
            matches!(word, "of" | "in" | "for") && !self.relations.iter().any(|m| m.tokens.contains(&i))
        })
    }

    /// The terms that the subject words may stand for.
    pub(super) fn terms(&self, index: &Index, from: SubjectFrom, spelling: Spelling) -> QueryTerms {
        let words = self.subject_words(from);
        let start = words.start;
        let mut terms = QueryTerms { start, terms: Vec::new(), places: Vec::new(), slips: Vec::new() };
        for (at, word) in words.clone().zip(&self.words[words]) {
            let text = word.token.text.as_ref();
            let similar =
                spelling == Spelling::Similar && terms.slips.len() < MAX_SIMILAR_LOOKUPS && may_be_slip(word);
            terms.terms.push(match known(index, text) {
                Some(term) => Some(vec![term]),
                None if word.class == Class::Function => Some(Vec::new()),
                None if similar => {
                    terms.slips.push(at);
                    Some(index.similar(text)).filter(|near| !near.is_empty())
                }
                None => None,
            });
        }
        let places = terms
            .terms
            .iter()
            .enumerate()
            .flat_map(|(at, known)| known.iter().flatten().map(move |term| (*term, start + at)));
        terms.places = places.collect();
        terms.places.sort_unstable();
        terms
    }
}

/// What the subject words of a query may stand for.
#[derive(Debug)]
pub(super) struct QueryTerms {
    start: usize,
    /// By word: its terms; `None` for an unknown word that may belong to a name, empty for one that does not matter.
    pub(super) terms: Vec<Option<Vec<TermId>>>,
    /// The same by term: where it stands, ascending.
    places: Vec<(TermId, usize)>,
    /// Words that are in no name as they are spelt.
    slips: Vec<usize>,
}

impl QueryTerms {
    pub(super) fn stands_for(&self, at: usize, term: TermId) -> bool {
        self.terms
            .get(at.wrapping_sub(self.start))
            .and_then(Option::as_ref)
            .is_some_and(|terms| terms.contains(&term))
    }

    /// The words that may stand for a term, in order.
    pub(super) fn places(&self, term: TermId) -> impl Iterator<Item = usize> {
        let from = self.places.partition_point(|(known, _)| *known < term);
        self.places[from..].iter().take_while(move |(known, _)| *known == term).map(|(_, at)| *at)
    }

    pub(super) fn is_slip(&self, at: usize) -> bool {
        self.slips.contains(&at)
    }
}

/// The term of a word, or of its plural or singular.
fn known(index: &Index, word: &str) -> Option<TermId> {
    index.term(word).or_else(|| {
        if !word.is_ascii() || word.len() < MIN_SIMILAR_LETTERS {
            return None;
        }
        match word.strip_suffix('s') {
            Some(singular) => index.term(singular),
            None => index.term(&format!("{word}s")),
        }
    })
}

fn may_be_slip(word: &Word) -> bool {
    let least = MIN_SIMILAR_LETTERS + usize::from(word.token.case == Case::Lower);
    word.class == Class::Content && word.token.text.chars().count() >= least
}

/// The words of a text's two ends, `most` at most.
fn read(text: &str, most: usize) -> Vec<Token> {
    let mut tokens = match text.len() > MAX_BYTES {
        false => tokenise(text),
        true => {
            let head = text.floor_char_boundary(MAX_BYTES / 2);
            let tail = text.ceil_char_boundary(text.len() - MAX_BYTES / 2);
            let mut tokens = tokenise(&text[..head]);
            tokens.extend(tokenise(&text[tail..]));
            tokens
        }
    };
    if tokens.len() > most {
        tokens.drain(most / 2..tokens.len() - most / 2);
    }
    tokens
}

/// Capitals tell something unless there is none, or function words carry them too (`What Is The Capital`, `WHAT IS`).
fn case_tells(tokens: &[Token]) -> bool {
    let capital = |t: &&Token| t.is_name_like();
    let plain = |t: &&Token| t.gap != Gap::Start && lexicon().class(&t.text) == Class::Function;
    tokens.iter().any(|t| capital(&t))
        && !tokens.iter().filter(plain).filter(|t| t.text.len() > 1).any(|t| capital(&t))
}
