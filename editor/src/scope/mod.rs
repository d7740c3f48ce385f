//! The scope decision: which of the live edits concern a question, or none.
//!
//! A threshold on a retrieval score decides badly, because questions share their relation's wording ("what is the
//! capital of ..."). What separates is the *subject*. An edit is in scope when
//!
//! 1. the question covers one of its names: the share of the name's words that occur in the question, each weighted by
//!    1 + its rarity among all names (everyday words at 0.4 of that), divided by the name's weight plus that of
//!    neighbouring words that make it another name ("**Air** France", "**South** Sudan", "iPhone **17**"), is at least
//!    [`min_cover`](ScopePolicy::min_cover);
//! 2. the question does not ask for a different relation, as far as `lexicon/relations.txt` knows the two;
//! 3. if the name is weak evidence (the edit only mentions it, as its new object; it is misspelt in the question; it
//!    consists of everyday words; it lacks the capitals it should have in a question that uses capitals), the question
//!    shares the edit's relation or another telling word of it;
//! 4. no longer name stands at the same place (an edit about Equatorial Guinea, not about Guinea), and no other edit
//!    whose name stands there fits the question's relation while this one's is open.
//!
//! Of edits that state the same of the same (see [`Conflict`](crate::Conflict)) each has the score of the best, and so the
//! one written last goes last. An edit that is not in force, by time or by target, is not there at all.
//!
//! The score of an edit is cover × (0.8 + 0.2 × the shared part of what the question asks) when relation or words are
//! shared, cover × 0.7 when nothing tells, and a tenth less for weak evidence. The best
//! [`top_k`](ScopePolicy::top_k) are applied.
//!
//! If no name of any edit is in the question, edits that an encoder finds almost the same as the question, and that share
//! its relation or a telling word, are in scope.
//!
//! If the question has no subject of its own and points back ("And its currency?"), the user's message before it is
//! read for the subject, the question for the relation. If it has a subject and no relation ("And Spain?"), the
//! relation is read from the message before.

mod matching;
mod precedence;
mod query;
mod relation;

use crate::{
    edit::{Edit, Moment, Seq},
    index::{AnchorKind, AnchorRef, Index, Slot, TermId},
};
use matching::{Evidence, Match, Positions, Sought};
use query::{Query, Spelling, SubjectFrom};
use relation::{Relation, relation};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The least cosine between a question that names no edit's subject and an edit that concerns it all the same.
const MIN_SIMILARITY: f32 = 0.85;

/// What decides whether an edit is in scope. The rule is in the description of this module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScopePolicy {
    /// The most edits in front of one question. The method's paper takes 3.
    pub top_k: usize,
    /// The least covered share of a name, 0 to 1. At 0.6 a trial on ZsRE kept 0.978 of the questions in scope and let
    /// 0.009 of those about other subjects through.
    pub min_cover: f32,
}

impl Default for ScopePolicy {
    fn default() -> Self {
        Self { top_k: 3, min_cover: 0.6 }
    }
}

/// A conversation's end, as far as the scope decision reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn<'a> {
    /// The last user message.
    pub(crate) question: &'a str,
    /// The user message before it.
    pub(crate) before: Option<&'a str>,
}

/// The edits that a question is looked up in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Searched<'a> {
    pub(crate) index: &'a Index,
    /// Decides which of them are in force.
    pub(crate) moment: Moment<'a>,
    /// What the dense side finds nearest, best first, with the cosine of the angle to the question; -1 to 1.
    pub(crate) dense: &'a [(Slot, f32)],
}

/// An edit in scope.
#[derive(Debug, Clone)]
pub(crate) struct InScope {
    pub(crate) edit: Arc<Edit>,
    pub(crate) score: f32,
}

/// What decides how an anchor matches.
type Name<'a> = (&'a [TermId], AnchorKind, bool);

/// A match with the edit that it belongs to.
struct Candidate {
    at: AnchorRef,
    slot: Slot,
    /// The edit's version.
    seq: Seq,
    found: Match,
    relation: Relation,
    score: f32,
}

fn score(found: &Match, relation: Relation) -> f32 {
    let fit = match relation {
        Relation::Other => 0.0,
        Relation::Open => 0.7,
        Relation::Shared(share) => 0.8 + 0.2 * share,
    };
    let doubt = if found.evidence == Evidence::Weak { 0.9 } else { 1.0 };
    found.cover * fit * doubt
}

impl Candidate {
    fn applies(&self) -> bool {
        match self.relation {
            Relation::Other => false,
            Relation::Open => self.found.evidence == Evidence::Strong,
            Relation::Shared(_) => true,
        }
    }
}

