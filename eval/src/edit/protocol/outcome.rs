//! What measuring one record gave; the rows of a run's journal.

use crate::{
    data::{LocalityKind, PortabilityKind},
    edit::metrics::{AnswerScore, Micros},
};
use serde::{Deserialize, Serialize};

/// What a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// The edit's own prompt.
    Prompt,
    /// The prompt in other words.
    Rephrasing,
    /// What follows from the edit.
    Portability(PortabilityKind),
    /// What the edit must leave alone.
    Locality(LocalityKind),
}

/// Something that was measured, or the error that came instead. A failure counts as a score of nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading<T> {
    /// It was measured.
    Scored(T),
    /// It could not be.
    Failed(String),
}

impl<T> Reading<T> {
    /// What was measured.
    pub fn scored(&self) -> Option<&T> {
        match self {
            Self::Scored(value) => Some(value),
            Self::Failed(_) => None,
        }
    }

    /// Why nothing was.
    pub fn failed(&self) -> Option<&str> {
        match self {
            Self::Scored(_) => None,
            Self::Failed(why) => Some(why),
        }
    }
}

/// The teacher-forced scores of one question, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ForcedScore {
    /// Of the first answer under its first name.
    pub first: f64,
    /// The best of all answers and names; of a locality question, as `first`.
    pub best: f64,
}

/// What a question found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupScore {
    /// The place of the record's first edit among all that were considered, from 1.
    pub rank: Option<u32>,
    /// Whether the scope decision kept one of the record's edits: it is put in front of the question.
    pub kept: bool,
    /// Whether any edit would be put in front of the question.
    pub injected: bool,
    /// How long it took.
    pub took: Micros,
}

/// What asking one question gave. What is not measured in this run is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeOutcome {
    /// What it is for.
    pub kind: ProbeKind,
    /// Its place among those of its kind, from 0.
    pub item: usize,
    /// Teacher-forced. Of a locality question: the share of equal tokens with and without the edits.
    pub forced: Option<Reading<ForcedScore>>,
    /// Generated. Of a locality question, `exact` says that the answer is the same with and without the edits after
    /// normalisation, `contains` that both or neither contain the expected answer.
    pub answer: Option<Reading<AnswerScore>>,
    /// Looked up.
    pub lookup: Option<Reading<LookupScore>>,
}

/// What measuring one record gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How many records' edits were in the store.
    pub stage: usize,
    /// The record's place in the file.
    pub record: usize,
    /// Why the store would not take its edit; it was measured without.
    pub rejected: Option<String>,
    /// One for each question, in the record's order.
    pub probes: Vec<ProbeOutcome>,
    /// The n-gram entropy of a longer text with the edits in front; see [`crate::edit::metrics::ngram_entropy`].
    pub fluency: Option<Reading<f64>>,
}
