//! Why the editor refused or failed.

use crate::edit::Seq;
use amend_proto::EditId;
use std::path::PathBuf;

/// A failure of the editor. [`Display`](std::fmt::Display) is for the client; what only the log should tell is in
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// What was sent cannot be an edit; nothing was stored.
    #[error("{param} {reason}")]
    InvalidEdit {
        /// The offending field in the batch's spelling: `edits`, `edits[3].text`, `limit`.
        param: String,
        /// What is wrong with it and what would be right; reads on from the field's name.
        reason: String,
    },
    /// No edit stands under this id.
    #[error("there is no edit {id:?}; it may have been removed", id = .id.as_str())]
    NotFound {
        /// The id that was asked for.
        id: EditId,
    },
    /// The id or the idempotency key stands for something else already; nothing was stored.
    #[error("{message}")]
    Conflict {
        /// `edits[2].id` or `idempotency_key`.
        param: String,
        /// What it stands for, and what to do.
        message: String,
    },
    /// Storing these edits would exceed the configured number of those that stand. How many stand is left out: they are
    /// all tenants'.
    #[error(
        "there is room for {limit} edits of all tenants together, and it is taken; remove some, or raise the limit"
    )]
    Full {
        /// The configured bound.
        limit: usize,
    },
    /// Another process works on this data folder.
    #[error(
        "the data folder of {} is in use by another process (it holds {}); stop that one or choose another folder",
        .database.display(), .lock.display()
    )]
    Locked {
        /// The database that was to be opened.
        database: PathBuf,
        /// The lock file that the other process holds.
        lock: PathBuf,
    },
    /// The log holds an operation that this version does not know.
    #[error("entry {seq} of the edit log is {op:?}, which this version does not know; use a newer one")]
    UnknownOperation {
        /// The entry's sequence number.
        seq: Seq,
        /// The operation's name.
        op: String,
    },
    /// The template cannot be used.
    #[error("the edit template is not usable: {reason}")]
    Template {
        /// What is wrong with it.
        reason: String,
        /// The template engine's own account.
        #[source]
        source: Option<minijinja::Error>,
    },
    /// The sentence encoder or its embedding cache is not usable; the editor is not opened.
    #[error("the sentence encoder or its embedding cache is not usable: {reason}")]
    Encoder {
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The disk or the database failed. Whether a write took effect is known after the next successful one, or by
    /// sending it again with the same idempotency key.
    #[error("the edit store failed to {action}; the request may be sent again")]
    Storage {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store could not be opened.
    #[error("the edit store could not be opened: it failed to {action}")]
    Open {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was to be imported could not be read to its end.
    #[error("what was to be imported could not be read to its end")]
    Input {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store is shut down.
    #[error("the edit store is shut down")]
    Closed,
}

impl EditError {
    /// The request field at fault, if one is.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::InvalidEdit { param, .. } | Self::Conflict { param, .. } => Some(param),
            _ => None,
        }
    }

    pub(crate) fn invalid(param: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidEdit { param: param.into(), reason: reason.into() }
    }

    /// The same when it happened while the store was opened: nothing was sent that could be sent again.
    pub(crate) fn while_opening(self) -> Self {
        match self {
            Self::Storage { action, source } => Self::Open { action, source },
            error => error,
        }
    }

    pub(crate) fn storage(
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Storage { action, source: source.into() }
    }
}
