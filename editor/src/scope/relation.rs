//! Whether a question asks for what an edit states.

use super::{matching::Positions, query::Query};
use crate::{index::Document, text::Class};

/// How the relation of a question stands to that of an edit about the same subject.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Relation {
    /// Both are known relations, and different ones: the capital, the currency.
    Other,
    /// Nothing speaks for or against it.
    Open,
    /// They share a relation or a telling word. The number, 0 to 1, is the share of the question's telling words and
    /// relations that the edit has.
    Shared(f32),
}

/// Compares a question with an edit whose name it has at `matched`.
pub(super) fn relation(query: &Query, document: &Document<'_>, matched: &Positions) -> Relation {
    let words = query.relation_words(|at| matched.has(at));
    let (mut asked, mut shared) = (0u32, 0u32);
    let (mut asked_groups, mut at) = (0, words.start);
    let mut mentions = query.relations.iter().filter(|m| m.tokens.start >= words.start).peekable();
    while at < words.end {
        if let Some(mention) = mentions.next_if(|m| m.tokens.start == at) {
            at = mention.tokens.end;
            if mention.tokens.clone().any(|inside| matched.has(inside)) {
                continue;
            }
            asked_groups |= mention.groups;
            asked += 1;
            let word = mention.tokens.clone().any(|inside| states(document, query, inside));
            shared += u32::from(mention.groups & document.groups != 0 || word);
            continue;
        }
        if query.words[at].class == Class::Content && !matched.has(at) {
            asked += 1;
            shared += u32::from(states(document, query, at));
        }
        at += 1;
    }
    if asked_groups != 0 && document.groups != 0 && asked_groups & document.groups == 0 {
        return Relation::Other;
    }
    match shared {
        0 => Relation::Open,
        _ => Relation::Shared(shared as f32 / asked as f32),
    }
}

/// Whether an edit has the word at `at`, in any form.
fn states(document: &Document<'_>, query: &Query, at: usize) -> bool {
    let word = &query.words[at];
    word.class == Class::Content && document.content.binary_search(&word.hash).is_ok()
}
