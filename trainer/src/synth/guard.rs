//! Decontamination: nothing that a gate asks may be learned from.

use serde::{Deserialize, Serialize};

/// A suite that training data is held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardedSuite {
    /// Its name.
    pub name: String,
    /// Names its content.
    pub fingerprint: String,
    /// Its items.
    pub items: usize,
}

/// What a text shares with a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// The suite.
    pub suite: String,
    /// The item.
    pub item: String,
    /// How: a run of words, or the similarity.
    pub how: String,
}

/// What was left out because a suite asks the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The instruction or the row.
    pub id: String,
    /// What it shares.
    #[serde(flatten)]
    pub overlap: Overlap,
}

/// Knows what the gates ask.
pub trait SuiteGuard: Send + Sync {
    /// The suites.
    fn suites(&self) -> Vec<GuardedSuite>;

    /// From what on a text overlaps, in words, for the data card.
    fn rule(&self) -> String;

    /// What a text shares with one of them.
    fn overlap(&self, text: &str) -> Option<Overlap>;
}

/// Guards nothing, and its data card says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unguarded;

impl SuiteGuard for Unguarded {
    fn suites(&self) -> Vec<GuardedSuite> {
        Vec::new()
    }

    fn rule(&self) -> String {
        "nothing was looked at".to_owned()
    }

    fn overlap(&self, _: &str) -> Option<Overlap> {
        None
    }
}
