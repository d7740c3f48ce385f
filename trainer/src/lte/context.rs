//! What stands in front of a question: the fact and its hard negatives, in random order, and what is asked after it.

use super::fact::{AlignmentFact, Asked, Instruction};
use super::nearness::{answer_key, subject_key};
use super::recipe::DataRecipe;
use super::row::{Part, RowKind};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, distr::weighted::WeightedIndex, prelude::Distribution};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// Draws of a fact at random, when the nearest ones do not serve, before a context stays short.
const PATIENCE: usize = 20;

/// The facts and instructions with what is worked out of them.
pub(super) struct Source<'a> {
    pub(super) facts: &'a [AlignmentFact],
    pub(super) instructions: &'a [Instruction],
    /// For every fact its nearest ones with another subject.
    nearest: Vec<Vec<usize>>,
    /// For every fact those that its portability questions need besides; `None` when one of them is not there.
    companions: Vec<Option<Vec<usize>>>,
    subjects: Vec<String>,
    answers: Vec<String>,
}

impl<'a> Source<'a> {
    /// `nearest` has one list a fact.
    pub(super) fn new(
        facts: &'a [AlignmentFact],
        instructions: &'a [Instruction],
        nearest: Vec<Vec<usize>>,
    ) -> Self {
        let subjects = facts.iter().map(subject_key).collect();
        let answers = facts.iter().map(answer_key).collect();
        let places: HashMap<&str, usize> =
            facts.iter().enumerate().rev().map(|(place, fact)| (fact.statement.as_str(), place)).collect();
        let place = |statement: &String| places.get(statement.as_str()).copied();
        let companions = facts.iter().map(|fact| fact.needs.iter().map(place).collect()).collect();
        Self { facts, instructions, nearest, companions, subjects, answers }
    }

    /// The facts that the portability questions of this one need besides it; `None` when one of them is not there.
    pub(super) fn companions(&self, record: usize) -> Option<&[usize]> {
        self.companions[record].as_deref()
    }

    /// The facts in front of the question of a row, in prompt order.
    pub(super) fn context(
        &self,
        kind: RowKind,
        record: usize,
        query: &str,
        (recipe, rng): (&DataRecipe, &mut ChaCha8Rng),
    ) -> Vec<usize> {
        // The weights are validated; one edit alone would be the fallback.
        let distractors = WeightedIndex::new(recipe.distractors).map_or(0, |weights| weights.sample(rng));
        let query = query.to_lowercase();
        let own = match kind {
            RowKind::OtherFacts => Some(record),
            _ => None,
        };
        let (mut edits, around) = match (kind, kind.part()) {
            (RowKind::OtherFacts, _) => (Vec::new(), record),
            (_, Part::FreeForm) => (Vec::new(), rng.random_range(0..self.facts.len())),
            (_, Part::InScope | Part::OutOfScope) => (vec![record], record),
        };
        if kind == RowKind::Portability {
            edits
                .extend(self.companions(record).unwrap_or_default().iter().filter(|other| **other != record));
        }
        let wanted = edits.len().max(1) + distractors;
        let mut pool = self.nearest[around].clone();
        pool.shuffle(rng);
        if kind.part() == Part::FreeForm {
            pool.insert(0, around);
        }
        let mut drawn = 0;
        while edits.len() < wanted && drawn < pool.len() + PATIENCE {
            let candidate = match pool.get(drawn) {
                Some(near) => *near,
                None => rng.random_range(0..self.facts.len()),
            };
            drawn += 1;
            let same = |other: usize| {
                self.subjects[other] == self.subjects[candidate]
                    || self.answers[other] == self.answers[candidate]
            };
            let answers =
                mentions(&query, &self.subjects[candidate]) || mentions(&query, &self.answers[candidate]);
            if !answers && !edits.iter().copied().chain(own).any(same) {
                edits.push(candidate);
            }
        }
        edits.shuffle(rng);
        edits
    }

    /// At most `count` further questions about facts in front, none twice, none that another of them could answer.
    pub(super) fn follow_ups(
        &self,
        edits: &[usize],
        query: &str,
        count: usize,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Asked> {
        let mut all: Vec<Asked> = Vec::new();
        if count == 0 {
            return all;
        }
        for &edit in edits {
            let fact = &self.facts[edit];
            let own = std::iter::once(&fact.question).chain(&fact.rephrasings).collect::<Vec<_>>();
            // One wording of the fact's own question, so that a fact with many does not crowd out the others.
            let own = own.choose(rng).map(|question| Asked::new(*question, fact.answer.as_str()));
            let supported =
                self.companions(edit).is_some_and(|all| all.iter().all(|one| edits.contains(one)));
            let portability = fact.portability.iter().filter(|_| supported);
            let asked = own.into_iter().chain(portability.chain(&fact.locality).cloned());
            all.extend(asked.filter(|asked| {
                let question = asked.question.to_lowercase();
                let others = edits.iter().filter(|other| **other != edit);
                let clear = |other: &usize| {
                    !mentions(&question, &self.subjects[*other])
                        && !mentions(&question, &self.answers[*other])
                };
                asked.question != query && others.into_iter().all(clear)
            }));
        }
        all.shuffle(rng);
        let mut kept: Vec<Asked> = Vec::new();
        for asked in all {
            if kept.len() < count && kept.iter().all(|k| k.question != asked.question) {
                kept.push(asked);
            }
        }
        kept
    }
}

/// Whether `text` has `name` as whole words; both in lower case.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let outside = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(name).any(|(at, _)| {
        outside(text[..at].chars().next_back()) && outside(text[at + name.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_as_whole_words() {
        assert!(mentions("where is tarn?", "tarn") && mentions("tarn's mayor", "tarn"));
        assert!(!mentions("where is tarnia?", "tarn") && !mentions("", "tarn") && !mentions("tarn", ""));
        assert!(mentions("tarnia and tarn", "tarn"), "a later occurrence counts");
    }
}
