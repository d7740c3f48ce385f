//! Why a sentence encoder cannot be read.

use std::path::PathBuf;

/// A model folder that is not an encoder this crate can run. It is for who runs the server: it names files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// There is no such folder, and no such model was downloaded.
    #[error(
        "{model:?} is neither a folder nor a model in {}; download it there first (hf download {model}), or name its folder",
        .hub.display()
    )]
    Absent {
        /// What was asked for.
        model: String,
        /// Where the hub's models lie.
        hub: PathBuf,
    },
    /// A file could not be read.
    #[error("reading {} failed", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file is missing, damaged, or does not fit the others.
    #[error("{}: {problem}", .path.display())]
    Invalid {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// The model is sound, and of a kind that is not supported.
    #[error("{}: {what} is not supported; {instead}", .path.display())]
    Unsupported {
        /// The file that asks for it.
        path: PathBuf,
        /// What it asks for.
        what: String,
        /// What is.
        instead: &'static str,
    },
    /// A tensor operation failed while the weights were put together.
    #[error("putting the weights together failed")]
    Tensor(#[from] candle_core::Error),
}
