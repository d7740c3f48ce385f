//! Where a run notes what it has done, so that it can go on after an interruption.

use super::outcome::Outcome;
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

/// The longest line of a journal file, in bytes.
const MAX_LINE: u64 = 4 * 1024 * 1024;

/// Says what a run measures: plan, options, data, models and what the store decides with. A run is only resumed if it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk.
    #[error("failed to {doing} the run's journal {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// A line before the last one is damaged.
    #[error("failed to read the run's journal {}: line {line} is damaged ({reason}); delete the file to start over", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It belongs to a run that measures something else.
    #[error(
        "failed to resume the run: its journal is of another run ({found}, not {wanted}); give the plan, data, options, models, encoder, scope settings and template of that run, or another journal"
    )]
    OtherRun {
        /// The journal's.
        found: String,
        /// This run's.
        wanted: String,
    },
    /// A journal kept elsewhere fails.
    #[error("failed to use the run's journal: {0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps the outcomes of a run.
pub trait Journal: Send + Sync {
    /// Begins the run, or takes it up again: the outcomes so far.
    ///
    /// # Errors
    /// [`JournalError`]; [`JournalError::OtherRun`] when there are outcomes of a run with another fingerprint.
    fn begin(&self, run: &Fingerprint) -> Result<Vec<Outcome>, JournalError>;

    /// Keeps an outcome before the run goes on.
    ///
    /// # Errors
    /// [`JournalError`].
    fn keep(&self, outcome: &Outcome) -> Result<(), JournalError>;
}

/// Keeps nothing: a run starts over.
impl Journal for () {
    fn begin(&self, _run: &Fingerprint) -> Result<Vec<Outcome>, JournalError> {
        Ok(Vec::new())
    }

    fn keep(&self, _outcome: &Outcome) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A file with the fingerprint in the first line and one outcome in each further one.
///
/// Scores may differ in their last bit after they were read back, as serde_json reads numbers.
///
/// A last line without its end, which a crash leaves behind, is cut off, and its record measured again.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    file: Mutex<File>,
}

impl FileJournal {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let path = path.to_owned();
        match file {
            Ok(file) => Ok(Self { path, file: Mutex::new(file) }),
            Err(source) => Err(JournalError::Io { doing: "open", path, source }),
        }
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> JournalError {
        JournalError::Io { doing, path: self.path.clone(), source }
    }

    fn damaged(&self, line: usize, reason: impl ToString) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), line, reason: reason.to_string() }
    }

    /// The whole lines, and the length in bytes that they have together.
    fn lines(&self, file: &mut File) -> Result<(Vec<String>, u64), JournalError> {
        let read = |source| self.failed("read", source);
        file.seek(SeekFrom::Start(0)).map_err(read)?;
        let (mut reader, mut lines, mut whole) = (BufReader::new(file), Vec::new(), 0);
        loop {
            let mut line = Vec::new();
            let length = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).map_err(read)? as u64;
            if line.pop() != Some(b'\n') {
                return match length {
                    MAX_LINE => Err(self.damaged(lines.len() + 1, "it is too long")),
                    _ => Ok((lines, whole)),
                };
            }
            whole += length;
            let line = String::from_utf8(line).map_err(|error| self.damaged(lines.len() + 1, error))?;
            lines.push(line);
        }
    }

    fn append(&self, file: &mut File, value: &impl Serialize) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(value).map_err(|error| JournalError::Other(error.into()))?;
        line.push(b'\n');
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(|source| self.failed("write", source))
    }
}

impl Journal for FileJournal {
    fn begin(&self, run: &Fingerprint) -> Result<Vec<Outcome>, JournalError> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (lines, whole) = self.lines(&mut file)?;
        file.set_len(whole).map_err(|source| self.failed("cut", source))?;
        file.seek(SeekFrom::End(0)).map_err(|source| self.failed("read", source))?;
        let Some((first, rows)) = lines.split_first() else {
            self.append(&mut file, run)?;
            return Ok(Vec::new());
        };
        let found: Fingerprint = serde_json::from_str(first).map_err(|error| self.damaged(1, error))?;
        if found != *run {
            return Err(JournalError::OtherRun { found: found.0, wanted: run.0.clone() });
        }
        let rows = rows.iter().enumerate();
        rows.map(|(i, row)| serde_json::from_str(row).map_err(|error| self.damaged(i + 2, error))).collect()
    }

    fn keep(&self, outcome: &Outcome) -> Result<(), JournalError> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.append(&mut file, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(record: usize) -> Outcome {
        Outcome { stage: 1, record, rejected: None, probes: Vec::new(), fluency: None }
    }

    #[test]
    fn a_run_is_taken_up_where_it_broke_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let run = Fingerprint("zsre".to_owned());
        let journal = FileJournal::open(&path).unwrap();
        assert!(journal.begin(&run).unwrap().is_empty());
        journal.keep(&outcome(4)).unwrap();
        journal.keep(&outcome(7)).unwrap();
        drop(journal);
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 5]).unwrap();
        let journal = FileJournal::open(&path).unwrap();
        assert_eq!(journal.begin(&run).unwrap(), [outcome(4)]);
        journal.keep(&outcome(9)).unwrap();
        let again = FileJournal::open(&path).unwrap();
        assert_eq!(again.begin(&run).unwrap(), [outcome(4), outcome(9)]);
        let other = again.begin(&Fingerprint("recent".to_owned())).unwrap_err();
        assert!(matches!(other, JournalError::OtherRun { .. }), "{other}");
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        std::fs::write(&path, "\"zsre\"\n{}\n{}\n").unwrap();
        let error = FileJournal::open(&path).unwrap().begin(&Fingerprint("zsre".to_owned())).unwrap_err();
        assert!(matches!(error, JournalError::Damaged { line: 2, .. }), "{error}");
    }
}
