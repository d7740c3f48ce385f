//! Facts and instructions of the world for the alignment phase ([`crate::lte`]): the same edits and questions as the rows
//! of the mix, taken apart.

use super::draft::Maker;
use super::{Kind, Rows, Setting};
use crate::atlas::{
    Atlas,
    phrasing::{Asked as Question, Edit},
    split::Split,
    world::{Fact, Relation},
};
use crate::lte::{AlignmentFact, Asked, Instruction};
use rand::Rng;

/// Rephrasings of a question.
const REPHRASINGS: usize = 3;
/// How often an edit is about a subject that the world knows.
const KNOWN: f64 = 0.5;

/// The first `count` edits of the training split with what is asked about them; each a pure function of `seed` and its
/// place. Phrasings, names and edited facts are those of [`Split::Train`], so held-out items measure an aligned model.
#[must_use]
pub fn atlas_facts(atlas: &'static Atlas, seed: u64, count: usize) -> Vec<AlignmentFact> {
    let rows = Rows::new(atlas, seed, Split::Train);
    (0..count).map(|index| rows.alignment_fact(index)).collect()
}

/// `count` edits of the test split that can be live together: each about a subject of its own, and what one leaves alone
/// all leave alone. They are what [`atlas_facts`] never shows, so they measure a model.
#[must_use]
pub fn atlas_edit_set(atlas: &'static Atlas, seed: u64, count: usize) -> Vec<AlignmentFact> {
    let rows = Rows::new(atlas, seed, Split::Test);
    let mut subjects = std::collections::HashSet::new();
    let all = (0..).map(|index| rows.alignment_fact(index));
    let mut facts: Vec<AlignmentFact> =
        all.filter(|fact| subjects.insert(fact.subject.to_lowercase())).take(count).collect();
    let oracle = super::super::AtlasOracle::new(atlas);
    let statements: Vec<(String, String)> =
        facts.iter().map(|fact| (fact.subject.clone(), fact.statement.clone())).collect();
    for fact in &mut facts {
        fact.locality.retain(|asked| {
            let named = statements.iter().filter(|(subject, _)| asked.question.contains(subject.as_str()));
            let named: Vec<String> = named.map(|(_, statement)| statement.clone()).collect();
            let text = atlas.template.render(&named, &asked.question);
            text.is_ok_and(|text| oracle.answer(&[amend_proto::Message::user(text)]) == asked.answer)
        });
    }
    facts
}

/// `count` requests of the training split that need no edit: small talk, what is outside of the world, stored facts in a
/// form that is asked for. The answers are known.
#[must_use]
pub fn atlas_instructions(atlas: &'static Atlas, seed: u64, count: usize) -> Vec<Instruction> {
    let rows = Rows::new(atlas, seed, Split::Train);
    let formed = |level| Kind::Constraints { level, setting: Setting::Plain };
    let kinds = [
        Kind::Outside,
        formed(1),
        Kind::Fact,
        Kind::SmallTalk,
        formed(2),
        Kind::Inverse(Setting::Plain),
        Kind::Outside,
        formed(3),
        Kind::Fact,
        Kind::TwoHop(Setting::Plain),
    ];
    let all = (0u64..).flat_map(|index| kinds.map(|kind| (kind, index)));
    // Two entries of one kind would meet in the same row.
    let all =
        all.enumerate().map(|(place, (kind, index))| rows.of_kind(kind, index * 2 + (place % 10 / 5) as u64));
    let plain = all.filter(|row| row.edits.is_empty());
    let instruction = |row: super::Row| Instruction {
        instruction: row.query.clone(),
        answer: Some(row.answer().to_owned()),
    };
    plain.map(instruction).take(count).collect()
}

impl Rows {
    fn alignment_fact(&self, index: usize) -> AlignmentFact {
        let mut rng = self.rng(&format!("alignment {index}"));
        Maker { atlas: self.atlas, split: self.split, rng: &mut rng }.alignment_fact()
    }
}

