//! What can go wrong with the database.

use std::{io, path::PathBuf, sync::Arc};

/// Why the ledger did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// Another process has it.
    #[error("the database {} is in use by another process (lock {})", database.display(), lock.display())]
    Locked {
        /// The database.
        database: PathBuf,
        /// What is locked.
        lock: PathBuf,
    },
    /// It was closed.
    #[error("the ledger is closed")]
    Closed,
    /// A write broke off in a way that it should not; the log says more. It was undone.
    #[error("a write of the ledger broke off")]
    Broken,
    /// The database or the disk.
    #[error("the ledger failed to {doing}")]
    Storage {
        /// What it was about to do.
        doing: &'static str,
        /// Why it could not.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl LedgerError {
    /// A failure while doing this.
    pub fn storage(doing: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Storage { doing, source: Arc::new(error) }
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            error => Self::storage("ask its database", error),
        }
    }
}

impl From<serde_json::Error> for LedgerError {
    /// A record that is kept as JSON.
    fn from(error: serde_json::Error) -> Self {
        Self::storage("read or write a record", error)
    }
}

impl From<LedgerError> for io::Error {
    fn from(error: LedgerError) -> Self {
        Self::other(error)
    }
}
