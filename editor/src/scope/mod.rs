//! The scope decision: which of the live edits concern a question, or none.
//!
//! A threshold on a retrieval score decides badly, because questions share their relation's wording ("what is the
//! capital of ..."). What separates is the *subject*. So for every edit of which the question has a part of a name, and
//! for every edit that the encoder finds near, a fixed list of [numbers](ScopeFeatures) is computed: how much of the
//! name is there, what speaks for another name, whether the relation is shared, open or another one. A
//! [logistic regression](ScopeModel) learned from labelled pairs makes one probability of them, and the edits that reach
//! its threshold are in scope, except
//!
//! 1. where a longer name stands at the same place (an edit about Equatorial Guinea, not about Guinea);
//! 2. where nothing tells what is asked and another edit in scope fits the question's relation at that place;
//! 3. beyond the best [`top_k`](ScopePolicy::top_k).
//!
//! Of edits that state the same of the same (see [`Conflict`](crate::Conflict)) each has the score of the best, and so the
//! one written last goes last. An edit that is not in force, by time or by target, is not there at all.
//!
//! A name is found by the words of the edit's subject, its aliases and the names that its text mentions; by initials,
//! both ways (`UK`, "United Kingdom"); and, if the question names no subject, by spellings that look like a slip.
//!
//! If the question has no subject of its own and points back ("And its currency?"), the user's messages before it and
//! their answers are read for the subject, the last first and at most [`MAX_STEPS`], up to one that has a subject of its
//! own; the question is read for the relation. If it has a subject and no relation ("And Spain?"), the relation is read
//! from the last user message that has one.

mod decide;
mod features;
mod initials;
mod matching;
mod model;
mod policies;
mod precedence;
mod query;
mod relation;
mod settings;

pub(crate) use decide::Candidate;
pub use decide::Verdict;
pub use features::{FEATURES, ScopeFeatures};
pub use model::{SCOPE_SCHEMA, ScopeModel, ScopeModelError, TrainedOn};
pub(crate) use policies::{Policies, Row as ScopeRow};
pub use settings::{ScopePolicy, ScopeSettings};

use crate::{
    edit::Moment,
    index::{Index, Slot},
};
use decide::Decision;

/// How many user messages before the question are read at most.
pub(crate) const MAX_STEPS: usize = 4;

/// A user message before the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step<'a> {
    pub(crate) user: &'a str,
    /// The answer that it got.
    pub(crate) answer: Option<&'a str>,
}

/// A conversation's end, as far as the scope decision reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn<'a> {
    /// The last user message.
    pub(crate) question: &'a str,
    /// The user messages before it, the last first.
    pub(crate) before: Vec<Step<'a>>,
}

/// The edits that a question is looked up in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Searched<'a> {
    pub(crate) index: &'a Index,
    /// Decides which of them are in force.
    pub(crate) moment: Moment<'a>,
    /// The edits that the encoder finds nearest to the question, by their cosine, the nearest first; empty without an
    /// encoder.
    pub(crate) dense: &'a [(Slot, f32)],
}

impl ScopePolicy {
    /// The edits that were considered, the best first. Those that are [applied](Verdict::Applied) are in scope.
    pub(crate) fn decide(&self, searched: Searched<'_>, turn: &Turn<'_>) -> Vec<Candidate> {
        if searched.index.len() == 0 || self.top_k == 0 {
            return Vec::new();
        }
        let model = if searched.dense.is_empty() { &self.lexical } else { &self.hybrid };
        Decision { searched, model, top_k: self.top_k }.decide(turn)
    }
}
