//! What all kinds share: choosing facts, subjects and objects, and stating edits.

use super::kind::{Kind, Setting};
use crate::atlas::{
    Atlas,
    phrasing::{Asked, Edit},
    split::Split,
    world::{Fact, Name, Relation, Thing},
};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// A dialogue before it is rendered.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// Earlier turns: what was asked, what was answered.
    pub history: Vec<(String, String)>,
    /// The edits in force, in prompt order.
    pub edits: Vec<Edit>,
    /// The question.
    pub query: String,
    /// The answer to learn.
    pub answer: String,
    /// What is asked after that about the same edits, and the answers to learn.
    pub later: Vec<(String, String)>,
}

/// Makes drafts of one split from one stream of random numbers.
pub(super) struct Maker<'a> {
    pub atlas: &'a Atlas,
    pub split: Split,
    pub rng: &'a mut ChaCha8Rng,
}

impl Maker<'_> {
    pub(super) fn draft(&mut self, kind: Kind) -> Draft {
        match kind {
            Kind::Fact => self.fact(),
            Kind::EditInScope { distractors } => self.edit_in_scope(distractors),
            Kind::EditOutOfScope => self.edit_out_of_scope(),
            Kind::InventedSubject { distractors } => self.invented_subject(distractors),
            Kind::Constraints { level, setting } => self.constraints(level, setting),
            Kind::Inverse(Setting::Plain) => self.inverse(),
            Kind::Inverse(Setting::Edited) => self.inverse_edited(),
            Kind::TwoHop(Setting::Plain) => self.two_hop(),
            Kind::TwoHop(Setting::Edited) => self.two_hop_edited(),
            Kind::MultiTurn(setting) => self.multi_turn(setting),
            Kind::SmallTalk => self.small_talk(),
            Kind::Outside => self.outside(),
            Kind::Forged(setting) => self.forged(setting),
        }
    }

    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.rng.random_bool(p)
    }

    pub(super) fn one_of<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        choices.choose(self.rng).cloned()
    }

    /// A stored relation, by the weights of [`RelationInfo`](crate::atlas::world::RelationInfo).
    pub(super) fn stored_relation(&mut self) -> Relation {
        let total: u32 = Relation::ALL.iter().map(|r| r.info().weight).sum();
        let mut left = self.rng.random_range(0..total);
        for relation in Relation::ALL {
            let weight = relation.info().weight;
            if left < weight {
                return relation;
            }
            left -= weight;
        }
        Relation::Capital
    }

    /// A relation for an edit: a stored one, or now and then one that edits alone tell.
    pub(super) fn edit_relation(&mut self) -> Relation {
        if self.chance(0.75) {
            return self.stored_relation();
        }
        let open: Vec<Relation> = Relation::ALL.into_iter().filter(|r| !r.is_stored()).collect();
        self.one_of(&open).unwrap_or(Relation::President)
    }

    pub(super) fn stored_fact(&mut self) -> Fact {
        let relation = self.stored_relation();
        self.fact_of(relation)
    }

    pub(super) fn fact_of(&mut self, relation: Relation) -> Fact {
        let facts = self.atlas.world.facts(relation);
        facts[self.rng.random_range(0..facts.len())].clone()
    }

    /// A subject that the world knows, and that this split may edit in `relation`; none when the world knows no such
    /// things.
    pub(super) fn editable_subject(&mut self, relation: Relation) -> Option<Name> {
        let split = self.split;
        let subjects: Vec<&Name> = self
            .atlas
            .world
            .subjects(relation.info().subject)
            .iter()
            .filter(|name| Fact::edit_split(relation, name) == split)
            .collect();
        subjects.choose(self.rng).map(|name| (*name).clone())
    }

    pub(super) fn fresh(&mut self, thing: Thing) -> Name {
        self.atlas.names.fresh(thing, &self.atlas.world, self.split, self.rng)
    }

    /// An object for an edit of `relation`: invented, or known and not the stored one.
    pub(super) fn new_object(&mut self, relation: Relation, subject: &Name) -> String {
        let thing = relation.info().object;
        let stored = self.atlas.world.object(relation, subject.bare()).map(str::to_owned);
        if self.chance(0.4) && relation.is_stored() {
            for _ in 0..8 {
                let object = self.fact_of(relation).object;
                if Some(&object) != stored.as_ref() {
                    return object;
                }
            }
        }
        loop {
            let object = self.fresh(thing).bare().to_owned();
            if Some(&object) != stored.as_ref() {
                return object;
            }
        }
    }

    pub(super) fn state(&mut self, subject: &Name, relation: Relation, object: String) -> Edit {
        self.atlas.grammar.state(subject, relation, object, (self.split, self.rng))
    }

    /// An edit of `relation` of `subject` to a new object.
    pub(super) fn edit(&mut self, subject: &Name, relation: Relation) -> Edit {
        let object = self.new_object(relation, subject);
        self.state(subject, relation, object)
    }

    pub(super) fn ask(&mut self, asked: &Asked<'_>) -> String {
        self.atlas.grammar.ask(asked, self.split, self.rng)
    }

    pub(super) fn ask_object(&mut self, relation: Relation, subject: &Name) -> String {
        self.ask(&Asked::Object(relation, subject))
    }

    /// What the world answers without an edit: the stored object, or that it does not know.
    pub(super) fn stored_answer(&self, relation: Relation, subject: &Name) -> String {
        let outside = self.atlas.grammar.outside_answer();
        self.atlas.world.object(relation, subject.bare()).unwrap_or(outside).to_owned()
    }
}
