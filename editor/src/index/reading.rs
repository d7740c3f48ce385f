//! What an edit's words are read to say: the costly part of taking it in, done before anything is locked.

use super::{
    AnchorKind,
    document::{Read, Words, pack},
    names::Weights,
    stem_hash,
    subject::names,
};
use crate::{
    conflict::{Facts, FactsView, Said},
    edit::{Content, Edit, Seq},
    text::{Class, Groups, RelationMention, Word, lexicon, tokenise},
};
use amend_proto::EditId;
use std::sync::Arc;

/// A name that was read.
#[derive(Debug)]
pub(super) struct ReadAnchor {
    pub(super) kind: AnchorKind,
    pub(super) words: Vec<Word>,
    pub(super) weights: Weights,
    pub(super) cased: bool,
}

/// An edit's content, read. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Reading(Arc<WhatWasRead>);

#[derive(Debug)]
struct WhatWasRead {
    anchors: Vec<ReadAnchor>,
    /// Hashed stems of the telling words that are in no name, ascending.
    content: Box<[u32]>,
    /// The relations that it may be about.
    groups: Groups,
    facts: Facts,
}

impl Reading {
    pub(crate) fn new(content: &Content) -> Self {
        let names = names(&content.text, content.subject.as_deref(), &content.aliases);
        let free = |at: usize| !names.anchored[at];
        let given = content.relation.as_deref().map(tokenise);
        let mentions: Vec<RelationMention> = lexicon()
            .relations(&names.tokens)
            .into_iter()
            .filter(|mention| mention.tokens.clone().all(free))
            .collect();
        let said = mentions.iter().fold(0, |all, mention| all | mention.groups);
        let given_words = given.as_deref().unwrap_or_default();
        let groups = lexicon().relations(given_words).iter().fold(said, |all, mention| all | mention.groups);
        let telling = |at: &usize| names.tokens[*at].class() == Class::Content;
        let said_something = |at: &usize| names.tokens[*at].class() != Class::Function;
        let stems: Vec<u32> = names.tokens.iter().map(|token| stem_hash(&token.text)).collect();
        let stem = |at: usize| stems[at];
        let tokens = 0..names.tokens.len();
        let words = tokens.clone().filter(|at| free(*at) && telling(at)).map(stem);
        let of_relation =
            given_words.iter().filter(|t| t.class() == Class::Content).map(|t| stem_hash(&t.text));
        let words = set(words.chain(of_relation));
        let in_relation = |at: &usize| mentions.iter().any(|mention| mention.tokens.contains(at));
        let other =
            |at: &usize| free(*at) && telling(at) && !in_relation(at) && !names.tokens[*at].is_numeric();
        let of = |kind: AnchorKind| -> Vec<Word> {
            let anchors = names.anchors.iter().take(names.main).filter(|anchor| anchor.kind == kind);
            anchors.flat_map(|anchor| anchor.words.iter().cloned()).collect()
        };
        let mut objects = of(AnchorKind::Mention);
        if objects.is_empty() {
            // A year is most often when; if nothing else is stated it is what.
            let years = names.tokens.iter().filter(|token| token.is_numeric());
            objects.extend(years.map(|token| token.text.clone()));
        }
        let facts = Facts::new(
            content,
            Said {
                subject: &of(AnchorKind::Subject),
                relation: given.as_deref(),
                groups: said,
                other: &set(tokens.clone().filter(other).map(stem)),
                objects: &objects,
                words: &set(tokens.filter(said_something).map(stem)),
            },
        );
        let anchors = names.anchors.into_iter().map(|anchor| ReadAnchor {
            kind: anchor.kind,
            weights: Weights::of(&anchor.words),
            words: anchor.words,
            cased: anchor.cased,
        });
        Self(Arc::new(WhatWasRead { anchors: anchors.collect(), content: words, groups, facts }))
    }

    pub(super) fn anchors(&self) -> &[ReadAnchor] {
        &self.0.anchors
    }

    /// What it states.
    pub(crate) fn facts(&self) -> FactsView<'_> {
        self.0.facts.view()
    }
}

fn set(words: impl Iterator<Item = u32>) -> Box<[u32]> {
    let mut words: Vec<u32> = words.collect();
    words.sort_unstable();
    words.dedup();
    words.into()
}

/// An edit read and ready to be indexed.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Its version.
    pub(crate) seq: Seq,
    /// Its id.
    pub(crate) id: EditId,
    pub(super) words: Words,
    pub(crate) reading: Reading,
}

impl Prepared {
    /// Reads it.
    pub(crate) fn new(edit: &Edit) -> Self {
        Self::with(edit, Reading::new(&edit.content))
    }

    /// Of an edit that was read before.
    pub(crate) fn with(edit: &Edit, reading: Reading) -> Self {
        let WhatWasRead { anchors, content, groups, .. } = &*reading.0;
        let read = Read { anchors: anchors.len(), content, groups: *groups, facts: reading.facts() };
        Self { seq: edit.seq, id: edit.id.clone(), words: pack(edit, read), reading }
    }
}
