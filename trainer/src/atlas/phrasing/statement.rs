//! Statements: what an edit says.

use super::{Grammar, Pattern, Sections, Skeletons, question::fill_subject, sections::Nesting};
use crate::atlas::{
    names::capital,
    split::Split,
    world::{Name, Relation, Thing},
};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// How much of all combinations of wrapper and statement is kept for the test split.
const TEST_PERCENT: u64 = 12;
/// How often training takes a statement and a wrapper from the wide patterns, which the test split never does.
const WIDE_CORE: f64 = 0.5;
const WIDE_WRAP: f64 = 0.25;
const WRAP: &str = "wrap";
/// The heading of what is for training alone, behind the heading of what both splits draw from.
const WIDE_HEADING: &str = "wide";

/// One edit of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What it is about.
    pub subject: Name,
    /// What it says of it.
    pub relation: Relation,
    /// The new answer.
    pub object: String,
    /// The statement.
    pub text: String,
}

impl Grammar {
    /// States that the `relation` of `subject` is `object`, in a pattern of this split.
    pub fn state(
        &self,
        subject: &Name,
        relation: Relation,
        object: String,
        place: (Split, &mut ChaCha8Rng),
    ) -> Edit {
        let (split, rng) = place;
        let text = loop {
            let core = self.stating_patterns((relation.info().name, WIDE_CORE), split, rng).choose(rng);
            let wrap = self.stating_patterns((WRAP, WIDE_WRAP), split, rng).choose(rng);
            let (Some(core), Some(wrap)) = (core, wrap) else { continue };
            // "The capital of X is now Y now."
            let doubled = wrap.text == "{st} now." && core.text.contains("now");
            let fits = core.nests == Nesting::Reads || wrap.nests == Nesting::Reads;
            // The wide ones are too many to be listed; their marks decide.
            let of = self.stating.of(&join(wrap, core)).or_else(|| core.marked(wrap));
            if !doubled && fits && of == Some(split) {
                break fill(wrap, core, (subject, &object), rng);
            }
        };
        Edit { subject: subject.clone(), relation, object, text }
    }

    /// A section, or its wide one this often. What the test split draws does not depend on the wide patterns.
    fn stating_patterns(&self, of: (&str, f64), split: Split, rng: &mut ChaCha8Rng) -> &[Pattern] {
        let (section, wide) = of;
        match split == Split::Train && rng.random_bool(wide) {
            true => self.statements.all(&wide_of(section)),
            false => self.statements.all(section),
        }
    }
}

/// The section of what is for training alone, beside what both splits draw from.
pub(in crate::atlas) fn wide_of(section: &str) -> String {
    format!("{section} {WIDE_HEADING}")
}

/// Fills the wide patterns of all relations with each relation's nouns, behind those that the file has for it alone.
pub(super) fn widen(statements: &mut Sections, questions: &Sections) {
    let any: Vec<Pattern> = statements.all(WIDE_HEADING).to_vec();
    for relation in Relation::ALL {
        let info = relation.info();
        let nouns = questions.all(&format!("{} noun", info.name)).iter();
        let nouns = nouns.filter(|noun| noun.reserved != Some(Split::Test));
        // "The currency of X is the krone."
        let object = if info.object == Thing::Currency { "the {o}" } else { "{o}" };
        let filled = nouns.flat_map(|noun| {
            any.iter().map(|pattern| {
                let text = pattern.text.replace("{n}", &noun.text).replace("{o}", object);
                Pattern { text, ..pattern.clone() }
            })
        });
        let known = |pattern: &Pattern| {
            statements.all(info.name).iter().any(|core| core.text.eq_ignore_ascii_case(&pattern.text))
        };
        let filled: Vec<Pattern> = filled.filter(|pattern| !known(pattern)).collect();
        statements.extend(&wide_of(info.name), filled);
    }
}

/// All statements that can be built, each with its split.
pub(super) fn skeletons(statements: &Sections) -> Skeletons {
    let mut pairs = Vec::new();
    for relation in Relation::ALL {
        for core in statements.all(relation.info().name) {
            for wrap in statements.all("wrap") {
                pairs.push((join(wrap, core), wrap, core));
            }
        }
    }
    Skeletons::decide(pairs.into_iter(), TEST_PERCENT)
}

fn join(wrap: &Pattern, core: &Pattern) -> String {
    wrap.text.replace("{st}", &core.text)
}

fn fill(wrap: &Pattern, core: &Pattern, fact: (&Name, &str), rng: &mut ChaCha8Rng) -> String {
    let (subject, object) = fact;
    let mut core = fill_subject(&core.text, &subject.shown()).replace("{o}", object);
    if wrap.text.contains(": {st}") && rng.random_bool(0.5) {
        core = capital(&core);
    }
    let year = rng.random_range(2024..=2032).to_string();
    capital(&wrap.text.replace("{y}", &year).replace("{st}", &core))
}
