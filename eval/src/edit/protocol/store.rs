//! What a protocol needs of the place where edits live.

use crate::edit::metrics::Micros;
use amend_proto::EditId;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::error::Error;

/// What a store finds, decides and prompts with. A run with another one measures something else, and reports name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// The sentence encoder that finds edits by what they mean; `None` when they are found by their words alone.
    pub encoder: Option<String>,
    /// Every setting of the scope decision, in the store's own words: the same text means the same decisions.
    pub scope: String,
    /// SHA-256 of the template that puts edits in front of a question, in hexadecimal digits.
    pub template: String,
}

/// An edit to put into the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEdit {
    /// Its name, unique within the run.
    pub id: EditId,
    /// What it is about.
    pub subject: String,
    /// The statement, one line.
    pub text: String,
}

/// An edit that a question finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Which edit.
    pub id: EditId,
    /// How well it fits; higher is closer.
    pub score: f32,
    /// What the scope decision made of it.
    pub fate: Fate,
}

/// What becomes of an edit that was considered for a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is put in front of the question.
    Applied,
    /// It is not.
    LeftOut,
}

/// Whether edits would be put in front of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Some of those found.
    Apply,
    /// None.
    Bypass,
}

/// What a question finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// Whether edits would be applied.
    pub decision: Decision,
    /// All edits that were considered, the best first, whatever the scope decision made of them: recall is counted on
    /// this list, and tells what retrieval did before anything was decided.
    pub ranked: Vec<Hit>,
    /// How long finding and deciding took, as they are done for a request.
    pub took: Micros,
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// These edits cannot be stored as they are (too long, say). Others can: the run goes on without them.
    #[error("the store refuses the edit: {reason}")]
    Rejected {
        /// Why, for a person.
        reason: String,
    },
    /// The store itself fails. The run stops, and can be resumed.
    #[error("the store of edits failed to {doing}")]
    Failed {
        /// What was asked: "add 3 edits".
        doing: String,
        /// What happened.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A place where edits live, which nothing else writes to while a run lasts: an empty one, or a tenant of its own.
///
/// What [`add`](Self::add) and [`remove`](Self::remove) have acknowledged is seen by the next
/// [`lookup`](Self::lookup) and by the next request to the edited model.
#[async_trait]
pub trait EditStore: Send + Sync {
    /// What it finds, decides and prompts with, while the run lasts.
    fn info(&self) -> StoreInfo;

    /// The most edits of one [`add`](Self::add) or [`remove`](Self::remove).
    fn batch(&self) -> std::num::NonZeroUsize;

    /// Adds all of them, or none. None of the ids is in the store.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn add(&self, edits: Vec<NewEdit>) -> Result<(), StoreError>;

    /// Removes edits. An id that is not there is no error: a run begins by removing what an interrupted one left.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    async fn remove(&self, ids: Vec<EditId>) -> Result<(), StoreError>;

    /// What the edited model would do with this question, asked as the one user message of a conversation.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lookup(&self, query: &str) -> Result<Lookup, StoreError>;
}
