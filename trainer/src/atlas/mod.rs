//! Atlas, the small world that the built-in model knows.
//!
//! Real geography, the chemical elements, and the companies of an invented economy, whose officers change. The module
//! generates everything that the built-in model is trained and measured on:
//!
//! - [`world`]: what is true before any edit;
//! - [`names`]: invented and real names for subjects and objects that are not in the world;
//! - [`phrasing`]: a grammar of questions, statements and output constraints, read from `data/*.txt`;
//! - [`rows`]: training dialogues, each a pure function of seed, split and index;
//! - [`oracle`]: rules that answer perfectly in this world, for tests;
//! - [`heldout`]: the items that the figures are measured on, with patterns and names that no training row has;
//! - [`build`]: the recipe that trains the built-in model, and [`builtin`]: what it made, embedded.
//!
//! Every pattern, name and (subject, relation) that is edited belongs to one [`Split`] for good, by hash or by a mark in
//! the data file, so that train and test can never meet.

pub mod build;
pub mod builtin;
pub mod heldout;
pub mod names;
pub mod oracle;
pub mod phrasing;
pub mod rows;
pub(crate) mod split;
pub mod world;

pub use heldout::{HeldOutItem, corpus, held_out};
pub use oracle::AtlasOracle;
pub use rows::{Kind, Row, Rows, Setting};
pub use split::Split;
pub use world::{Name, Relation, Thing, World};

use phrasing::{EditTemplate, Grammar};
use std::sync::LazyLock;

/// What is wrong with a data file of the world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// A line that cannot be read.
    #[error("line {line} of {file} is wrong: {what}")]
    Line {
        /// The file's name.
        file: &'static str,
        /// Counted from 1.
        line: usize,
        /// What was expected.
        what: &'static str,
    },
    /// A section that the generator needs is absent or empty.
    #[error("{file} has no patterns in section [{section}] for the {split} split; add some")]
    Section {
        /// The file's name.
        file: &'static str,
        /// The section's heading.
        section: String,
        /// The split that lacks patterns.
        split: &'static str,
    },
    /// The edit template does not compile.
    #[error("the edit template cannot be used: {0}")]
    Template(String),
}

/// The world, its language and its names together.
#[derive(Debug)]
pub struct Atlas {
    /// The facts.
    pub world: World,
    /// The patterns.
    pub grammar: Grammar,
    /// The building blocks of names.
    pub names: names::Names,
    /// How edits are put in front of a question.
    pub template: EditTemplate,
}

impl Atlas {
    /// Reads the embedded data files.
    ///
    /// # Errors
    /// [`DataError`] names the file and the line; the tests show that the embedded files have none.
    pub fn load() -> Result<Self, DataError> {
        Ok(Self {
            world: World::load()?,
            grammar: Grammar::load()?,
            names: names::Names::load()?,
            template: EditTemplate::load()?,
        })
    }

    /// The one atlas of this build.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static ATLAS: LazyLock<Atlas> =
            LazyLock::new(|| Atlas::load().expect("the embedded data files parse: the tests load them"));
        &ATLAS
    }
}
