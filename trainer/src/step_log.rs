//! Logs of trainings: one JSON object a line, each about a step.

use crate::files::{read_if_there, write_atomically};
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a line can be.
pub(crate) trait LogLine: Serialize + DeserializeOwned {
    /// The steps that were done when it was written.
    fn step(&self) -> u64;
}

/// The log of one run, open for more.
#[derive(Debug)]
pub(crate) struct StepLog {
    path: PathBuf,
    file: File,
}

impl StepLog {
    /// Opens the log of a run that begins, or goes on after a step: what was logged of later steps by a run that was killed
    /// before its next checkpoint is taken out, half a line too.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub(crate) fn open<L: LogLine>((folder, name): (&Path, &str), resumed: Option<u64>) -> Result<Self> {
        let path = folder.join(name);
        let before = read_if_there(&path)?.unwrap_or_default();
        let stays = |line: &&str| {
            let line = serde_json::from_str::<L>(line);
            line.is_ok_and(|line| resumed.is_some_and(|step| line.step() <= step))
        };
        let kept: String = before.lines().filter(stays).flat_map(|line| [line, "\n"]).collect();
        if kept != before {
            write_atomically(folder, name, kept.as_bytes())?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(Error::io("opening", &path))?;
        Ok(Self { path, file })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub(crate) fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let mut json = serde_json::to_vec(line).map_err(|e| Error::Settings(e.to_string()))?;
        json.push(b'\n');
        self.file.write_all(&json).map_err(Error::io("writing", &self.path))
    }
}

/// The lines of a log.
///
/// # Errors
/// [`Error::Io`] when it cannot be read, [`Error::Data`] naming a damaged line.
pub(crate) fn read_log<L: LogLine>((folder, name): (&Path, &str)) -> Result<Vec<L>> {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .map_err(|e| Error::Data(format!("line {} of {}: {e}", number + 1, path.display())))
    };
    text.lines().enumerate().map(line).collect()
}
