//! Training dialogues: row `i` is a pure function of seed, split and `i`.

mod align;
mod draft;
mod edits;
mod facts;
mod formats;
mod hops;
mod interview;
mod kind;
mod mix;
mod pages;
mod preferences;
mod talk;
mod turns;

pub use align::{atlas_edit_set, atlas_facts, atlas_instructions};
pub use kind::{Kind, Setting};
pub use mix::{MIX, Share};
pub use pages::{AtlasPage, atlas_pages};
pub use preferences::{
    AtlasPreference, AtlasPreferenceSettings, AtlasPreferences, Lesson, atlas_preferences,
};

use super::{
    Atlas,
    split::{Split, hash, mix as mix_bits},
};
use amend_proto::Message;
use draft::{Draft, Maker};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How many dialogues start with a system message, in percent.
const SYSTEM_PERCENT: f64 = 0.15;

/// One dialogue; it ends with an answer of the assistant.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it teaches.
    pub kind: Kind,
    /// The dialogue, with the edits rendered into the user message that they came with: the last one, unless the row is
    /// an interview.
    pub messages: Vec<Message>,
    /// The statements of the edits that are in force, in prompt order.
    pub edits: Vec<String>,
    /// What the user asked in that message, without the edits.
    pub query: String,
}

impl Row {
    /// The last answer.
    #[must_use]
    pub fn answer(&self) -> &str {
        self.messages.last().map_or("", |m| m.content.as_str())
    }

    /// The dialogue up to the answer.
    #[must_use]
    pub fn prompt(&self) -> &[Message] {
        self.messages.split_last().map_or(&[], |(_, prompt)| prompt)
    }
}

/// An endless table of rows.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    atlas: &'static Atlas,
    seed: u64,
    split: Split,
    planned: Option<u64>,
    choice: Choice,
}

/// Which rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// All of the mix.
    All,
    /// Those of the mix that have no edit in front of a question.
    WithoutEdits,
}

impl Rows {
    /// Rows of the full mix, from the first on.
    #[must_use]
    pub fn new(atlas: &'static Atlas, seed: u64, split: Split) -> Self {
        Self { atlas, seed, split, planned: None, choice: Choice::All }
    }

    /// With the mix changing over `planned` rows: copying first, the full mix later ([`MIX`]).
    #[must_use]
    pub fn with_curriculum(self, planned: u64) -> Self {
        Self { planned: Some(planned.max(1)), ..self }
    }

    /// Only the rows of the mix that have no edit: what a model is trained on that has not been aligned yet.
    #[must_use]
    pub fn without_edits(self) -> Self {
        Self { choice: Choice::WithoutEdits, ..self }
    }

    /// Row `index`. Where edits are in force it is an interview: further questions about the same edits follow, so that
    /// one reading of the edits teaches several times.
    #[must_use]
    pub fn row(&self, index: u64) -> Row {
        let mut rng = self.rng(&format!("row {index}"));
        #[expect(clippy::cast_precision_loss, reason = "a share of progress needs no exact integer")]
        let progress = self.planned.map_or(1.0, |planned| index as f64 / planned as f64);
        loop {
            let kind = mix::sample(progress, &mut rng);
            let row = self.make(kind, Turns::Interview, &mut rng);
            if self.choice == Choice::All || row.edits.is_empty() {
                return row;
            }
        }
    }

    /// Dialogue `index` of one kind, with one question about its edits.
    #[must_use]
    pub fn of_kind(&self, kind: Kind, index: u64) -> Row {
        self.make(kind, Turns::One, &mut self.rng(&format!("{kind:?} {index}")))
    }

    fn rng(&self, what: &str) -> ChaCha8Rng {
        let stream = hash(format!("{} {what}", self.split.as_str()).as_bytes());
        ChaCha8Rng::seed_from_u64(stream ^ mix_bits(self.seed))
    }

    fn make(&self, kind: Kind, turns: Turns, rng: &mut ChaCha8Rng) -> Row {
        let mut maker = Maker { atlas: self.atlas, split: self.split, rng };
        let mut draft = maker.draft(kind);
        let about_edits =
            matches!(kind, Kind::EditInScope { .. } | Kind::InventedSubject { .. } | Kind::EditOutOfScope);
        if turns == Turns::Interview && about_edits {
            draft = maker.interview(draft);
        }
        let system = rng
            .random_bool(SYSTEM_PERCENT)
            .then(|| self.atlas.grammar.system.pick_for("system", self.split, rng).to_owned());
        render(self.atlas, kind, system, draft)
    }
}

/// How many questions are asked about the edits of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turns {
    /// One.
    One,
    /// As many as the edits answer, and one that they do not.
    Interview,
}

fn render(atlas: &Atlas, kind: Kind, system: Option<String>, draft: Draft) -> Row {
    let Draft { history, edits, query, answer, later } = draft;
    let edits: Vec<String> = edits.into_iter().map(|edit| edit.text).collect();
    let mut messages: Vec<Message> = system.into_iter().map(Message::system).collect();
    for (asked, answered) in history {
        messages.push(Message::user(asked));
        messages.push(Message::assistant(answered));
    }
    let last =
        atlas.template.render(&edits, &query).expect("the embedded template renders: the tests render it");
    messages.push(Message::user(last));
    messages.push(Message::assistant(answer));
    for (asked, answered) in later {
        messages.push(Message::user(asked));
        messages.push(Message::assistant(answered));
    }
    Row { kind, messages, edits, query }
}

#[cfg(test)]
mod tests;
