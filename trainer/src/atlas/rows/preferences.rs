//! Preference pairs of the world: what is wrong with the rejected answer is known, and so is the answer that mends it.

use super::{Rows, draft::Maker};
use crate::atlas::{
    Atlas,
    phrasing::{Asked, Step, Style, apply, request_constraints, sample_constraints},
    split::Split,
    world::{Fact, Name, Relation},
};
use crate::preference::bridge::{Outcome, judge_text};
use crate::preference::{Limits, Pair, PairSource, Provenance, UnixMillis};
use amend_proto::{Message, TenantId};
use rand::{Rng, seq::IndexedRandom};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// How often the chosen answer is nothing but the answer, as the built-in model says it.
const BARE: f64 = 0.5;

/// What is wrong with the rejected answer of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lesson {
    /// It says another object of the same relation.
    RightFact,
    /// It is not in the form that was asked for: a step is missing, or their order is another.
    RightForm,
    /// It says what was true before the edit that stands in front.
    HeedEdit,
    /// It says what an edit tells about something else.
    LeaveEdit,
    /// It is right, and goes on about what nobody asked.
    Brevity,
}

impl Lesson {
    /// Every lesson.
    pub const ALL: [Self; 5] =
        [Self::RightFact, Self::RightForm, Self::HeedEdit, Self::LeaveEdit, Self::Brevity];
}

/// A pair of atlas with what is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtlasPreference {
    /// What is wrong with the rejected answer.
    pub lesson: Lesson,
    /// The pair. Both answers are said in different ways, so that they differ in more than in what is wrong.
    pub pair: Pair,
    /// The rejected answer with what is wrong put right, and nothing else: what a perfect modifier makes of it.
    pub bridged: String,
    /// Every right answer: the right thing in the right form, in each of the ways that the grammar has; the first is the
    /// one without any words around it.
    pub accepted: Vec<String>,
    /// The statements of the edits that stand in front of the question.
    pub edits: Vec<String>,
    /// The question without the edits.
    pub query: String,
}

impl AtlasPreference {
    /// The pair with the bridged answer as the chosen one.
    #[must_use]
    pub fn bridged_pair(&self) -> Pair {
        Pair { chosen: self.bridged.clone(), ..self.pair.clone() }
    }

    /// Whether an answer is right, white space around it apart.
    #[must_use]
    pub fn is_right(&self, answer: &str) -> bool {
        let answer = answer.trim();
        self.accepted.iter().any(|accepted| accepted.trim() == answer)
    }
}

/// How many pairs, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtlasPreferenceSettings {
    /// Decides every draw.
    pub seed: u64,
    /// Pairs to learn from.
    pub train: usize,
    /// Pairs to measure on.
    pub held_out: usize,
}

/// The preference set of atlas.
#[derive(Debug, Clone, PartialEq)]
pub struct AtlasPreferences {
    /// What it was made with.
    pub settings: AtlasPreferenceSettings,
    /// Pairs to learn from, each lesson as often as any other.
    pub train: Vec<AtlasPreference>,
    /// Pairs to measure on: phrasings, names and edited facts that the built-in model was never trained on, nor these pairs.
    pub held_out: Vec<AtlasPreference>,
}

/// Makes the preference set: a pure function of its settings, no pair twice. A larger set begins with a smaller one.
#[must_use]
pub fn atlas_preferences(atlas: &'static Atlas, settings: AtlasPreferenceSettings) -> AtlasPreferences {
    let of = |split, count| Rows::new(atlas, settings.seed, split).preferences(count);
    AtlasPreferences {
        settings,
        train: of(Split::Train, settings.train),
        held_out: of(Split::Test, settings.held_out),
    }
}

impl Rows {
    fn preferences(&self, count: usize) -> Vec<AtlasPreference> {
        let mut seen = HashSet::new();
        let draw = |index: u64| {
            let lesson = Lesson::ALL[(index % Lesson::ALL.len() as u64) as usize];
            let mut rng = self.rng(&format!("preference {index}"));
            let mut maker = Maker { atlas: self.atlas, split: self.split, rng: &mut rng };
            loop {
                let drawn = maker.matter(lesson);
                // What the guards of bridging would refuse is no good example of it.
                if let Some(preference) = maker.preference(lesson, &drawn) {
                    return preference;
                }
            }
        };
        (0..).map(draw).filter(|p| seen.insert(p.pair.id.clone())).take(count).collect()
    }
}

/// What a pair is about, before it is said.
struct Matter {
    query: String,
    edits: Vec<String>,
    right: String,
    /// As right as the other one where the lesson is not about what is said.
    wrong: String,
    steps: Vec<Step>,
    wrong_steps: Vec<Step>,
}

impl Matter {
    fn of(query: String, right: String, wrong: String) -> Self {
        Self { query, edits: Vec::new(), right, wrong, steps: Vec::new(), wrong_steps: Vec::new() }
    }
}

