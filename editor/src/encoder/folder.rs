//! The files of a model folder, each read once and hashed, so that the encoder's id covers all that it was made of.

use super::EncoderError;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::{Component, Path, PathBuf},
};

/// The largest file that is read.
const MAX_BYTES: u64 = 8 << 30;

/// A folder and the digest of what was read from it.
pub(super) struct ModelFolder {
    path: PathBuf,
    digest: Sha256,
}

impl ModelFolder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), digest: Sha256::new() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A complaint about a file.
    pub(super) fn invalid(&self, name: &str, problem: impl Into<String>) -> EncoderError {
        EncoderError::Invalid { path: self.path(name), problem: problem.into() }
    }

    /// A file asks for what is not supported.
    pub(super) fn unsupported(
        &self,
        name: &str,
        what: impl Into<String>,
        instead: &'static str,
    ) -> EncoderError {
        EncoderError::Unsupported { path: self.path(name), what: what.into(), instead }
    }

    /// Makes a setting part of the id.
    pub(super) fn note(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            self.digest.update((part.len() as u64).to_le_bytes());
            self.digest.update(part);
        }
    }

    /// The digest of everything that was read and noted, in order: 32 hexadecimal digits.
    pub(super) fn digest(self) -> String {
        self.digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).is_file()
    }

    /// A file's content; `None` when there is no such file.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, EncoderError> {
        let path = self.path(name);
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(name).components().all(plain) {
            return Err(self.invalid(name, "it is named by this folder and lies outside of it"));
        }
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(EncoderError::Io { path, source }),
        };
        let mut bytes = Vec::new();
        file.by_ref()
            .take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|source| EncoderError::Io { path, source })?;
        if bytes.len() as u64 == MAX_BYTES {
            return Err(self.invalid(name, format!("it is larger than {MAX_BYTES} bytes")));
        }
        self.note(name, &bytes);
        Ok(Some(bytes))
    }

    /// A JSON file; `None` when there is no such file.
    pub(super) fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, EncoderError> {
        let Some(bytes) = self.read(name)? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.invalid(name, format!("it cannot be understood: {error}"))),
        }
    }
}