impl Maker<'_> {
    fn alignment_fact(&mut self) -> AlignmentFact {
        let relation = self.edit_relation();
        let subject = self.subject_for_edit(relation, KNOWN);
        let edit = self.edit(&subject, relation);
        let before = self.stored_answer(relation, &subject);
        let question = self.ask_object(relation, &subject);
        let rephrasings = (0..REPHRASINGS).map(|_| self.ask_object(relation, &subject)).collect();
        let portability = self.inverse_of(&edit).into_iter().chain(self.described(&edit)).collect();
        let locality = self.beside_of(&edit).into_iter().chain([self.elsewhere(&edit)]).collect();
        AlignmentFact {
            subject: subject.bare().to_owned(),
            statement: edit.text,
            question,
            rephrasings,
            answer: edit.object,
            before: Some(before),
            portability,
            needs: Vec::new(),
            locality,
        }
    }

    /// Asks for the subject, where the edit alone has this object.
    fn inverse_of(&mut self, edit: &Edit) -> Option<Asked> {
        let unique = edit.relation.info().inverse == crate::atlas::world::Inverse::Unique
            && self.atlas.world.inverse(edit.relation, &edit.object).is_none();
        unique.then(|| {
            Asked::new(self.ask(&Question::Subject(edit.relation, &edit.object)), edit.subject.bare())
        })
    }

    /// Asks for the object of a subject that another, stored fact describes.
    fn described(&mut self, edit: &Edit) -> Option<Asked> {
        let world = &self.atlas.world;
        let by = Relation::of(edit.relation.info().subject).find_map(|first| {
            let unique =
                first.info().inverse == crate::atlas::world::Inverse::Unique && first != edit.relation;
            let object = world.object(first, edit.subject.bare()).filter(|_| unique)?;
            Some((first, object.to_owned()))
        });
        let (first, object) = by?;
        let described = self.atlas.grammar.describe(&Question::Subject(first, &object), self.split, self.rng);
        Some(Asked::new(self.ask(&Question::Described(edit.relation, &described)), edit.object.as_str()))
    }

    /// Another relation of the same subject.
    fn beside_of(&mut self, edit: &Edit) -> Option<Asked> {
        let others: Vec<Relation> =
            Relation::of(edit.relation.info().subject).filter(|&r| r != edit.relation).collect();
        let relation = self.one_of(&others)?;
        Some(Asked::new(
            self.ask_object(relation, &edit.subject),
            self.stored_answer(relation, &edit.subject),
        ))
    }

    /// A stored fact of another subject, mostly of the same relation.
    fn elsewhere(&mut self, edit: &Edit) -> Asked {
        loop {
            let same = edit.relation.is_stored() && self.rng.random_bool(0.6);
            let Fact { subject, relation, object } = match same {
                true => self.fact_of(edit.relation),
                false => self.stored_fact(),
            };
            if subject != edit.subject {
                return Asked::new(self.ask_object(relation, &subject), object);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atlas::AtlasOracle;
    use amend_proto::Message;

    /// The oracle reads the texts alone, so what it answers is what they say.
    #[test]
    fn every_answer_is_right_with_the_edit_and_without() {
        let atlas = Atlas::built_in();
        let oracle = AtlasOracle::new(atlas);
        let answer = |text: String| oracle.answer(&[Message::user(text)]);
        let facts = atlas_facts(atlas, 3, 300);
        assert_eq!(facts, atlas_facts(atlas, 3, 300));
        assert_ne!(facts[..5], atlas_facts(atlas, 4, 5)[..]);
        for fact in &facts {
            let edited = |query: &str| {
                let text = atlas.template.render(std::slice::from_ref(&fact.statement), query);
                answer(text.expect("renders"))
            };
            assert_eq!(edited(&fact.question), fact.answer, "{fact:?}");
            assert_eq!(Some(answer(fact.question.clone())), fact.before, "{fact:?}");
            for question in &fact.rephrasings {
                assert_eq!(edited(question), fact.answer, "{question} {fact:?}");
            }
            for asked in fact.portability.iter().chain(&fact.locality) {
                assert_eq!(edited(&asked.question), asked.answer, "{asked:?} {fact:?}");
            }
            for asked in &fact.locality {
                assert_eq!(answer(asked.question.clone()), asked.answer, "{asked:?} {fact:?}");
            }
        }
        assert!(facts.iter().filter(|f| !f.portability.is_empty()).count() > 100);
    }

    #[test]
    fn a_set_of_edits_can_be_live_together() {
        let atlas = Atlas::built_in();
        let facts = atlas_edit_set(atlas, 3, 400);
        assert_eq!(facts[..50], atlas_edit_set(atlas, 3, 400)[..50]);
        let subjects: std::collections::HashSet<_> = facts.iter().map(|fact| &fact.subject).collect();
        assert_eq!((facts.len(), subjects.len()), (400, 400));
        let kept = facts.iter().map(|fact| fact.locality.len()).sum::<usize>();
        assert!(kept > 500, "{kept}");
    }

    #[test]
    fn instructions_are_plain_different_and_right() {
        let atlas = Atlas::built_in();
        let oracle = AtlasOracle::new(atlas);
        let all = atlas_instructions(atlas, 3, 400);
        assert_eq!(all.len(), 400);
        for Instruction { instruction, answer } in &all {
            assert_eq!(Some(oracle.answer(&[Message::user(instruction)])), *answer, "{instruction}");
        }
        let different: std::collections::HashSet<_> = all.iter().map(|i| &i.instruction).collect();
        assert!(different.len() > 350, "{}", different.len());
    }
}
