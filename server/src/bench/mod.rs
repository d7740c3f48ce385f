//! Measuring what Amend adds and what it reaches: the library behind `amend bench`.

pub mod daemon;
pub mod edits;
pub mod latency;
pub mod model;
pub mod overhead;
pub mod scale;
pub mod serving;
pub mod start;
pub mod swaps;

use crate::{app::AppError, engine::EngineError};
use amend_editor::EditError;
use amend_eval::SuiteError;
use amend_proto::ModelError;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The daemon could not be put together.
    #[error(transparent)]
    App(#[from] AppError),
    /// The model could not be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The edits could not be written.
    #[error("failed to change the edits")]
    Edits(#[from] EditError),
    /// The items are not a suite.
    #[error("failed to put the questions together")]
    Suite(#[from] SuiteError),
    /// An answer failed: it has no time.
    #[error("failed to answer a question")]
    Answer(#[from] ModelError),
    /// The daemon refused a request, or was not there.
    #[error("failed to ask the daemon")]
    Http(#[from] reqwest::Error),
    /// The system refused.
    #[error("failed to start a daemon to measure")]
    System(#[from] std::io::Error),
    /// The daemon did not become ready in time.
    #[error("the daemon did not become ready; start it by hand to see why")]
    NotReady,
    /// The kernel did not tell.
    #[error(transparent)]
    Kernel(#[from] scale::ScaleError),
    /// An answer broke off, or was not what the API promises.
    #[error("the daemon's answer broke off or cannot be read")]
    Broken,
    /// A training did not go as it must.
    #[error("the training ended: {0}")]
    Job(String),
    /// Nothing was measured.
    #[error("there is nothing to measure; ask for at least one")]
    Nothing,
}
