//! Suites of our own: every constraint is decided by code, so no judge is needed.
//!
//! Two are shipped, in `eval/suites`: `amend-follow`, for any model, and `atlas-follow`, for the built-in one. A suite is one
//! TOML file or a folder of them:
//!
//! ```toml
//! schema = "amend.follow-suite/1"
//! suite = "my-suite"
//!
//! [[content]]                       # or situation, style, format, example, mixed: the group's category
//! name = "tide-pool"                # unique within its category
//! ask = "Describe a tide pool."     # level 0
//! levels = [                        # levels 1 to 5: the text that is added, and what decides it
//!   { say = "Mention a crab.", check = { kind = "include", terms = ["crab"] } },
//!   { say = "Use at most 30 words.", check = { kind = "count", unit = "word", count = { at_most = 30 } } },
//!   # ... three more
//! ]
//! witness = "A crab waits."         # an answer that meets all five: the proof that they can be met
//! near = [ { level = 1, answer = "A fish waits." } ]   # answers that break that level's constraint alone; may be left out
//! ```
//!
//! The instruction of a level is `ask` and every `say` up to it, parted by one space, or by nothing behind a line break. The
//! kinds of `check` are the variants of [`Constraint`](super::constraint::Constraint).
//!
//! A group of *steps* has `core = "Paris"`, and each level has `ask` (its whole instruction) and `step` instead of `say` and
//! `check`; `witnesses` holds one answer for each level, since what a step comes to depends on the steps behind it.
//!
//! A file with an unknown field, a missing level, a duplicate, a constraint that contradicts an earlier one or adds nothing
//! to it, a witness that fails or a near miss that does not is refused, with file, group and level.

mod build;
mod error;
mod file;
mod group;
mod read;

pub use error::{GroupProblem, LevelProblem, SuiteFileError};
pub use file::SCHEMA;
pub use group::{Added, Group, NearMiss};
pub use read::{SuiteText, texts};

use super::item::FollowSuite;
use std::path::Path;

/// A suite that is shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// 120 groups in six categories, for any model.
    AmendFollow,
    /// 120 groups that the built-in model can be asked: facts of its world, with steps. Three categories: `content` (three of
    /// five steps add words), `format` (letter case and what encloses) and `mixed`.
    AtlasFollow,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::AmendFollow, Self::AtlasFollow];

    /// The suite's name in policies and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AmendFollow => "amend-follow",
            Self::AtlasFollow => "atlas-follow",
        }
    }

    /// The suite of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    fn files(self) -> &'static [(&'static str, &'static str)] {
        macro_rules! embedded {
            ($($path:literal),* $(,)?) => {
                &[$(($path, include_str!(concat!("../../../suites/", $path)))),*]
            };
        }
        match self {
            Self::AmendFollow => embedded![
                "amend-follow/content.toml",
                "amend-follow/situation.toml",
                "amend-follow/style.toml",
                "amend-follow/format.toml",
                "amend-follow/example.toml",
                "amend-follow/mixed.toml",
            ],
            Self::AtlasFollow => embedded!["atlas-follow/atlas.toml"],
        }
    }

    /// The suite with its witnesses, read from this program.
    ///
    /// # Errors
    /// None for the files as they are shipped; a test reads them all.
    pub fn load(self) -> Result<OwnSuite, SuiteFileError> {
        let files = self.files().iter();
        OwnSuite::parse(
            files.map(|(file, text)| SuiteText { file: (*file).to_owned(), text: (*text).to_owned() }),
        )
    }
}

/// A suite as its files have it: items, and the proofs that they can be met.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnSuite {
    /// What the suite is called.
    pub name: String,
    /// By category, then in the order of the files.
    pub groups: Vec<Group>,
}

impl OwnSuite {
    /// Takes the texts of a suite's files.
    ///
    /// # Errors
    /// [`SuiteFileError`], with file, group and level.
    pub fn parse(files: impl IntoIterator<Item = SuiteText>) -> Result<Self, SuiteFileError> {
        read::parse(files).map_err(first)
    }

    /// Everything that is wrong with a suite's files, for who writes one; empty when nothing is.
    pub fn problems(files: impl IntoIterator<Item = SuiteText>) -> Vec<SuiteFileError> {
        read::parse(files).err().unwrap_or_default()
    }

    /// Reads a suite from a file, or from all `*.toml` files of a folder.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when something cannot be read or is too large.
    pub fn read(path: &Path) -> Result<Self, SuiteFileError> {
        read::parse(read::texts(path)?).map_err(first)
    }

    /// What is asked of a model.
    #[must_use]
    pub fn suite(&self) -> FollowSuite {
        build::suite(self)
    }
}

/// The first of what is wrong: there is one.
fn first(errors: Vec<SuiteFileError>) -> SuiteFileError {
    let none = || SuiteFileError::Empty { path: String::new() };
    errors.into_iter().next().unwrap_or_else(none)
}

#[cfg(test)]
mod tests;
