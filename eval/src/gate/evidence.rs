//! What a suite found of a model.

use serde::{Deserialize, Serialize};

/// A time in seconds.
pub type Seconds = f64;

/// What the groups stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// Others like them, of which these were drawn or written: what is measured is uncertain.
    #[default]
    Sample,
    /// Themselves, as all live edits do: what is measured is what is asked.
    Whole,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// Unique within the suite.
    pub id: String,
    /// What weighs the same as any other: a category; one for all where there are none.
    pub stratum: String,
    /// What stands or falls together, unique within the suite.
    pub group: String,
    /// Whether all was satisfied; nothing when it failed with an error or could not be read.
    pub hard: Option<bool>,
    /// The share that was satisfied, likewise.
    pub soft: Option<f64>,
}

/// One suite's measurement of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The suite, as policies name it.
    pub suite: String,
    /// Of everything that decides an outcome: measurements of different ones are not compared.
    pub fingerprint: String,
    /// The model.
    pub model: String,
    /// Its revision.
    pub revision: String,
    /// The judges and their versions; empty when code decides.
    pub judges: Vec<String>,
    /// The share of right verdicts of the worst of them on answers with known ones; nothing when one was not rated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_accuracy: Option<f64>,
    /// How answers were drawn, with the seed: measurements of different ones are not compared.
    pub sampling: String,
    /// What the groups stand for.
    #[serde(default)]
    pub population: Population,
    /// Every item of the suite, also those without a result.
    pub items: Vec<EvidenceItem>,
    /// Items that failed with an error.
    pub errors: usize,
    /// Items whose verdict could not be read.
    pub unparsed: usize,
    /// The 99th percentile of the time to the first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_p99: Option<Seconds>,
    /// Why it must not be used, such as that the revision changed meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

impl Evidence {
    pub(super) fn share(&self, of: usize) -> f64 {
        of as f64 / self.items.len().max(1) as f64
    }
}
