//! Small talk, what is outside the world, and users who write the template's headings.

use super::{
    draft::{Draft, Maker},
    kind::Setting,
};
use crate::atlas::{
    names::capital,
    phrasing::{Asked, Sections},
    split::Split,
    world::{Name, Relation, Thing},
};
use rand::{Rng, seq::IndexedRandom};

impl Maker<'_> {
    pub(super) fn small_talk(&mut self) -> Draft {
        let atlas = self.atlas;
        let headings = atlas.grammar.smalltalk.headings();
        let heading = headings.choose(self.rng).map_or("", String::as_str);
        let answer = heading.split_once(" | ").map_or("", |(_, answer)| answer);
        let said = atlas.grammar.smalltalk.pick_apart(heading, self.split, self.rng);
        let query = self.typed(said);
        Draft { query, answer: answer.to_owned(), ..Draft::default() }
    }

    /// As somebody types it: perhaps with a capital, perhaps with a mark at the end.
    fn typed(&mut self, text: &str) -> String {
        let mut text = if self.chance(0.75) { capital(text) } else { text.to_owned() };
        if !text.ends_with(['?', '.', '!', ';']) {
            text.push_str(self.one_of(&["", "", ".", "!", "?"]).unwrap_or_default());
        }
        text
    }

    pub(super) fn outside(&mut self) -> Draft {
        let query = match self.rng.random_range(0..100) {
            0..=51 => self.request(),
            52..=56 => {
                let said = self.atlas.grammar.outside.pick_apart("foreign", self.split, self.rng);
                self.typed(said)
            }
            57..=61 => self.gibberish(),
            62..=65 => {
                let count = self.rng.random_range(2..=4);
                (0..count).map(|_| self.sentence()).collect::<Vec<_>>().join(" ")
            }
            66..=83 => {
                let relation = self.edit_relation();
                let subject = self.fresh(relation.info().subject);
                self.ask_object(relation, &subject)
            }
            84..=88 => self.unknown_inverse(),
            _ => {
                let (relation, subject) = self.open_question();
                self.ask_object(relation, &subject)
            }
        };
        let answer = self.atlas.grammar.outside_answer().to_owned();
        let mut draft = Draft { query, answer, ..Draft::default() };
        if self.chance(0.12) {
            let subject = self.fresh(Thing::Country);
            let edit = self.other_edit((&subject, Relation::Capital), &[]);
            if !draft.query.to_lowercase().contains(&edit.subject.bare().to_lowercase()) {
                draft.edits.push(edit);
            }
        }
        draft
    }

    fn unknown_inverse(&mut self) -> String {
        loop {
            let relation = self.invertible();
            let object = self.fresh(relation.info().object);
            if self.atlas.world.inverse(relation, object.bare()).is_none() {
                return self.ask(&Asked::Subject(relation, object.bare()));
            }
        }
    }

    /// A request from the lists. In the test split the request itself, or what fills it, is never trained.
    fn request(&mut self) -> String {
        let outside = &self.atlas.grammar.outside;
        let (pattern, fillers) = loop {
            let reserved = self.split == Split::Test && self.chance(0.5);
            let from = if reserved { Split::Test } else { Split::Train };
            let pattern = outside.pick_apart("request", from, self.rng);
            if reserved || self.split == Split::Train || has_list(outside, pattern) {
                break (pattern, if reserved { Split::Train } else { self.split });
            }
        };
        let said = self.fill(pattern, fillers);
        self.typed(&said)
    }

    fn sentence(&mut self) -> String {
        let said = self.request();
        if said.ends_with(['?', '.', '!', ';']) { said } else { format!("{said}.") }
    }

    fn fill(&mut self, pattern: &str, fillers: Split) -> String {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((slot, behind)) = after.split_once('}') else { break };
            text.push_str(before);
            text.push_str(&self.slot(slot, fillers));
            rest = behind;
        }
        text.push_str(rest);
        text
    }

    fn slot(&mut self, slot: &str, fillers: Split) -> String {
        let thing = match slot {
            "num" => return self.rng.random_range(1..1000).to_string(),
            "word" => return self.fresh(Thing::Currency).bare().to_owned(),
            "country" => Thing::Country,
            "element" => Thing::Element,
            "company" => Thing::Company,
            "person" => Thing::Person,
            list => {
                let outside = &self.atlas.grammar.outside;
                return outside.pick_apart(&format!("list {list}"), fillers, self.rng).to_owned();
            }
        };
        let known = self.atlas.world.subjects(thing);
        if self.chance(0.2) {
            return self.fresh(thing).shown();
        }
        known.choose(self.rng).map_or_else(String::new, Name::shown)
    }

    fn gibberish(&mut self) -> String {
        let words = self.rng.random_range(1..=5);
        let mut text = Vec::new();
        for _ in 0..words {
            let length = self.rng.random_range(2..=8);
            let word: String = (0..length).map(|_| char::from(self.rng.random_range(b'a'..=b'z'))).collect();
            text.push(word);
        }
        // A few marks are a finite list: trained, so never measured.
        if self.split == Split::Train && self.chance(0.15) {
            return self
                .one_of(&["?", "...", "??", "!!!", "-", "123", "1 2 3", "%$#", "0"])
                .unwrap_or_default()
                .to_owned();
        }
        text.join(" ")
    }

    /// The server turns `[Updated Information]` and `[Question]` in a user's text into round brackets; what stands
    /// under them is a claim, not an edit.
    pub(super) fn forged(&mut self, setting: Setting) -> Draft {
        let (relation, subject, edits, answer) = match setting {
            Setting::Plain => {
                let fact = self.stored_fact();
                (fact.relation, fact.subject, Vec::new(), fact.object)
            }
            Setting::Edited => {
                let relation = self.edit_relation();
                let subject = self.subject_for_edit(relation, 0.7);
                let edit = self.edit(&subject, relation);
                let answer = edit.object.clone();
                (relation, subject, vec![edit], answer)
            }
        };
        let claim = loop {
            let claim = self.edit(&subject, relation);
            if claim.object != answer {
                break claim;
            }
        };
        let question = self.ask_object(relation, &subject);
        let (information, asked) = match self.rng.random_range(0..10) {
            0 => ("(updated information)", "(question)"),
            1 => ("(UPDATED INFORMATION)", "(QUESTION)"),
            _ => ("(Updated Information)", "(Question)"),
        };
        let query = match self.rng.random_range(0..4) {
            0 => format!("{question}\n{information}\n{}", claim.text),
            1 => format!("{information}\n{}\n{question}", claim.text),
            _ => format!("{information}\n{}\n{asked}\n{question}", claim.text),
        };
        Draft { edits, query, answer, ..Draft::default() }
    }
}

/// Whether a request has a slot that a list fills.
fn has_list(outside: &Sections, pattern: &str) -> bool {
    let slots = pattern.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    slots.into_iter().any(|(slot, _)| !outside.all(&format!("list {slot}")).is_empty())
}
