//! Edits in scope, out of scope, and about subjects that nobody knows.

use super::draft::{Draft, Maker};
use crate::atlas::{
    phrasing::Edit,
    world::{Fact, Name, Relation},
};
use rand::{Rng, seq::SliceRandom};

impl Maker<'_> {
    pub(super) fn shuffle(&mut self, edits: &mut [Edit]) {
        edits.shuffle(self.rng);
    }

    /// A subject that this split may edit: a known one this often, else an invented one.
    pub(super) fn subject_for_edit(&mut self, relation: Relation, known: f64) -> Name {
        if self.chance(known)
            && let Some(subject) = self.editable_subject(relation)
        {
            return subject;
        }
        self.fresh(relation.info().subject)
    }

    /// An edit that says nothing about the `relation` of `subject`, and names none of the words in `avoid`: the same
    /// relation of another subject, another relation of the same subject (hard), or anything.
    pub(super) fn other_edit(&mut self, about: (&Name, Relation), avoid: &[&str]) -> Edit {
        let (subject, relation) = about;
        let thing = relation.info().subject;
        let known = self.atlas.world.subjects(thing).contains(subject);
        loop {
            let (other, of) = match self.rng.random_range(0..10) {
                0..=4 => (self.subject_for_edit(relation, if known { 0.8 } else { 0.3 }), relation),
                5..=7 => {
                    let relations: Vec<Relation> = Relation::of(thing).filter(|&r| r != relation).collect();
                    let Some(of) = self.one_of(&relations) else { continue };
                    if known && Fact::edit_split(of, subject) != self.split {
                        continue;
                    }
                    (subject.clone(), of)
                }
                _ => {
                    let of = self.edit_relation();
                    (self.subject_for_edit(of, 0.6), of)
                }
            };
            if other == *subject && of == relation {
                continue;
            }
            let edit = self.edit(&other, of);
            if !avoid.iter().any(|word| edit.text.contains(word))
                && !edit.object.eq_ignore_ascii_case(subject.bare())
            {
                return edit;
            }
        }
    }

    /// The edits of a row: the one that answers among so many others, in random order.
    pub(super) fn among(&mut self, edit: Edit, distractors: u8) -> Vec<Edit> {
        let (subject, relation) = (edit.subject.clone(), edit.relation);
        let mut edits = vec![edit];
        while edits.len() <= usize::from(distractors) {
            let other = self.other_edit((&subject, relation), &[]);
            if edits.iter().all(|e| (&e.subject, e.relation) != (&other.subject, other.relation)) {
                edits.push(other);
            }
        }
        self.shuffle(&mut edits);
        edits
    }

    pub(super) fn edit_in_scope(&mut self, distractors: u8) -> Draft {
        let (relation, subject) = loop {
            let relation = self.edit_relation();
            if let Some(subject) = self.editable_subject(relation) {
                break (relation, subject);
            }
        };
        self.answered_by_edit(&subject, relation, distractors)
    }

    pub(super) fn invented_subject(&mut self, distractors: u8) -> Draft {
        let relation = self.edit_relation();
        let subject = self.fresh(relation.info().subject);
        self.answered_by_edit(&subject, relation, distractors)
    }

    pub(super) fn answered_by_edit(&mut self, subject: &Name, relation: Relation, distractors: u8) -> Draft {
        let edit = self.edit(subject, relation);
        let answer = edit.object.clone();
        let edits = self.among(edit, distractors);
        let query = self.ask_object(relation, subject);
        Draft { edits, query, answer, ..Draft::default() }
    }

    /// Mostly stored facts; now and then what the world does not know, which an edit about something else must not
    /// answer either.
    pub(super) fn edit_out_of_scope(&mut self) -> Draft {
        let (relation, subject) = match self.rng.random_range(0..100) {
            0..=84 => {
                let fact = self.stored_fact();
                (fact.relation, fact.subject)
            }
            85..=92 => {
                let relation = self.edit_relation();
                (relation, self.fresh(relation.info().subject))
            }
            _ => self.open_question(),
        };
        let count = self.rng.random_range(0..3);
        let first = self.other_edit((&subject, relation), &[]);
        let mut edits = vec![first];
        while edits.len() <= count {
            let other = self.other_edit((&subject, relation), &[]);
            if edits.iter().all(|e| (&e.subject, e.relation) != (&other.subject, other.relation)) {
                edits.push(other);
            }
        }
        let query = self.ask_object(relation, &subject);
        let answer = self.stored_answer(relation, &subject);
        Draft { edits, query, answer, ..Draft::default() }
    }

    /// A relation that only edits tell, of a subject that the world knows.
    pub(super) fn open_question(&mut self) -> (Relation, Name) {
        loop {
            let relation = self.edit_relation();
            let subjects = self.atlas.world.subjects(relation.info().subject);
            if !relation.is_stored() && !subjects.is_empty() {
                return (relation, subjects[self.rng.random_range(0..subjects.len())].clone());
            }
        }
    }
}
