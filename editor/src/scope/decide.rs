//! From a question to the edits that were considered, each with its probability and what became of it.

use super::{
    ScopeModel, Searched, Turn,
    features::{Nearness, ScopeFeatures, features},
    matching::{Match, NAMED, Positions, Sought},
    precedence,
    query::{Query, QueryTerms, Spelling, SubjectFrom},
    relation::{Relation, may_state, relation},
};
use crate::{
    edit::Seq,
    index::{Anchor, AnchorRef, Document, Index, KnownName, MAX_CANDIDATES, Slot, Tie, slot},
};
use rustc_hash::FxHashSet;
use serde::Serialize;

/// Names of which less is in a question are not looked at: one rare word of two is more.
const LEAST_COVER: f32 = 0.2;
/// So many edits, those of the best covered names, are looked at closely.
const MAX_CLOSE: usize = 64;
/// And so many that share the last of those names, if it is surely meant: first those that may state what is asked.
const MAX_TIED: usize = 256;
/// How much nearer an edit is than others is measured against the one at this rank, from 0: what the models were fitted
/// with, however many edits are applied.
const LEAD_RANK: usize = 3;
/// So many of the nearest edits in force the encoder brings in.
const NEAREST: usize = 16;

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
    /// Whether the question names both at the same place.
    pub(crate) fn has_name_of(&self, other: &Self) -> bool {
        self.found.positions == other.found.positions
    }

    /// Where the edit is kept: the how many-th of the index it is, from 0.
    pub(crate) fn place(&self) -> usize {
        self.slot as usize
    }
}

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
        let in_force = |slot: Slot| index.document(slot).is_some_and(|document| self.in_force(&document));
        let near = self.searched.dense.iter().filter(|(slot, _)| in_force(*slot));
        let near: Vec<(Slot, f32)> = near.take(NEAREST).copied().collect();
        if from == SubjectFrom::Question {
            self.add_near(&sought, &near, &mut found);
        }
        let named = found.iter().any(|(_, _, found)| found.is_sure());
        let longest = longest(&found);
        let near = Near::new(&near);
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
        let mut hits: Vec<Match> = Vec::new();
        let mut found: Vec<(AnchorRef, usize)> = Vec::new();
        let index = self.searched.index;
        // Names first: thousands of edits may share one, and edits lie all over memory.
        for name in index.candidates(&terms.terms).into_iter().filter_map(|id| index.name(id)) {
            collect(name, &mut hits, &mut found, |anchor| sought.find(anchor, LEAST_COVER));
        }
        let spelt_out = terms.initials.iter().filter_map(|(term, _)| index.single(*term));
        for name in spelt_out.filter_map(|id| index.name(id)) {
            collect(name, &mut hits, &mut found, |anchor| sought.spelt_out(anchor));
        }
        found.sort_unstable_by(|a, b| hits[b.1].tight.total_cmp(&hits[a.1].tight).then(b.0.cmp(&a.0)));
        self.close(sought, &hits, &found)
    }

    /// Of anchors, the best covered first, those that are looked at closely.
    fn close(
        &self,
        sought: &Sought<'_>,
        hits: &[Match],
        found: &[(AnchorRef, usize)],
    ) -> Vec<(AnchorRef, Slot, Match)> {
        let index = self.searched.index;
        let mut close: Vec<(AnchorRef, Slot, Match)> = Vec::new();
        let (mut last, mut tied) = (0.0, Vec::new());
        for (at, hit) in found.iter().map(|(at, hit)| (*at, hits[*hit])) {
            if close.len() == MAX_CLOSE && (hit.tight < last || tied.len() == MAX_CANDIDATES) {
                break;
            }
            let Some(document) = index.document(slot(at)).filter(|document| self.in_force(document)) else {
                continue;
            };
            match close.len() == MAX_CLOSE {
                false => close.push((at, slot(at), hit)),
                true => tied.push((at, hit, may_state(&document, sought.query))),
            }
            last = close[close.len() - 1].2.tight;
        }
        if tied.is_empty() {
            return close;
        }
        if last < NAMED {
            // A word that so many bear tells nobody which of them is meant.
            close.retain(|(_, _, hit)| hit.tight > last);
            return close;
        }
        // Edits of one name are told apart by their relations.
        let tied_from = close.partition_point(|(_, _, hit)| hit.tight > last);
        let likely =
            |slot: Slot| index.document(slot).is_some_and(|document| may_state(&document, sought.query));
        let mut all: Vec<(bool, AnchorRef, Match)> =
            close.drain(tied_from..).map(|(at, slot, hit)| (likely(slot), at, hit)).collect();
        all.extend(tied.into_iter().map(|(at, hit, likely)| (likely, at, hit)));
        all.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(b.1.cmp(&a.1)));
        all.truncate(MAX_TIED);
        close.extend(all.into_iter().map(|(_, at, hit)| (at, slot(at), hit)));
        close
    }

    /// Adds the edits that the encoder found and the names did not.
    fn add_near(&self, sought: &Sought<'_>, near: &[(Slot, f32)], found: &mut Vec<(AnchorRef, Slot, Match)>) {
        let index = self.searched.index;
        for (slot, _) in near {
            let known = found.iter().any(|(_, known, _)| known == slot);
            let Some(document) = index.document(*slot).filter(|_| !known) else { continue };
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
        let mut seen: FxHashSet<Slot> = FxHashSet::default();
        candidates.retain(|candidate| seen.insert(candidate.slot));
        let mut applied: Vec<(Relation, Positions)> = Vec::new();
        for candidate in &mut candidates {
            if candidate.verdict == Verdict::Unlikely && f64::from(candidate.score) >= threshold {
                candidate.verdict = verdict(candidate, &applied, self.top_k);
                if candidate.verdict == Verdict::Applied {
                    applied.push((candidate.relation, candidate.found.positions));
                }
            }
        }
        candidates
    }
}

fn verdict(candidate: &Candidate, applied: &[(Relation, Positions)], top_k: usize) -> Verdict {
    let positions = &candidate.found.positions;
    let fits = |(relation, at): &(Relation, Positions)| !relation.is_open() && at.meets(positions);
    match candidate.relation.is_open() && applied.iter().any(fits) {
        true => Verdict::BetterFit,
        false if applied.len() == top_k => Verdict::Beyond,
        false => Verdict::Applied,
    }
}

/// Matches a name as each edit that has it is tied to it, and notes the anchors of those that match.
fn collect(
    name: KnownName<'_>,
    hits: &mut Vec<Match>,
    found: &mut Vec<(AnchorRef, usize)>,
    find: impl Fn(&Anchor<'_>) -> Option<Match>,
) {
    let mut matched: [Option<Option<usize>>; Tie::COUNT] = [None; Tie::COUNT];
    for at in name.anchors {
        let tie = Tie::of(*at);
        let hit = matched[tie.number()].get_or_insert_with(|| {
            hits.push(find(&name.tied(tie))?);
            Some(hits.len() - 1)
        });
        found.extend(hit.map(|hit| (*at, hit)));
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
    /// The similarity of the one that leads are measured against.
    next: f32,
}

impl<'a> Near<'a> {
    fn new(dense: &'a [(Slot, f32)]) -> Self {
        let next = dense.get(LEAD_RANK).or(dense.last()).map_or(0.0, |(_, similarity)| *similarity);
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
