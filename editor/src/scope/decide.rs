//! From a question to the edits that were considered, each with its probability and what became of it.

use super::{
    ScopeModel, Searched, Turn,
    features::{Nearness, ScopeFeatures, features},
    matching::{Match, NAMED, Sought},
    precedence,
    query::{Query, QueryTerms, Spelling, SubjectFrom},
    relation::{Relation, relation},
};
use crate::{
    edit::Seq,
    index::{AnchorKind, AnchorRef, Document, Index, Slot, TermId},
};
use rustc_hash::FxHashMap;
use serde::Serialize;

/// Names of which less is in a question are not looked at: one rare word of two is more.
const LEAST_COVER: f32 = 0.2;
/// So many edits, those of the best covered names, are looked at closely.
const MAX_CLOSE: usize = 64;

/// What became of an edit that was considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It goes in front of the question.
    Applied,
    /// Its probability is below the threshold.
    Unlikely,
    /// The question names something longer at that place: Equatorial Guinea, not Guinea.
    LongerName,
    /// Nothing tells whether the question is about it, and it is about another edit of the same name.
    BetterFit,
    /// It is in scope, but [`top_k`](crate::ScopePolicy::top_k) others fit better.
    Beyond,
    /// It is in scope, but the better ones left too little of [the budget](crate::Budget) for it.
    OverBudget,
}

/// An edit that was considered.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    at: AnchorRef,
    pub(crate) slot: Slot,
    /// The edit's version.
    seq: Seq,
    found: Match,
    relation: Relation,
    pub(crate) features: ScopeFeatures,
    /// The model's probability that it is in scope.
    pub(crate) probability: f32,
    /// The same, or a greater one of an edit that states the same of the same.
    pub(crate) score: f32,
    pub(crate) verdict: Verdict,
}

impl Candidate {
    /// Where the edit is kept: the how many-th of the index it is, from 0.
    pub(crate) fn place(&self) -> usize {
        self.slot as usize
    }
}

/// What decides how an anchor matches.
type Name<'a> = (&'a [TermId], AnchorKind, bool);

/// A question being decided on.
pub(super) struct Decision<'a> {
    pub(super) searched: Searched<'a>,
    pub(super) model: &'a ScopeModel,
    pub(super) top_k: usize,
}

/// What one look at the question gave.
struct Attempt {
    candidates: Vec<Candidate>,
    /// It names the subject of an edit.
    named: bool,
}

impl Attempt {
    fn is_decisive(&self) -> bool {
        self.named || self.applies()
    }

    fn applies(&self) -> bool {
        self.candidates.iter().any(|c| c.verdict == Verdict::Applied)
    }
}

