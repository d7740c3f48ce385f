//! Why a gate cannot be begun or shown.

use crate::{jobs::JobError, ledger::LedgerError, revisions::RevisionError};
use amend_proto::GateId;

/// Why a gate cannot be begun or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// There is none of that name.
    #[error("there is no gate `{0}`")]
    NotFound(String),
    /// What was asked for makes no sense.
    #[error("{param}: {message}")]
    Invalid {
        /// The field.
        param: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// There is nothing that waits to be judged.
    #[error("no candidate waits for a gate; name a revision")]
    NoCandidate,
    /// It has no report, or not yet.
    #[error("the gate `{0}` has no report: it has not measured yet, or could not")]
    NoReport(GateId),
    /// A report cannot be read.
    #[error("failed to read the report")]
    Files(#[source] std::io::Error),
    /// A report cannot be written.
    #[error("failed to write the report")]
    Template(#[source] minijinja::Error),
    /// The revision is being judged.
    #[error("the gate `{gate}` of that revision is under way; wait for it, or cancel its job")]
    UnderWay {
        /// By which.
        gate: GateId,
    },
    /// The revision.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The job.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The database.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<minijinja::Error> for GateError {
    fn from(error: minijinja::Error) -> Self {
        Self::Template(error)
    }
}

impl From<sqlx::Error> for GateError {
    fn from(error: sqlx::Error) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<serde_json::Error> for GateError {
    fn from(error: serde_json::Error) -> Self {
        LedgerError::from(error).into()
    }
}
