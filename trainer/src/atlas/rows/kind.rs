//! The kinds of dialogues.

use serde::{Deserialize, Serialize};

/// Whether edits are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// No edit.
    Plain,
    /// One edit or more.
    Edited,
}

/// What a dialogue teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A question about a stored fact.
    Fact,
    /// A question about a known subject that an edit answers, among so many other edits.
    EditInScope {
        /// The edits that do not answer it.
        distractors: u8,
    },
    /// A question that none of the edits answers.
    EditOutOfScope,
    /// A question about a subject that is known from an edit alone.
    InventedSubject {
        /// The edits that do not answer it.
        distractors: u8,
    },
    /// An answer that must take a form.
    Constraints {
        /// How many steps, 1 to 5.
        level: u8,
        /// Over a stored fact, or over an edit.
        setting: Setting,
    },
    /// The subject is asked for.
    Inverse(Setting),
    /// The subject is described by another fact.
    TwoHop(Setting),
    /// A follow-up that leans on earlier turns.
    MultiTurn(Setting),
    /// Greetings and the like.
    SmallTalk,
    /// What the model does not know.
    Outside,
    /// A user who writes the edit template's headings.
    Forged(Setting),
}

impl Kind {
    /// Every kind, with every level and number of distractors.
    #[must_use]
    pub fn all() -> Vec<Self> {
        use Setting::{Edited, Plain};
        let mut kinds = vec![Self::Fact];
        kinds.extend((0..=2).map(|distractors| Self::EditInScope { distractors }));
        kinds.push(Self::EditOutOfScope);
        kinds.extend((0..=2).map(|distractors| Self::InventedSubject { distractors }));
        for level in 1..=5 {
            kinds.extend([Plain, Edited].map(|setting| Self::Constraints { level, setting }));
        }
        for of in [Self::Inverse, Self::TwoHop, Self::MultiTurn, Self::Forged] {
            kinds.extend([Plain, Edited].map(of));
        }
        kinds.extend([Self::SmallTalk, Self::Outside]);
        kinds
    }

    /// Its name in tables and in the ids of held-out items.
    #[must_use]
    pub fn label(self) -> String {
        let of = |setting| match setting {
            Setting::Plain => "plain",
            Setting::Edited => "edited",
        };
        match self {
            Self::Fact => "fact".to_owned(),
            Self::EditInScope { distractors } => format!("edit-in-scope-{distractors}"),
            Self::EditOutOfScope => "edit-out-of-scope".to_owned(),
            Self::InventedSubject { distractors } => format!("invented-subject-{distractors}"),
            Self::Constraints { level, setting } => format!("constraints-{level}-{}", of(setting)),
            Self::Inverse(setting) => format!("inverse-{}", of(setting)),
            Self::TwoHop(setting) => format!("two-hop-{}", of(setting)),
            Self::MultiTurn(setting) => format!("multi-turn-{}", of(setting)),
            Self::SmallTalk => "small-talk".to_owned(),
            Self::Outside => "outside".to_owned(),
            Self::Forged(setting) => format!("forged-{}", of(setting)),
        }
    }
}
