//! Why a revision cannot be shown, made live or put aside.

use super::LoadError;
use crate::ledger::LedgerError;
use amend_proto::{RevisionId, wire::RevisionState};
use std::io;

/// Why a revision cannot be shown, made live or put aside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevisionError {
    /// The first model is still being loaded.
    #[error("the model is still being loaded; try again in a moment")]
    NotReady,
    /// There is none of that name.
    #[error("there is no revision `{0}`")]
    NotFound(String),
    /// Another one is live than whoever asked believes.
    #[error("the live revision is `{live}`, not `{expected}`; look again, and decide again")]
    NotLive {
        /// What is live.
        live: RevisionId,
        /// What was expected.
        expected: RevisionId,
    },
    /// It is live already.
    #[error("the revision `{0}` is live")]
    Live(RevisionId),
    /// Nobody has judged it.
    #[error(
        "the revision `{id}` is {}: no gate has let it through against `{live}`, which is live, by the daemon's policy; \
         run one (POST /v1/gates, amend gate run {id}), or insist with `\"force\": true` (--force), which is put on the record",
        state_word(*state)
    )]
    NotGated {
        /// Which.
        id: RevisionId,
        /// Its state.
        state: RevisionState,
        /// What is live.
        live: RevisionId,
    },
    /// Whether it was judged cannot be looked up.
    #[error("failed to look up the gates of the revision")]
    Gatekeeper(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is nothing to go back to.
    #[error("no revision was live before `{0}`")]
    NothingBefore(RevisionId),
    /// Its files are not those that were registered.
    #[error("the files of revision `{0}` are not those that were registered; it stays as it is")]
    Changed(RevisionId),
    /// It cannot be loaded, or does not answer.
    #[error("the revision `{id}` cannot be used; `{live}` stays live")]
    Unusable {
        /// Which.
        id: RevisionId,
        /// What is live.
        live: RevisionId,
        /// Why.
        source: LoadError,
    },
    /// A file.
    #[error("failed to {doing}")]
    Files {
        /// What was tried.
        doing: &'static str,
        /// Why it could not.
        source: io::Error,
    },
    /// What the trainer says of the files.
    #[error("failed to read the files of the revision")]
    Trainer(#[from] amend_trainer::Error),
    /// The first model cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The database.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl RevisionError {
    pub(super) fn files(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Files { doing, source }
    }
}

impl From<sqlx::Error> for RevisionError {
    fn from(error: sqlx::Error) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<serde_json::Error> for RevisionError {
    fn from(error: serde_json::Error) -> Self {
        LedgerError::from(error).into()
    }
}

fn state_word(state: RevisionState) -> &'static str {
    match state {
        RevisionState::Candidate => "a candidate",
        RevisionState::Gated => "gated",
        RevisionState::Live => "live",
        RevisionState::Retired => "retired",
        RevisionState::Rejected => "rejected",
    }
}
