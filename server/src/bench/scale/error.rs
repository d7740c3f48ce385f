//! Why the store could not be measured.

use super::Phase;
use amend_editor::{DenseError, EditError, ImportStopped};
use amend_proto::{EditId, EmbedError, InvalidId};
use std::{path::PathBuf, process::ExitStatus};

/// Why the store could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaleError {
    /// The store refused.
    #[error("the store failed")]
    Edits(#[from] EditError),
    /// The import did not end.
    #[error("the import did not end")]
    Import(#[from] ImportStopped),
    /// An import left lines out.
    #[error("{refused} lines were refused, the first: {first}")]
    Refused {
        /// How many.
        refused: u64,
        /// The first problem.
        first: String,
    },
    /// What was acknowledged does not stand.
    #[error("the edit {id} was acknowledged and does not stand")]
    Lost {
        /// Which edit.
        id: EditId,
    },
    /// A file of the measurement could not be read or written.
    #[error("failed to use {}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The operating system tells nothing of this process.
    #[error("failed to read {path}: {reason}; the measurement needs Linux")]
    System {
        /// The file of `/proc`.
        path: &'static str,
        /// What was wrong with it.
        reason: String,
    },
    /// A process that was started for a phase failed; it has said why.
    #[error("the phase {phase} of {edits} edits failed ({status})")]
    Child {
        /// What it was to do.
        phase: Phase,
        /// Among so many edits.
        edits: usize,
        /// How it ended.
        status: ExitStatus,
    },
    /// A process could not be started.
    #[error("failed to start a process for a phase")]
    Start(#[source] std::io::Error),
    /// What a phase left for another is not what it should be.
    #[error("a phase left something else than it should")]
    Left(#[from] serde_json::Error),
    /// A line of the built-in wording does not fit.
    #[error("{reason} in the line {line:?} of wording.txt")]
    Wording {
        /// The line.
        line: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name that is built in is none.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// An embedding could not be made.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The index of embeddings refused.
    #[error(transparent)]
    Dense(#[from] DenseError),
    /// A task ended without a result.
    #[error("a task of the measurement ended")]
    Task(#[from] tokio::task::JoinError),
    /// Nothing was measured.
    #[error("there is nothing to measure; ask for {} edits or more", super::LEAST)]
    Nothing,
}

impl ScaleError {
    /// For `map_err` beside a path.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
