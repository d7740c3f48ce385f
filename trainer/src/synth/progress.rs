//! How far a run is, and what it counted.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Told how far a run is.
pub trait SynthObserver: Send {
    /// A stage of the run: so many of so many are done.
    fn at(&mut self, stage: &str, done: usize, of: usize);
    /// A line worth reading.
    fn say(&mut self, line: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl SynthObserver for Silent {
    fn at(&mut self, _: &str, _: usize, _: usize) {}
    fn say(&mut self, _: &str) {}
}

/// How many of what, by stage and reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(pub BTreeMap<String, BTreeMap<String, u64>>);

impl Counts {
    /// Counts one.
    pub fn one(&mut self, stage: impl Into<String>, reason: &str) {
        self.add(stage, reason, 1);
    }

    /// Counts several.
    pub fn add(&mut self, stage: impl Into<String>, reason: &str, count: u64) {
        if count > 0 {
            *self.0.entry(stage.into()).or_default().entry(reason.to_owned()).or_default() += count;
        }
    }

    /// How many there are.
    #[must_use]
    pub fn get(&self, stage: &str, reason: &str) -> u64 {
        self.0.get(stage).and_then(|reasons| reasons.get(reason)).copied().unwrap_or_default()
    }
}
