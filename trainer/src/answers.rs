//! What models answered, on disk as it comes, so that a run that is broken off asks nothing twice.

use crate::{Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Line<T> {
    /// Names what was asked of whom, and how.
    key: String,
    #[serde(flatten)]
    answer: T,
}

/// The answers so far, in a file of JSON lines.
pub(crate) struct Answers<T> {
    lines: HashMap<String, T>,
    file: File,
    path: PathBuf,
}

impl<T: Serialize + DeserializeOwned> Answers<T> {
    /// Reads what is there. The last line may be cut by a crash; it is cut off, whatever else is wrong is an error.
    ///
    /// # Errors
    /// [`Error::Data`] naming the line; [`Error::Io`].
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let text = crate::files::read_if_there(path)?.unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let mut lines = HashMap::new();
        for (number, line) in text[..whole].lines().enumerate() {
            let line: Line<T> = serde_json::from_str(line).map_err(|e| {
                Error::Data(format!(
                    "line {} of {}: {e}; remove the file to ask again",
                    number + 1,
                    path.display()
                ))
            })?;
            lines.insert(line.key, line.answer);
        }
        let file =
            OpenOptions::new().create(true).append(true).open(path).map_err(Error::io("opening", path))?;
        file.set_len(whole as u64).map_err(Error::io("truncating", path))?;
        Ok(Self { lines, file, path: path.to_owned() })
    }

    /// The answer under this key, which is forgotten in memory, not on disk.
    pub(crate) fn take(&mut self, key: &str) -> Option<T> {
        self.lines.remove(key)
    }

    /// Puts an answer on disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn append(&mut self, key: &str, answer: &T) -> Result<()> {
        let line = Line { key: key.to_owned(), answer };
        let mut text = serde_json::to_vec(&line).map_err(|e| Error::Data(e.to_string()))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(Error::io("writing", &self.path))
    }
}
