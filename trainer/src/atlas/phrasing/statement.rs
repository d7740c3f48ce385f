//! Statements: what an edit says.

use super::{Grammar, Pattern, Sections, Skeletons, question::fill_subject, sections::Nesting};
use crate::atlas::{
    names::capital,
    split::Split,
    world::{Name, Relation},
};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// How much of all combinations of wrapper and statement is kept for the test split.
const TEST_PERCENT: u64 = 12;

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
            let core = self.statements.all(relation.info().name).choose(rng);
            let wrap = self.statements.all("wrap").choose(rng);
            let (Some(core), Some(wrap)) = (core, wrap) else { continue };
            // "The capital of X is now Y now."
            let doubled = wrap.text == "{st} now." && core.text.contains("now");
            let fits = core.nests == Nesting::Reads || wrap.nests == Nesting::Reads;
            if !doubled && fits && self.stating.of(&join(wrap, core)) == Some(split) {
                break fill(wrap, core, (subject, &object), rng);
            }
        };
        Edit { subject: subject.clone(), relation, object, text }
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