impl ScopePolicy {
    /// The edits in scope, in prompt order: the best match last, next to the question, where models attend most; among
    /// equals the newest last.
    pub(crate) fn decide(&self, searched: Searched<'_>, turn: Turn<'_>) -> Vec<InScope> {
        if searched.index.len() == 0 || self.top_k == 0 {
            return Vec::new();
        }
        let query = Query::new(turn.question, turn.before);
        let (mut chosen, named) = self.attempt(searched, &query, SubjectFrom::Question, Spelling::Exact);
        if chosen.is_empty() && !named {
            let similar = self.attempt(searched, &query, SubjectFrom::Question, Spelling::Similar);
            chosen = similar.0;
            if chosen.is_empty() && !similar.1 && query.points_back() {
                chosen = self.attempt(searched, &query, SubjectFrom::TurnBefore, Spelling::Exact).0;
            }
        }
        if chosen.is_empty() && !named {
            chosen = near(searched, &query, self.top_k);
        }
        chosen.reverse();
        let in_scope =
            |c: Candidate| Some(InScope { score: c.score, edit: Arc::new(searched.index.edit(c.slot)?) });
        chosen.into_iter().filter_map(in_scope).collect()
    }

    /// The edits in scope, best first, and whether the question names the subject of any edit.
    fn attempt(
        &self,
        searched: Searched<'_>,
        query: &Query,
        from: SubjectFrom,
        spelling: Spelling,
    ) -> (Vec<Candidate>, bool) {
        let Searched { index, moment, .. } = searched;
        let terms = query.terms(index, from, spelling);
        let sought = Sought { index, query, from, terms: &terms };
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut matched: FxHashMap<Name<'_>, Option<Match>> = FxHashMap::default();
        for at in index.candidates(&terms.terms) {
            let Some((slot, document, anchor)) = index.anchor(at) else { continue };
            if !document.edit.in_force(moment) {
                continue;
            }
            // Thousands of edits may share a name.
            let name: Name<'_> = (anchor.words, anchor.kind, anchor.cased);
            let Some(found) = *matched.entry(name).or_insert_with(|| sought.find(&anchor, self.min_cover))
            else {
                continue;
            };
            let relation = relation(query, &document, &found.positions);
            let (seq, score) = (document.edit.seq, score(&found, relation));
            candidates.push(Candidate { at, slot, seq, found, relation, score });
        }
        let named = candidates.iter().any(|c| c.found.evidence == Evidence::Strong);
        (select(index, candidates, self.top_k), named)
    }
}

/// The edits that mean almost what the question does, best first. A similarity alone decides badly, so it must be high,
/// and the relation must be the same as far as words tell.
fn near(searched: Searched<'_>, query: &Query, most: usize) -> Vec<Candidate> {
    let Searched { index, moment, dense } = searched;
    let nothing = Positions::default();
    let candidate = |(slot, similarity): &(Slot, f32)| {
        let document = index.document(*slot).filter(|document| document.edit.in_force(moment))?;
        let relation = relation(query, &document, &nothing);
        let found = Match { cover: *similarity, evidence: Evidence::Weak, positions: nothing };
        let seq = document.edit.seq;
        Some(Candidate { at: 0, slot: *slot, seq, found, relation, score: *similarity })
    };
    let close = dense.iter().take_while(|(_, similarity)| *similarity >= MIN_SIMILARITY);
    close.filter_map(candidate).filter(Candidate::applies).take(most).collect()
}

/// Applies rule 4 and leaves the best match of each of the `most` best edits, best first.
fn select(index: &Index, mut candidates: Vec<Candidate>, most: usize) -> Vec<Candidate> {
    let mut longest: Vec<Match> = Vec::new();
    for candidate in &candidates {
        if !longest.iter().any(|known| known.positions == candidate.found.positions) {
            longest.push(candidate.found);
        }
    }
    candidates.retain(|c| {
        let inside = |m: &Match| m.positions != c.found.positions && c.found.positions.within(&m.positions);
        c.applies() && !longest.iter().any(inside)
    });
    precedence::level(index, &mut candidates);
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.seq.cmp(&a.seq)).then(a.at.cmp(&b.at)));
    let mut chosen: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if chosen.len() == most {
            break;
        }
        let known = chosen.iter().any(|c| c.seq == candidate.seq);
        let beaten = candidate.relation == Relation::Open
            && chosen
                .iter()
                .any(|c| c.relation != Relation::Open && c.found.positions.meets(&candidate.found.positions));
        if !known && !beaten {
            chosen.push(candidate);
        }
    }
    chosen
}
