//! Why the engine could not be started.

use super::InvalidModel;
use std::{error::Error, path::PathBuf};

/// Why the engine could not be started. The text is for the operator: it names the file and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// `--model` could not be read.
    #[error(transparent)]
    Model(#[from] InvalidModel),
    /// An option has a value that does not exist.
    #[error("{value:?} is not a {option}; give one of {accepted}")]
    Option {
        /// Which option.
        option: &'static str,
        /// What was given.
        value: String,
        /// What is accepted.
        accepted: String,
    },
    /// A file that every model has is not there.
    #[error("{path} is missing; {remedy}")]
    MissingFile {
        /// The file.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
    },
    /// A file could not be read.
    #[error("failed to read {path}; check that it exists and that this user may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The device cannot be used.
    #[error("failed to open the device {device}; {remedy}")]
    Device {
        /// Which one.
        device: String,
        /// What to do.
        remedy: &'static str,
        /// What the driver said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The engine refused the model.
    #[error("failed to load {model}: {reason}; {remedy}")]
    Load {
        /// What was being loaded.
        model: String,
        /// What the engine said, on one line.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The model came up and cannot be used for text.
    #[error("failed to use {model}: {reason}")]
    Unusable {
        /// What was loaded.
        model: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// The thread that was loading ended without a result.
    #[error("the loading thread ended early; this is a bug, please report it with the log")]
    Thread,
}
