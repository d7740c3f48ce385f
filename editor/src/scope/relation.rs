//! Whether a question asks for what an edit states.

use super::{matching::Match, query::Query};
use crate::{
    index::{AnchorKind, Document},
    text::{Class, lexicon},
};

/// So much beside known relations is as much as can be.
const MUCH: u32 = 2;

/// How what a question asks stands to what an edit about the same subject states. What it asks are its telling words
/// and wordings of relations beside the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Relation {
    /// So many of them.
    asked: u32,
    /// Those that the edit has as well.
    shared: u32,
    /// Those that name a relation which is surely not the edit's.
    others: u32,
    /// Relations are known of both, and none is the same.
    apart: bool,
}

impl Relation {
    /// Both are known relations, and different ones: the capital, the currency.
    pub(super) fn is_other(&self) -> bool {
        self.apart
    }

    /// Nothing speaks for or against it.
    pub(super) fn is_open(&self) -> bool {
        !self.apart && self.shared == 0
    }

    /// The share of what is asked that the edit has, 0 to 1.
    pub(super) fn shared(&self) -> f32 {
        share(self.shared, self.asked)
    }

    /// How much is asked that is no known relation, in [`MUCH`] parts, at most 1.
    pub(super) fn unclear(&self) -> f32 {
        share((self.asked - self.others).min(MUCH), MUCH)
    }

    /// The edit has some of what is asked.
    pub(super) fn is_shared(&self) -> bool {
        !self.apart && self.shared > 0
    }

    /// Counts one thing that is asked, which the edit has or has not, or surely is not about.
    fn count(&mut self, shared: bool, known: bool) {
        self.asked += 1;
        self.shared += u32::from(shared);
        self.others += u32::from(!shared && known);
    }
}

fn share(part: u32, whole: u32) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

/// Compares a question with an edit of which it has this name.
pub(super) fn relation(query: &Query, document: &Document<'_>, found: &Match) -> Relation {
    let matched = &found.positions;
    // "Ann's father is Tom" answers "Who is the child of Tom?": seen from its object the relation is turned round. Asked
    // about Tom in any other way, it says nothing.
    let turned = found.kind == AnchorKind::Mention && found.asked;
    let groups = match found.kind {
        AnchorKind::Mention if turned => lexicon().inverse(document.groups),
        AnchorKind::Mention => document.groups | lexicon().inverse(document.groups),
        AnchorKind::Subject | AnchorKind::Short => document.groups,
    };
    // A word in common with an edit that only mentions the name tells too little: "Write a Python function" and an edit on
    // which language something was written in.
    let states = |at: usize| found.kind != AnchorKind::Mention && states(document, query, at);
    let mut relation = Relation::default();
    let mut asked_groups = 0;
    for words in query.relation_words(|at| matched.has(at)) {
        let mut at = words.start;
        let mut mentions = query.relations.iter().filter(|m| m.tokens.start >= words.start).peekable();
        while at < words.end {
            if let Some(mention) = mentions.next_if(|m| m.tokens.start == at) {
                at = mention.tokens.end;
                if mention.tokens.clone().any(|inside| matched.has(inside)) {
                    continue;
                }
                asked_groups |= mention.groups;
                let word = mention.tokens.clone().any(&states);
                relation.count(mention.groups & groups != 0 || word, groups != 0);
                continue;
            }
            if query.words[at].class == Class::Content && !matched.has(at) {
                relation.count(states(at), false);
            }
            at += 1;
        }
    }
    let known = turned || asked_groups != 0 && groups != 0;
    relation.apart = known && asked_groups & groups == 0;
    relation
}

/// Whether an edit may state what is asked, as far as a glance tells: it has one of the relations that are named, or one of
/// the telling words.
pub(super) fn may_state(document: &Document<'_>, query: &Query) -> bool {
    let groups = query.relations.iter().fold(0, |groups, mention| groups | mention.groups);
    let groups = groups | lexicon().inverse(groups);
    document.groups & groups != 0 || (0..query.words.len()).any(|at| states(document, query, at))
}

/// Whether an edit has the word at `at`, in any form.
pub(super) fn states(document: &Document<'_>, query: &Query, at: usize) -> bool {
    let word = &query.words[at];
    word.class == Class::Content && document.content.binary_search(&word.hash).is_ok()
}
