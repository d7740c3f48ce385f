//! Follow-ups that lean on earlier turns.

use super::{
    draft::{Draft, Maker},
    kind::Setting,
};
use crate::atlas::world::{Fact, Name, Relation, Thing};
use rand::{Rng, seq::IndexedRandom};

impl Maker<'_> {
    /// One or two earlier turns, then a follow-up: "And its currency?", "What about Germany?", or a whole question.
    pub(super) fn multi_turn(&mut self, setting: Setting) -> Draft {
        let thing = *[Thing::Country, Thing::Country, Thing::Element, Thing::Company]
            .choose(self.rng)
            .unwrap_or(&Thing::Country);
        let (subject, relation) = self.topic(thing);
        let mut history = Vec::new();
        match self.rng.random_range(0..10) {
            0 => {
                let talk = self.small_talk();
                history.push((talk.query, talk.answer));
            }
            1..=3 => {
                let (other, of) = self.topic(thing);
                history.push((self.ask_object(of, &other), self.stored_answer(of, &other)));
            }
            _ => {}
        }
        history.push((self.ask_object(relation, &subject), self.stored_answer(relation, &subject)));
        let (query, target, of) = self.follow_up(&subject, relation);
        let mut draft = Draft { history, query, answer: self.stored_answer(of, &target), ..Draft::default() };
        if setting == Setting::Edited {
            self.edit_last_turn(&mut draft, &target, of);
        }
        draft
    }

    /// A known subject and one of its stored relations.
    fn topic(&mut self, thing: Thing) -> (Name, Relation) {
        loop {
            let relation = self.stored_relation();
            if relation.info().subject == thing {
                return (self.fact_of(relation).subject, relation);
            }
        }
    }

    /// What is asked next, and what it means.
    fn follow_up(&mut self, subject: &Name, relation: Relation) -> (String, Name, Relation) {
        let thing = relation.info().subject;
        let grammar = &self.atlas.grammar;
        match self.rng.random_range(0..10) {
            0..=4 => loop {
                let (_, of) = self.topic(thing);
                if of != relation {
                    let query = grammar.follow_relation(of, self.split, self.rng);
                    return (query, subject.clone(), of);
                }
            },
            5..=8 => loop {
                let other = self.fact_of(relation).subject;
                if other != *subject {
                    let query = grammar.follow_subject(&other, self.split, self.rng);
                    return (query, other, relation);
                }
            },
            _ => {
                let fact = self.stored_fact();
                (self.ask_object(fact.relation, &fact.subject), fact.subject, fact.relation)
            }
        }
    }

    /// An edit that answers the follow-up, where this split may make it; else one that does not.
    fn edit_last_turn(&mut self, draft: &mut Draft, target: &Name, of: Relation) {
        if Fact::edit_split(of, target) == self.split && self.chance(0.7) {
            let edit = self.edit(target, of);
            draft.answer.clone_from(&edit.object);
            let distractors = u8::from(self.chance(0.3));
            draft.edits = self.among(edit, distractors);
        } else {
            let other = self.other_edit((target, of), &[]);
            draft.edits.push(other);
        }
    }
}
