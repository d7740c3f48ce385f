//! A question, read for what it is about.

use super::{MAX_STEPS, Turn, initials::initials, matching::Positions};
use crate::{
    index::{Index, MIN_SIMILAR_LETTERS, TermId, stem_hash},
    text::{Case, Class, Gap, RelationMention, Token, lexicon, tokenise},
};
use std::ops::Range;

/// The most words of a question that are read: half from its beginning, half from its end.
const MAX_QUESTION: usize = 384;
/// The most words of an earlier user message that are read, likewise.
const MAX_EARLIER: usize = 64;
/// The most words of an answer that are read, likewise.
const MAX_ANSWER: usize = 32;
/// The most bytes that are split into words for each word that may be read.
const BYTES_A_WORD: usize = 10;
/// The most words of a query.
pub(super) const MAX_WORDS: usize = MAX_QUESTION + MAX_STEPS * (MAX_EARLIER + MAX_ANSWER);
/// The most words of one query that are compared with similar spellings.
const MAX_SIMILAR_LOOKUPS: usize = 16;

/// Which words may name the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubjectFrom {
    /// Those of the question itself.
    Question,
    /// Those of the user message so many steps before it, 0 for the last one.
    Earlier(usize),
    /// Those of the answer to that message.
    Answer(usize),
}

/// A user message before the question, and the answer to it, as places among the words.
#[derive(Debug)]
struct Past {
    user: Range<usize>,
    answer: Range<usize>,
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

/// A question with what was said before it.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) words: Vec<Word>,
    pub(super) relations: Vec<RelationMention>,
    /// The words of the question itself; those before it were said before.
    question: Range<usize>,
    /// The last one first.
    past: Vec<Past>,
    /// Capitals in it tell names from other words.
    pub(super) case_tells: bool,
}

impl Query {
    /// Reads a question and what was said before it.
    pub(super) fn new(turn: &Turn<'_>) -> Self {
        let mut tokens: Vec<Token> = Vec::new();
        let mut past: Vec<Past> = Vec::new();
        let mut add = |text: &str, most: usize| {
            let start = tokens.len();
            tokens.extend(read(text, most));
            start..tokens.len()
        };
        for step in turn.before.iter().take(MAX_STEPS) {
            let answer = add(step.answer.unwrap_or_default(), MAX_ANSWER);
            past.push(Past { answer, user: add(step.user, MAX_EARLIER) });
        }
        let question = add(turn.question, MAX_QUESTION);
        let relations = lexicon().relations(&tokens);
        let case_tells = case_tells(&tokens[question.clone()]);
        let words = tokens.into_iter().map(|token| Word {
            class: token.class(),
            hash: stem_hash(&token.text),
            token,
        });
        Self { words: words.collect(), relations, question, past, case_tells }
    }

    /// The words that may name the subject.
    pub(super) fn subject_words(&self, from: SubjectFrom) -> Range<usize> {
        let past = |step: usize| self.past.get(step);
        match from {
            SubjectFrom::Question => self.question.clone(),
            SubjectFrom::Earlier(step) => past(step).map_or(0..0, |past| past.user.clone()),
            SubjectFrom::Answer(step) => past(step).map_or(0..0, |past| past.answer.clone()),
        }
    }

    /// Where a question that names no subject may find it, in the order in which it is looked for: in each message
    /// before, then in its answer, back to a message that has a subject of its own.
    pub(super) fn back(&self) -> impl Iterator<Item = SubjectFrom> {
        let own = self.past.iter().position(|past| self.has_name(past.user.clone()));
        let steps = own.map_or(self.past.len(), |step| step + 1);
        (0..steps).flat_map(|step| [SubjectFrom::Earlier(step), SubjectFrom::Answer(step)])
    }

    /// Whether words name something: a telling one with a capital that its place does not explain, or in a text without
    /// capitals any telling one that is no relation's wording.
    fn has_name(&self, words: Range<usize>) -> bool {
        let cased =
            self.words[words.clone()].iter().any(|w| w.token.is_name_like() && w.token.gap != Gap::Start);
        words.clone().any(|at| {
            let word = &self.words[at];
            let capital = word.token.is_name_like() && (word.token.gap != Gap::Start || !cased);
            word.class == Class::Content
                && (capital || !cased)
                && !self.relations.iter().any(|m| m.tokens.contains(&at))
        })
    }

    /// The words that may name the relation: the question's, and if it has none beside its subject ("And Spain?") also
    /// those of the last user message that has.
    pub(super) fn relation_words(&self, taken: impl Fn(usize) -> bool) -> [Range<usize>; 2] {
        let none = 0..0;
        let telling = |range: &Range<usize>| {
            range.clone().any(|at| {
                let word = &self.words[at];
                !taken(at) && (word.class == Class::Content || lexicon().is_relation(&word.token.text))
            })
        };
        if telling(&self.question) {
            return [none, self.question.clone()];
        }
        let asks = |past: &&Past| self.relations.iter().any(|m| past.user.contains(&m.tokens.start));
        let earlier =
            self.past.iter().find(asks).or_else(|| self.past.iter().find(|past| telling(&past.user)));
        [earlier.map_or(none, |past| past.user.clone()), self.question.clone()]
    }

    /// The words of the question itself.
    pub(super) fn question_words(&self) -> Range<usize> {
        self.question.clone()
    }

    /// Whether a sentence begins with this word, so that its capital tells nothing.
    pub(super) fn starts(&self, at: usize) -> bool {
        self.words[at].token.gap == Gap::Start
    }

    /// Whether the question points back to what was said before: it has no name of its own, and either a pronoun or
    /// nothing but relation words ("And the currency?").
    pub(super) fn points_back(&self) -> bool {
        let words = &self.words[self.question.clone()];
        let telling = |w: &Word| w.class == Class::Content && !lexicon().is_relation(&w.token.text);
        let named = words.iter().any(|w| telling(w) && w.token.is_name_like());
        if self.past.is_empty() || named {
            return false;
        }
        let pronoun = words.iter().any(|w| lexicon().is_pronoun(&w.token.text));
        let relation = self.relations.iter().any(|m| m.tokens.start >= self.question.start);
        pronoun || relation && !words.iter().any(telling)
    }

    /// Whether a name stands where questions name their subject: as a possessor, or after *of*, *in* or *for* that are
    /// no part of a relation's wording ("the capital of X", but not "a son of X").
    pub(super) fn is_asked_about(&self, name: &Positions) -> bool {
        if name.iter().any(|at| self.words[at].token.possessive) {
            return true;
        }
        let before = |at: usize| at.checked_sub(1).map(|i| (i, self.words[i].token.text.as_ref()));
        let part = |at: &usize| {
            let word = &self.words[*at];
            self.words[*at + 1].token.gap == Gap::Joint
                && (word.token.is_name_like() || word.class == Class::Content)
        };
        let first = name.iter().next().map(|at| (0..at).rev().take_while(part).last().unwrap_or(at));
        let lead = match first.and_then(before) {
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
        let mut terms = QueryTerms {
            start,
            terms: Vec::new(),
            places: Vec::new(),
            slips: Vec::new(),
            initials: initials(self, index, words.clone()),
        };
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
    /// Initials of a run of capitalised words that some name is written as ("United Kingdom" for `UK`).
    pub(super) initials: Vec<(TermId, Range<usize>)>,
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
    let bytes = most * BYTES_A_WORD;
    let mut tokens = match text.len() > bytes {
        false => tokenise(text),
        true => {
            let head = text.floor_char_boundary(bytes / 2);
            let tail = text.ceil_char_boundary(text.len() - bytes / 2);
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
