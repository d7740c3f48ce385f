//! What can go wrong in this crate.

use std::path::PathBuf;
use thiserror::Error;

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, Error)]
pub enum Error {
    /// A model's config.json is missing something, contradicts itself, or asks for something not supported.
    #[error("model config: {0}")]
    Config(String),
    /// A file of a model folder is missing something, is damaged, or does not fit the others.
    #[error("model file {path}: {problem}")]
    Model {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// An example or a batch cannot be used.
    #[error("training data: {0}")]
    Data(String),
    /// A setting of the trainer makes no sense.
    #[error("training settings: {0}")]
    Settings(String),
    /// A tensor of a checkpoint is missing or has another shape than the model.
    #[error("checkpoint {path}: {problem}")]
    Checkpoint {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{action} {path}")]
    Io {
        /// What was tried, as "reading" or "writing".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The tokenizer or the chat template failed.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The loss or a gradient is no longer a number.
    #[error("training diverged at step {step}: the loss is {loss}; lower the learning rate")]
    Diverged {
        /// The step.
        step: u64,
        /// The loss.
        loss: f32,
    },
    /// The sentence encoder failed.
    #[error("the sentence encoder failed")]
    Encoder(#[source] amend_proto::EmbedError),
    /// The teacher model failed. What it has answered is kept; the same call asks only for the rest.
    #[error("the teacher model failed; run the same again to go on with the answers it has given")]
    Teacher(#[source] amend_proto::ModelError),
    /// The model that bridges preference pairs failed. What it has answered is kept; the same call asks only for the rest.
    #[error("the modifier model failed; run the same again to go on with the answers it has given")]
    Modifier(#[source] amend_proto::ModelError),
    /// A model that makes data failed again and again. What was answered is kept; the same run asks only for the rest.
    #[error("the {role} failed; run the same again to go on with what it has answered")]
    Role {
        /// What it is asked for.
        role: String,
        /// How it failed.
        source: amend_proto::ModelError,
    },
    /// Somebody stopped it; the same call goes on.
    #[error("stopped at {0}; the same run goes on from there")]
    Stopped(String),
    /// Another run works on the same files.
    #[error("another run works on {0}; wait for it, or give another folder")]
    Busy(PathBuf),
    /// A tensor operation failed.
    #[error("tensor operation failed")]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    /// Wraps the failure of a file operation.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }

    /// A complaint about a file of a model folder.
    pub(crate) fn model(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Error::Model { path: path.into(), problem: problem.into() }
    }

    /// A complaint about a checkpoint.
    pub(crate) fn checkpoint(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Error::Checkpoint { path: path.into(), problem: problem.into() }
    }
}
