//! What is asked.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of constraint that a group's levels add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// What the answer must be about or mention.
    Content,
    /// A scene or role that the answer must fit.
    Situation,
    /// Tone and register.
    Style,
    /// Layout.
    Format,
    /// Following the form of examples.
    Example,
    /// Constraints of several kinds.
    Mixed,
}

impl Category {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Content, Self::Situation, Self::Style, Self::Format, Self::Example, Self::Mixed];

    /// The spelling in files and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Situation => "situation",
            Self::Style => "style",
            Self::Format => "format",
            Self::Example => "example",
            Self::Mixed => "mixed",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many constraints have been added: 1 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Level(u8);

/// A number that is no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a level is 1 to 5, not {0}")]
pub struct InvalidLevel(pub u8);

impl Level {
    /// All of them, ascending.
    pub const ALL: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// Takes a number as a level.
    ///
    /// # Errors
    /// [`InvalidLevel`] when it is not 1 to 5.
    pub fn new(number: u8) -> Result<Self, InvalidLevel> {
        if (1..=5).contains(&number) { Ok(Self(number)) } else { Err(InvalidLevel(number)) }
    }

    /// 1 to 5: also the number of constraints of a judged item.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }

    /// The place in an array by level, 0 to 4.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0) - 1
    }
}

impl TryFrom<u8> for Level {
    type Error = InvalidLevel;
    fn try_from(number: u8) -> Result<Self, InvalidLevel> {
        Self::new(number)
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> u8 {
        level.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A group's name within its suite, category included: `format/22`. Statistics resample groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(String);

impl GroupId {
    /// `category/name`.
    #[must_use]
    pub fn new(category: Category, name: impl fmt::Display) -> Self {
        Self(format!("{category}/{name}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an answer is decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// By the published rule of the item's source; decides the item as a whole.
    Rule(super::published::Rule),
    /// By a judge that reads the path of instructions; one verdict for each added constraint.
    Judge,
    /// By code, one verdict for each constraint, in the order in which the levels added them.
    Code(Vec<super::constraint::Constraint>),
}

/// One level of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Of which group.
    pub group: GroupId,
    /// Of which category.
    pub category: Category,
    /// Of which level.
    pub level: Level,
    /// The instructions from level 0 to this one: the last is what the model is asked. Suites without a level 0
    /// (`example` among the published ones) begin at level 1.
    pub path: Vec<String>,
    /// How the answer is decided.
    pub check: Check,
}

impl Item {
    /// Unique within the suite: `format/22#3`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}#{}", self.group, self.level)
    }

    /// What the model is asked.
    #[must_use]
    pub fn instruction(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }
}

/// A named set of items: every group complete, levels ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowSuite {
    /// What the suite is called in policies and reports: `followbench-en`, `amend-follow`, `atlas-follow`.
    pub name: String,
    /// SHA-256 of everything that decides an outcome (instructions, checks), hexadecimal: two reports can be compared
    /// when it is the same.
    pub fingerprint: String,
    /// Groups one after another, each with its levels ascending.
    pub items: Vec<Item>,
}

impl FollowSuite {
    /// Whether there is something in it that neither code nor a rule decides.
    #[must_use]
    pub fn needs_judge(&self) -> bool {
        self.items.iter().any(|item| item.check == Check::Judge)
    }
}