impl Decision<'_> {
    /// The edits that were considered, the best first.
    pub(super) fn decide(&self, turn: &Turn<'_>) -> Vec<Candidate> {
        let query = Query::new(turn);
        let mut first = self.attempt(&query, SubjectFrom::Question, Spelling::Exact);
        if first.is_decisive() {
            return first.candidates;
        }
        let similar = self.attempt(&query, SubjectFrom::Question, Spelling::Similar);
        if similar.is_decisive() || similar.candidates.len() > first.candidates.len() {
            first = similar;
        }
        if first.is_decisive() || !query.points_back() {
            return first.candidates;
        }
        for from in query.back() {
            let back = self.attempt(&query, from, Spelling::Exact);
            if back.is_decisive() {
                return back.candidates;
            }
        }
        first.candidates
    }

    fn attempt(&self, query: &Query, from: SubjectFrom, spelling: Spelling) -> Attempt {
        let index = self.searched.index;
        let terms = query.terms(index, from, spelling);
        let sought = Sought { index, query, from, terms: &terms };
        let mut found = self.names(&sought, &terms);
        if from == SubjectFrom::Question {
            self.add_near(&sought, &mut found);
        }
        let named = found.iter().any(|(_, _, found)| found.is_sure());
        let longest = longest(&found);
        let near = Near::new(self.searched.dense, self.top_k);
        let candidates = found.into_iter().filter_map(|(at, slot, found)| {
            let document = index.document(slot)?;
            let relation = relation(query, &document, &found);
            let features = features(&sought, &document, &found, (relation, near.of(slot)));
            let probability = self.model.probability(&features) as f32;
            let inside = |m: &Match| m.positions != found.positions && found.positions.within(&m.positions);
            let verdict = match longest.iter().any(inside) && found.cover > 0.0 {
                true => Verdict::LongerName,
                false => Verdict::Unlikely,
            };
            let seq = document.edit.seq;
            Some(Candidate {
                at,
                slot,
                seq,
                found,
                relation,
                features,
                probability,
                score: probability,
                verdict,
            })
        });
        let candidates = self.select(candidates.collect());
        Attempt { candidates, named }
    }

    /// The names that the question has enough of, of edits in force: the best covered ones.
    fn names(&self, sought: &Sought<'_>, terms: &QueryTerms) -> Vec<(AnchorRef, Slot, Match)> {
        let index = self.searched.index;
        let mut matched: FxHashMap<Name<'_>, Option<Match>> = FxHashMap::default();
        let mut found: Vec<(AnchorRef, Slot, Match)> = Vec::new();
        let spelt_out = terms.initials.iter().flat_map(|(term, _)| index.exactly(&[*term])).copied();
        for (at, initials) in index
            .candidates(&terms.terms)
            .into_iter()
            .map(|at| (at, false))
            .chain(spelt_out.map(|at| (at, true)))
        {
            let Some((slot, document, anchor)) = index.anchor(at) else { continue };
            if !self.in_force(&document) {
                continue;
            }
            // Thousands of edits may share a name.
            let name: Name<'_> = (anchor.words, anchor.kind, anchor.cased);
            let best = || match initials {
                true => sought.spelt_out(&anchor),
                false => sought.find(&anchor, LEAST_COVER),
            };
            if let Some(hit) = *matched.entry(name).or_insert_with(best) {
                found.push((at, slot, hit));
            }
        }
        if found.len() > MAX_CLOSE {
            found.sort_by(|a, b| b.2.tight.total_cmp(&a.2.tight).then(b.0.cmp(&a.0)));
            // Edits of one name are told apart by their relations: those of the last name that fits all stay.
            let last = found[MAX_CLOSE - 1].2.tight;
            found.retain(|(_, _, hit)| hit.tight >= last && (hit.tight >= NAMED || hit.tight > last));
        }
        found
    }

    /// Adds the edits that the encoder found and the names did not.
    fn add_near(&self, sought: &Sought<'_>, found: &mut Vec<(AnchorRef, Slot, Match)>) {
        let index = self.searched.index;
        for (slot, _) in self.searched.dense {
            let known = found.iter().any(|(_, known, _)| known == slot);
            let Some(document) = index.document(*slot).filter(|d| !known && self.in_force(d)) else {
                continue;
            };
            let hits = index.anchors(document).filter_map(|anchor| sought.find(&anchor, 0.0));
            let best = hits.max_by(|a, b| a.tight.total_cmp(&b.tight)).unwrap_or(Match::NONE);
            found.push((Index::first_anchor(*slot), *slot, best));
        }
    }

    fn in_force(&self, document: &Document<'_>) -> bool {
        document.edit.in_force(self.searched.moment)
    }

    /// Decides which of the candidates are applied and leaves the best match of each edit, best first.
    fn select(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let threshold = self.model.threshold();
        let counts =
            |c: &Candidate| c.verdict != Verdict::LongerName && f64::from(c.probability) >= threshold;
        precedence::level(self.searched.index, &mut candidates, counts);
        let by_name = |c: &Candidate| c.verdict == Verdict::LongerName;
        candidates.sort_by(|a, b| {
            by_name(a)
                .cmp(&by_name(b))
                .then(b.score.total_cmp(&a.score))
                .then(b.seq.cmp(&a.seq))
                .then(b.probability.total_cmp(&a.probability))
                .then(a.at.cmp(&b.at))
        });
        let mut kept: Vec<Candidate> = Vec::new();
        for mut candidate in candidates {
            if kept.iter().any(|c| c.slot == candidate.slot) {
                continue;
            }
            if candidate.verdict == Verdict::Unlikely && f64::from(candidate.score) >= threshold {
                candidate.verdict = verdict(&candidate, &kept, self.top_k);
            }
            kept.push(candidate);
        }
        kept
    }
}

fn verdict(candidate: &Candidate, kept: &[Candidate], top_k: usize) -> Verdict {
    let applied = || kept.iter().filter(|c| c.verdict == Verdict::Applied);
    let positions = &candidate.found.positions;
    let beaten = candidate.relation.is_open()
        && applied().any(|c| !c.relation.is_open() && c.found.positions.meets(positions));
    match beaten {
        true => Verdict::BetterFit,
        false if applied().count() == top_k => Verdict::Beyond,
        false => Verdict::Applied,
    }
}

/// The different names that the question surely has most of.
fn longest(found: &[(AnchorRef, Slot, Match)]) -> Vec<Match> {
    let mut longest: Vec<Match> = Vec::new();
    for (_, _, hit) in found {
        if hit.tight >= NAMED && !longest.iter().any(|known| known.positions == hit.positions) {
            longest.push(*hit);
        }
    }
    longest
}

/// The encoder's candidates.
struct Near<'a> {
    dense: &'a [(Slot, f32)],
    /// The similarity of the first one that is too far down to be applied.
    next: f32,
}

impl<'a> Near<'a> {
    fn new(dense: &'a [(Slot, f32)], top_k: usize) -> Self {
        let next = dense.get(top_k).or(dense.last()).map_or(0.0, |(_, similarity)| *similarity);
        Self { dense, next }
    }

    fn of(&self, slot: Slot) -> Nearness {
        let found = self.dense.iter().find(|(near, _)| *near == slot);
        // An edit that is not among the nearest is at most as near as the last of them.
        let last = self.dense.last().map_or(0.0, |(_, similarity)| *similarity);
        let similarity = found.map_or(last, |(_, similarity)| *similarity);
        Nearness { similarity, lead: similarity - self.next }
    }
}
