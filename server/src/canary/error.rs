//! Why a canary cannot be begun, shown or stopped.

use crate::{ledger::LedgerError, revisions::RevisionError};
use amend_proto::CanaryId;

/// Why a canary cannot be begun, shown or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanaryError {
    /// There is none of that name.
    #[error("there is no canary `{0}`")]
    NotFound(String),
    /// What was asked for makes no sense.
    #[error("{param}: {message}")]
    Invalid {
        /// The field.
        param: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Only one can run.
    #[error("the canary `{0}` is running; stop it first, or wait for its end")]
    UnderWay(CanaryId),
    /// It has ended.
    #[error("the canary `{0}` has ended")]
    Ended(CanaryId),
    /// The revision.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The database.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<sqlx::Error> for CanaryError {
    fn from(error: sqlx::Error) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<serde_json::Error> for CanaryError {
    fn from(error: serde_json::Error) -> Self {
        LedgerError::from(error).into()
    }
}