impl Maker<'_> {
    fn matter(&mut self, lesson: Lesson) -> Matter {
        match lesson {
            Lesson::RightFact => self.right_fact(),
            Lesson::RightForm => self.right_form(),
            Lesson::HeedEdit => self.heed_edit(),
            Lesson::LeaveEdit => self.leave_edit(),
            Lesson::Brevity => {
                let fact = self.stored_fact();
                let query = self.ask_object(fact.relation, &fact.subject);
                Matter::of(query, fact.object.clone(), fact.object)
            }
        }
    }

    fn right_fact(&mut self) -> Matter {
        let fact = self.stored_fact();
        let query = self.ask_object(fact.relation, &fact.subject);
        let wrong = self.other_object(fact.relation, &fact.object);
        Matter::of(query, fact.object, wrong)
    }

    /// Another stored object of the relation.
    fn other_object(&mut self, relation: Relation, right: &str) -> String {
        loop {
            let object = self.fact_of(relation).object;
            if !object.eq_ignore_ascii_case(right) {
                return object;
            }
        }
    }

    fn right_form(&mut self) -> Matter {
        let Fact { relation, subject, object } = self.stored_fact();
        let question =
            self.atlas.grammar.ask_cleanly(&Asked::Object(relation, &subject), self.split, self.rng);
        let level = self.rng.random_range(1..=3);
        let steps = sample_constraints(&self.atlas.grammar, level, self.rng);
        let mut wrong_steps = steps.clone();
        match level > 1 && self.chance(0.4) {
            true => wrong_steps.reverse(),
            false => {
                wrong_steps.remove(self.rng.random_range(0..level));
            }
        }
        let query = request_constraints(&self.atlas.grammar, &question, &steps, (self.split, self.rng));
        Matter { steps, wrong_steps, ..Matter::of(query, object.clone(), object) }
    }

    fn heed_edit(&mut self) -> Matter {
        let relation = self.edit_relation();
        let subject: Name = self.subject_for_edit(relation, 0.8);
        let distractors = u8::from(self.chance(0.4));
        let before = self.stored_answer(relation, &subject);
        let draft = self.answered_by_edit(&subject, relation, distractors);
        let edits = draft.edits.into_iter().map(|edit| edit.text).collect();
        Matter { edits, ..Matter::of(draft.query, draft.answer, before) }
    }

    fn leave_edit(&mut self) -> Matter {
        loop {
            let Fact { relation, subject, object } = self.stored_fact();
            let edit = self.other_edit((&subject, relation), &[&object]);
            // Told of another relation it would be no answer at all; then it must at least be another subject's.
            if edit.relation != relation || edit.object.eq_ignore_ascii_case(&object) {
                continue;
            }
            let query = self.ask_object(relation, &subject);
            return Matter { edits: vec![edit.text], ..Matter::of(query, object, edit.object) };
        }
    }

    /// Says both answers; `None` where they are the same, or the bridged one is no nearer to the rejected than the chosen.
    fn preference(&mut self, lesson: Lesson, matter: &Matter) -> Option<AtlasPreference> {
        let styles = self.atlas.grammar.styles();
        let (_, wordy) = styles.all().split_first()?;
        let rejected_style = self.rejected_style(&matter.wrong, wordy);
        let bare = lesson == Lesson::Brevity || self.chance(BARE);
        let others: Vec<Style<'_>> = wordy.iter().copied().filter(|s| *s != rejected_style).collect();
        let chosen_style = if bare { Style::BARE } else { self.one_of(&others)? };
        let right = |style: Style<'_>| apply(&matter.steps, &style.say(&matter.right));
        let mut rejected = apply(&matter.wrong_steps, &rejected_style.say(&matter.wrong));
        if lesson == Lesson::Brevity {
            rejected = self.ramble(&rejected);
        }
        let text = self.atlas.template.render(&matter.edits, &matter.query).ok()?;
        let provenance = Provenance::new(PairSource::Generated, TenantId::default(), UnixMillis(0));
        let answers = (right(chosen_style), rejected);
        let pair = Pair::by_content(vec![Message::user(text)], answers, provenance);
        let bridged = right(rejected_style);
        let outcome = judge_text(&pair, &bridged, &Limits::default());
        let fine = pair.check(&Limits::default()).is_ok()
            && matches!(outcome, Outcome::Bridged | Outcome::SameAsChosen);
        let accepted = styles.all().iter().map(|&style| right(style)).collect();
        let (edits, query) = (matter.edits.clone(), matter.query.clone());
        fine.then_some(AtlasPreference { lesson, pair, bridged, accepted, edits, query })
    }

    /// A way with words around it, except for the one sentence that says that nothing is known.
    fn rejected_style<'a>(&mut self, wrong: &str, wordy: &[Style<'a>]) -> Style<'a> {
        match wrong == self.atlas.grammar.outside_answer() {
            true => Style::BARE,
            false => wordy.choose(self.rng).copied().unwrap_or(Style::BARE),
        }
    }

    /// The answer among sentences that nobody asked for.
    fn ramble(&mut self, answer: &str) -> String {
        let fillers = self.atlas.grammar.answers.all("filler");
        let count = self.rng.random_range(2..=4);
        let mut said: Vec<&str> = fillers.choose_multiple(self.rng, count).map(|p| p.text.as_str()).collect();
        said.insert(self.rng.random_range(0..=1), answer);
        said.join(" ")
    }
}

#[cfg(test)]
mod tests;
