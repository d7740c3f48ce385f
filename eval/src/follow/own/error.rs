//! What can be wrong with a suite's files.

use crate::follow::{constraint::Clash, item::GroupId};

/// Why a suite cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SuiteFileError {
    /// The disk.
    #[error("failed to read {path}")]
    Io {
        /// The file or folder.
        path: String,
        /// What happened.
        source: std::io::Error,
    },
    /// A file is larger, or a folder has more files, than any suite needs.
    #[error("failed to read {path}: {what}")]
    TooLarge {
        /// The file or folder.
        path: String,
        /// Which bound it breaks.
        what: String,
    },
    /// There is nothing in it.
    #[error("failed to read {path}: there is no group in it")]
    Empty {
        /// The file or folder.
        path: String,
    },
    /// No TOML, a field that is missing or unknown, a constraint of an unknown kind.
    #[error("failed to read {file}: {source}")]
    Syntax {
        /// The file.
        file: String,
        /// Where, and what was expected.
        source: Box<toml::de::Error>,
    },
    /// The file is of a schema that this program does not know.
    #[error("failed to read {file}: its schema is {found:?}; this program reads {:?}", super::SCHEMA)]
    Schema {
        /// The file.
        file: String,
        /// What it says.
        found: String,
    },
    /// Files of one folder name different suites.
    #[error("failed to read {file}: it belongs to the suite {found:?}, the files before it to {expected:?}")]
    OtherSuite {
        /// The file.
        file: String,
        /// What it says.
        found: String,
        /// What the others say.
        expected: String,
    },
    /// Something is wrong with a group.
    #[error("failed to read {file}: group {group}: {problem}")]
    Group {
        /// The file.
        file: String,
        /// The group.
        group: GroupId,
        /// What is wrong.
        problem: GroupProblem,
    },
    /// Something is wrong with a level.
    #[error("failed to read {file}: group {group}, level {level}: {problem}")]
    Level {
        /// The file.
        file: String,
        /// The group.
        group: GroupId,
        /// The level, 1 to 5.
        level: usize,
        /// What is wrong.
        problem: LevelProblem,
    },
}

/// What is wrong with a group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupProblem {
    /// Another group has its name.
    #[error("a group of this name stands before it")]
    Duplicate,
    /// Its name cannot be part of an id.
    #[error("the name must be of small letters, digits and dashes")]
    Name,
    /// A level is missing.
    #[error("level {0} is missing; a group has five")]
    MissingLevel(usize),
    /// There are more than five.
    #[error("it has {0} levels; a group has five")]
    TooManyLevels(usize),
    /// A field is missing or has no place here.
    #[error("{0}")]
    Fields(&'static str),
}

/// What is wrong with a level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LevelProblem {
    /// A field is missing or has no place here.
    #[error("{0}")]
    Fields(&'static str),
    /// The constraint by itself.
    #[error("{0}")]
    Constraint(String),
    /// The constraint next to an earlier one.
    #[error("{constraint} — {clash}")]
    Clash {
        /// The constraint.
        constraint: String,
        /// What it clashes with.
        clash: Clash,
    },
    /// The same text as at an earlier level.
    #[error("its text is that of an earlier level")]
    SameText,
    /// The witness fails.
    #[error("the witness breaks: {constraint} — {reason}")]
    Witness {
        /// Which constraint.
        constraint: String,
        /// What the witness has instead.
        reason: String,
    },
    /// A near miss is none.
    #[error("a near miss must break this level's constraint and no other: {0}")]
    NearMiss(String),
}
