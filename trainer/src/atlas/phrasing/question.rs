//! Questions: a frame, a core, a subject, and the slips of somebody who types.

use super::{
    Grammar, Sections, Skeletons,
    sections::Nesting,
    slips::{self, Slip},
};
use crate::atlas::{
    split::Split,
    world::{Name, Relation},
};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// How much of all combinations of frame and core is kept for the test split.
const TEST_PERCENT: u64 = 12;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<'a> {
    /// The object of a named subject.
    Object(Relation, &'a Name),
    /// The object of a subject that is described: "the country whose capital is Paris".
    Described(Relation, &'a str),
    /// The subject that has this object.
    Subject(Relation, &'a str),
}

impl Grammar {
    /// Asks, in a pattern of this split, perhaps politely, perhaps with a slip.
    pub fn ask(&self, asked: &Asked<'_>, split: Split, rng: &mut ChaCha8Rng) -> String {
        let skeleton = self.skeleton(asked, split, rng);
        self.type_out(&skeleton, asked, split, rng)
    }

    /// Asks as [`ask`](Self::ask), but so that a further sentence can follow: no slip, final punctuation kept.
    pub fn ask_cleanly(&self, asked: &Asked<'_>, split: Split, rng: &mut ChaCha8Rng) -> String {
        let skeleton = self.skeleton(asked, split, rng);
        let text = slips::sentence(&fill(&skeleton, asked));
        if text.ends_with(['?', '.', '!']) { text } else { format!("{text}?") }
    }

    /// A description that can stand for a subject: "the country whose capital is {o}".
    pub fn describe(&self, asked: &Asked<'_>, split: Split, rng: &mut ChaCha8Rng) -> String {
        let section = match asked {
            Asked::Subject(relation, _) => format!("{} inverse", relation.info().name),
            Asked::Object(relation, _) | Asked::Described(relation, _) => {
                format!("{} phrase", relation.info().name)
            }
        };
        loop {
            let text = self.questions.pick_for(&section, split, rng);
            if !text.starts_with("the name of") {
                return fill(text, asked);
            }
        }
    }

    /// A follow-up that names only the relation ("And its currency?").
    pub fn follow_relation(&self, relation: Relation, split: Split, rng: &mut ChaCha8Rng) -> String {
        let noun = self.questions.pick(&format!("{} noun", relation.info().name), rng).to_owned();
        let pattern = self.questions.pick_apart("follow relation", split, rng).replace("{n}", &noun);
        slips::maybe_plain(&slips::sentence(&pattern), rng)
    }

    /// A follow-up that names only the subject ("What about Germany?").
    pub fn follow_subject(&self, subject: &Name, split: Split, rng: &mut ChaCha8Rng) -> String {
        let pattern =
            self.questions.pick_apart("follow subject", split, rng).replace("{s}", &subject.shown());
        slips::maybe_plain(&slips::sentence(&pattern), rng)
    }

    /// Frame and core joined, with the subject's or object's slot still open.
    fn skeleton(&self, asked: &Asked<'_>, split: Split, rng: &mut ChaCha8Rng) -> String {
        let (relation, phrases, wholes, nested) = match asked {
            Asked::Object(relation, _) => (relation, "phrase", "question", Nesting::Clumsy),
            Asked::Described(relation, _) => (relation, "phrase", "question", Nesting::Reads),
            Asked::Subject(relation, _) => (relation, "inverse", "inverse question", Nesting::Clumsy),
        };
        let info = relation.info();
        // An inverse asks for a country, an element or a company: always "what is ...".
        let class = if matches!(asked, Asked::Subject(..)) { "thing" } else { info.frame };
        loop {
            let phrase = rng.random_bool(0.6);
            let (core_section, frame_section) = match (phrase, rng.random_bool(0.55)) {
                (true, true) => (format!("{} {phrases}", info.name), format!("frame {class}")),
                (true, false) => (format!("{} {phrases}", info.name), "frame any".to_owned()),
                (false, _) => (format!("{} {wholes}", info.name), "frame whole".to_owned()),
            };
            let core = self.questions.all(&core_section).choose(rng);
            let frame = self.questions.all(&frame_section).choose(rng);
            let (Some(core), Some(frame)) = (core, frame) else { continue };
            let fits = nested == Nesting::Clumsy || core.nests == Nesting::Reads;
            let skeleton = join(&frame.text, &core.text);
            if fits && self.asking.of(&skeleton) == Some(split) {
                return skeleton;
            }
        }
    }

    fn type_out(&self, skeleton: &str, asked: &Asked<'_>, split: Split, rng: &mut ChaCha8Rng) -> String {
        let slip = Slip::sample(rng);
        let mut text = if slip == Slip::Typo { slips::typo(skeleton, rng) } else { skeleton.to_owned() };
        if rng.random_bool(0.06) {
            text = format!("{}{text}", self.questions.pick_for("lead", split, rng));
        }
        text = slips::sentence(&fill(&text, asked));
        if text.ends_with(['?', '.', '!']) && rng.random_bool(0.06) {
            text.push_str(self.questions.pick_for("tail", split, rng));
        }
        slip.finish(text)
    }
}

/// The classes of frames that hold noun phrases.
const CLASSES: [&str; 4] = ["any", "thing", "person", "place"];

/// All questions that can be built, each with its split.
pub(super) fn skeletons(questions: &Sections) -> Skeletons {
    let mut pairs = Vec::new();
    for relation in Relation::ALL {
        let name = relation.info().name;
        for (cores, classes) in [
            ("phrase", &CLASSES[..]),
            ("inverse", &CLASSES[..2]),
            ("question", &["whole"][..]),
            ("inverse question", &["whole"][..]),
        ] {
            for core in questions.all(&format!("{name} {cores}")) {
                for frame in classes.iter().flat_map(|class| questions.all(&format!("frame {class}"))) {
                    pairs.push((join(&frame.text, &core.text), frame, core));
                }
            }
        }
    }
    Skeletons::decide(pairs.into_iter(), TEST_PERCENT)
}

fn join(frame: &str, core: &str) -> String {
    let short = core.strip_prefix("the ").unwrap_or(core);
    frame.replace("{np-}", short).replace("{np}", core).replace("{q}", core)
}

fn fill(pattern: &str, asked: &Asked<'_>) -> String {
    match asked {
        Asked::Object(_, subject) => fill_subject(pattern, &subject.shown()),
        Asked::Described(_, description) => fill_subject(pattern, description),
        Asked::Subject(_, object) => pattern.replace("{o}", object),
    }
}

/// Fills both forms of the subject's slot.
pub(super) fn fill_subject(pattern: &str, shown: &str) -> String {
    let possessive = if shown.ends_with('s') { format!("{shown}'") } else { format!("{shown}'s") };
    pattern.replace("{s's}", &possessive).replace("{s}", shown)
}
