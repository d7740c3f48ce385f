//! Answers that must take a form.

use super::{
    draft::{Draft, Maker},
    kind::Setting,
};
use crate::atlas::phrasing::{Asked, apply, request_constraints, sample_constraints};

impl Maker<'_> {
    pub(super) fn constraints(&mut self, level: u8, setting: Setting) -> Draft {
        let (relation, subject, edits, answer) = match setting {
            Setting::Plain => {
                let fact = self.stored_fact();
                (fact.relation, fact.subject, Vec::new(), fact.object)
            }
            Setting::Edited => {
                let relation = self.edit_relation();
                let subject = self.subject_for_edit(relation, 0.6);
                let edit = self.edit(&subject, relation);
                let answer = edit.object.clone();
                let distractors = u8::from(self.chance(0.35));
                (relation, subject, self.among(edit, distractors), answer)
            }
        };
        let question =
            self.atlas.grammar.ask_cleanly(&Asked::Object(relation, &subject), self.split, self.rng);
        let steps = sample_constraints(&self.atlas.grammar, usize::from(level), self.rng);
        let query = request_constraints(&self.atlas.grammar, &question, &steps, (self.split, self.rng));
        Draft { edits, query, answer: apply(&steps, &answer), ..Draft::default() }
    }
}
