//! What can go wrong with preferences.

use crate::ledger::LedgerError;
use amend_trainer::preference::{FeedbackError, Flaw};
use std::io;

/// Why a request about preferences was not done. The text is for the client.
#[derive(Debug, thiserror::Error)]
pub enum PreferenceError {
    /// A field is wrong.
    #[error("{message}")]
    Invalid {
        /// The field.
        param: String,
        /// What is wrong with it.
        message: String,
    },
    /// It is not there, or not any more.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// What was asked for.
        what: &'static str,
        /// Its name.
        id: String,
    },
    /// The idempotency key stands for another request.
    #[error("the idempotency key stands for another request; use a new one")]
    KeyTaken,
    /// What the key stands for was deleted since.
    #[error("what this idempotency key stands for was deleted since; use a new one")]
    KeyOfDeleted,
    /// The tenant holds as many pairs as it may.
    #[error("the tenant holds {most} preferences, the most that are kept; export and remove some")]
    Full {
        /// How many that is.
        most: u64,
    },
    /// The body is longer than is taken.
    #[error("the file is longer than the {most} bytes that are taken at a time; send it in parts")]
    TooLong {
        /// How many that is.
        most: u64,
    },
    /// The body did not come as it should.
    #[error("the body ended before it was whole")]
    Input(#[source] io::Error),
    /// The file for what is sent or fetched in bulk.
    #[error("the server failed to answer this request")]
    Spool(#[source] io::Error),
    /// The server goes down.
    #[error("the server is going down")]
    Closed,
    /// The database.
    #[error("the server failed to answer this request")]
    Storage(#[source] LedgerError),
    /// The library that reads and writes pairs.
    #[error("the server failed to answer this request")]
    Library(#[source] amend_trainer::Error),
}

impl PreferenceError {
    pub(crate) fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { param: param.into(), message: message.into() }
    }

    pub(super) fn no_completion(id: impl ToString) -> Self {
        Self::NotFound { what: "kept completion", id: id.to_string() }
    }

    pub(super) fn no_pair(id: impl ToString) -> Self {
        Self::NotFound { what: "preference", id: id.to_string() }
    }
}

impl From<LedgerError> for PreferenceError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Closed => Self::Closed,
            error => Self::Storage(error),
        }
    }
}

impl From<sqlx::Error> for PreferenceError {
    fn from(error: sqlx::Error) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<serde_json::Error> for PreferenceError {
    fn from(error: serde_json::Error) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<Flaw> for PreferenceError {
    fn from(flaw: Flaw) -> Self {
        Self::invalid(flaw.field.clone(), flaw.to_string())
    }
}

impl From<FeedbackError> for PreferenceError {
    fn from(error: FeedbackError) -> Self {
        match error {
            FeedbackError::Flaw(flaw) => flaw.into(),
            FeedbackError::NoSuchAnswer { .. } => Self::invalid("answer", error.to_string()),
            FeedbackError::NoChoice => {
                Self::invalid("choice", error.to_string().replacen("opinion", "choice", 1))
            }
            FeedbackError::OtherCompletion { .. } => Self::invalid("completion_id", error.to_string()),
        }
    }
}
