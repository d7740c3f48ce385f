//! Two-hop questions: the subject is described by another fact.

use super::draft::{Draft, Maker};
use crate::atlas::{
    phrasing::{Asked, Edit},
    world::{Fact, Name, Relation, Thing},
};
use rand::Rng;

/// A chain: who is meant, how the question describes it, what is asked of it.
struct Chain {
    /// What the description speaks of: the object of the first relation, or the employee.
    known_by: String,
    first: Relation,
    /// Whom the description means.
    subject: Name,
    second: Relation,
}

impl Maker<'_> {
    pub(super) fn two_hop(&mut self) -> Draft {
        let chain = self.chain();
        let query = self.ask_chain(&chain);
        let answer = self.stored_answer(chain.second, &chain.subject);
        Draft { query, answer, ..Draft::default() }
    }

    /// The edit changes the first hop, the second, or both.
    pub(super) fn two_hop_edited(&mut self) -> Draft {
        let mut chain = self.chain();
        match self.rng.random_range(0..10) {
            0..=3 => {
                let first = self.first_hop(&mut chain);
                let answer = self.stored_answer(chain.second, &chain.subject);
                self.finish_chain(&chain, vec![first], answer)
            }
            4..=6 => {
                let (second, answer) = self.second_hop(&chain);
                self.finish_chain(&chain, vec![second], answer)
            }
            _ => {
                chain.subject = self.fresh(chain.second.info().subject);
                let first = self.first_hop(&mut chain);
                let (second, answer) = self.second_hop(&chain);
                self.finish_chain(&chain, vec![first, second], answer)
            }
        }
    }

    fn finish_chain(&mut self, chain: &Chain, mut edits: Vec<Edit>, answer: String) -> Draft {
        if edits.len() < 2 && self.chance(0.35) {
            let avoid = [chain.known_by.as_str()];
            let other = loop {
                let other = self.other_edit((&chain.subject, chain.first), &avoid);
                if other.subject != chain.subject {
                    break other;
                }
            };
            edits.push(other);
        }
        self.shuffle(&mut edits);
        let query = self.ask_chain(chain);
        Draft { edits, query, answer, ..Draft::default() }
    }

    /// States the second hop anew; gives the edit and its object.
    fn second_hop(&mut self, chain: &Chain) -> (Edit, String) {
        let edit = self.edit(&chain.subject, chain.second);
        let object = edit.object.clone();
        (edit, object)
    }

    /// States the first hop anew, with an object (or an employee) that nobody knows.
    fn first_hop(&mut self, chain: &mut Chain) -> Edit {
        if chain.first == Relation::Employer {
            let person = self.fresh(Thing::Person);
            chain.known_by = person.bare().to_owned();
            return self.state(&person, Relation::Employer, chain.subject.bare().to_owned());
        }
        chain.known_by = loop {
            let object = self.fresh(chain.first.info().object).bare().to_owned();
            if self.atlas.world.inverse(chain.first, &object).is_none() {
                break object;
            }
        };
        self.state(&chain.subject, chain.first, chain.known_by.clone())
    }

    /// A chain of stored facts that this split may edit in both hops.
    fn chain(&mut self) -> Chain {
        loop {
            let chain = if self.chance(0.2) {
                let fact = self.fact_of(Relation::Employer);
                Chain {
                    known_by: fact.subject.bare().to_owned(),
                    first: Relation::Employer,
                    subject: Name::parse(&fact.object),
                    second: if self.chance(0.5) { Relation::ChiefExecutive } else { Relation::Headquarters },
                }
            } else {
                let first = self.invertible();
                let fact = self.fact_of(first);
                let thing = first.info().subject;
                let seconds: Vec<Relation> =
                    Relation::of(thing).filter(|&r| r != first && r.is_stored()).collect();
                let Some(second) = self.one_of(&seconds) else { continue };
                Chain { known_by: fact.object, first, subject: fact.subject, second }
            };
            let may = |relation| Fact::edit_split(relation, &chain.subject) == self.split;
            if may(chain.second) && (may(chain.first) || chain.first == Relation::Employer) {
                return chain;
            }
        }
    }

    fn ask_chain(&mut self, chain: &Chain) -> String {
        let described = if chain.first == Relation::Employer {
            let person = Name::parse(&chain.known_by);
            self.atlas.grammar.describe(&Asked::Object(Relation::Employer, &person), self.split, self.rng)
        } else {
            self.atlas.grammar.describe(&Asked::Subject(chain.first, &chain.known_by), self.split, self.rng)
        };
        self.ask(&Asked::Described(chain.second, &described))
    }
}
