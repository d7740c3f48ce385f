//! What a protocol needs of the place where edits live.

use amend_proto::EditId;
use async_trait::async_trait;
use std::error::Error;

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
    /// The edits that come into question, the best first; recall is counted on this list.
    pub ranked: Vec<Hit>,
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
    #[error("the store of edits failed to {doing}: {source}")]
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
