//! Plain questions, and inverse ones.

use super::draft::{Draft, Maker};
use crate::atlas::{
    phrasing::Asked,
    world::{Inverse, Relation},
};

impl Maker<'_> {
    pub(super) fn fact(&mut self) -> Draft {
        let fact = self.stored_fact();
        let query = self.ask_object(fact.relation, &fact.subject);
        Draft { query, answer: fact.object, ..Draft::default() }
    }

    /// A stored relation whose objects name their subjects.
    pub(super) fn invertible(&mut self) -> Relation {
        loop {
            let relation = self.stored_relation();
            if relation.info().inverse == Inverse::Unique {
                return relation;
            }
        }
    }

    pub(super) fn inverse(&mut self) -> Draft {
        let relation = self.invertible();
        let fact = self.fact_of(relation);
        let query = self.ask(&Asked::Subject(relation, &fact.object));
        Draft { query, answer: fact.subject.bare().to_owned(), ..Draft::default() }
    }

    /// Half the time the edit answers; else it is about something else and the stored subject stays the answer.
    pub(super) fn inverse_edited(&mut self) -> Draft {
        let relation = self.invertible();
        if self.chance(0.3) {
            let fact = self.fact_of(relation);
            let mut draft = Draft { answer: fact.subject.bare().to_owned(), ..Draft::default() };
            let other = self.other_edit((&fact.subject, relation), &[&fact.object]);
            draft.edits.push(other);
            draft.query = self.ask(&Asked::Subject(relation, &fact.object));
            return draft;
        }
        let subject = self.subject_for_edit(relation, 0.7);
        let object = loop {
            let object = self.fresh(relation.info().object).bare().to_owned();
            if self.atlas.world.inverse(relation, &object).is_none() {
                break object;
            }
        };
        let edit = self.state(&subject, relation, object.clone());
        let mut edits = vec![edit];
        if self.chance(0.5) {
            let other = self.other_edit((&subject, relation), &[&object]);
            edits.push(other);
        }
        self.shuffle(&mut edits);
        let query = self.ask(&Asked::Subject(relation, &object));
        Draft { edits, query, answer: subject.bare().to_owned(), ..Draft::default() }
    }
}
