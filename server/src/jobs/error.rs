//! Why a job cannot be begun, shown or called off.

use crate::ledger::LedgerError;
use amend_proto::wire::JobState;

/// Why a job cannot be begun, shown or called off.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// There is none of that name.
    #[error("there is no job `{0}`")]
    NotFound(String),
    /// It has ended.
    #[error("the job `{id}` has ended already: it is {}", state_word(*state))]
    Ended {
        /// Which.
        id: String,
        /// How.
        state: JobState,
    },
    /// It has not failed.
    #[error("only a job that failed can be tried again: the job `{id}` is {}", state_word(*state))]
    NotFailed {
        /// Which.
        id: String,
        /// How it is.
        state: JobState,
    },
    /// There are too many that wait.
    #[error("{0} jobs wait already; cancel one, or wait")]
    Full(usize),
    /// The database.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<serde_json::Error> for JobError {
    fn from(error: serde_json::Error) -> Self {
        LedgerError::from(error).into()
    }
}

fn state_word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Paused => "paused",
        JobState::Done => "done",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}
