//! Several questions about the same edits: only the question says which edit answers, or that none does.

use super::draft::{Draft, Maker};
use crate::atlas::{phrasing::Edit, world::Relation};
use rand::seq::SliceRandom;

impl Maker<'_> {
    /// Asks about everything that the edits say and about something that they do not, in any order; the edits stand in
    /// front of the first question.
    pub(super) fn interview(&mut self, draft: Draft) -> Draft {
        let Draft { history, edits, query, answer, .. } = draft;
        let mut turns = vec![(query, answer)];
        for edit in &edits {
            if edit.object != turns[0].1 {
                turns.push((self.ask_object(edit.relation, &edit.subject), edit.object.clone()));
            }
        }
        turns.extend(self.beside(&edits));
        turns.shuffle(self.rng);
        let (query, answer) = turns.remove(0);
        Draft { history, edits, query, answer, later: turns }
    }

    /// A question that none of these edits answers: about the subject of one where it can be, else about a fact.
    fn beside(&mut self, edits: &[Edit]) -> Option<(String, String)> {
        let untouched =
            |of: Relation, subject| edits.iter().all(|e| (&e.subject, e.relation) != (subject, of));
        let subject = &edits.first()?.subject;
        let relations: Vec<Relation> = Relation::of(edits[0].relation.info().subject)
            .filter(|&of| of.is_stored() && untouched(of, subject))
            .collect();
        if let Some(of) = self.one_of(&relations) {
            return Some((self.ask_object(of, subject), self.stored_answer(of, subject)));
        }
        let fact = self.stored_fact();
        let asked = (self.ask_object(fact.relation, &fact.subject), fact.object);
        untouched(fact.relation, &fact.subject).then_some(asked)
    }
}
