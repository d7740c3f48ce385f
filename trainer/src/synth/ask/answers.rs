//! Answers on disk as they come, found by what was asked.

use super::Spent;
use crate::{Error, Result};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// The longest line that is read back, in bytes; no longer one is written.
const LONGEST_LINE: u64 = 16 << 20;

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// A whole answer, without white space around it; not empty.
    Said {
        /// The answer.
        text: String,
    },
    /// White space, or nothing.
    Empty,
    /// The answer was longer than allowed: this much came.
    CutShort {
        /// Its beginning.
        text: String,
    },
    /// This question is refused by the endpoint, and would be again.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Names what was asked of whom, and how: SHA-256, in hexadecimal.
    pub key: String,
    /// The role that answered.
    pub role: String,
    /// What it said.
    #[serde(flatten)]
    pub reply: Reply,
    /// What it cost.
    pub spent: Spent,
}

type Place = (u64, u32);

/// The answers of a run, in a file of JSON lines. In memory stands for each of them where it is: 28 bytes or so.
pub struct AnswerLog {
    file: File,
    path: PathBuf,
    length: u64,
    places: FxHashMap<[u8; 16], Place>,
}

impl AnswerLog {
    /// Opens the file, and reads it once; `spent` is told what each answer cost. While this value lives, nobody else can open
    /// it. A last line that a crash has cut is cut off.
    ///
    /// # Errors
    /// [`Error::Busy`] when another run has it open; [`Error::Data`] naming a line that cannot be read; [`Error::Io`].
    pub fn open(path: &Path, spent: &mut dyn FnMut(&str, Spent)) -> Result<Self> {
        let io = |action| Error::io(action, path);
        let file =
            OpenOptions::new().create(true).read(true).append(true).open(path).map_err(io("opening"))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::Busy(path.to_owned()),
            TryLockError::Error(error) => Error::io("locking", path)(error),
        })?;
        let mut log = Self { file, path: path.to_owned(), length: 0, places: FxHashMap::default() };
        let mut reader = BufReader::new(&log.file);
        let (mut line, mut places) = (Vec::new(), FxHashMap::default());
        loop {
            line.clear();
            let read =
                (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(io("reading"))?;
            if line.last() != Some(&b'\n') {
                break;
            }
            let number = places.len() + 1;
            let kept: Kept = serde_json::from_slice(&line).map_err(|error| {
                Error::Data(format!(
                    "answer {number} in {}: {error}; remove the file to ask again",
                    path.display()
                ))
            })?;
            spent(&kept.role, kept.spent);
            places.insert(short(&kept.key), (log.length, read as u32));
            log.length += read as u64;
        }
        log.file.set_len(log.length).map_err(io("truncating"))?;
        log.places = places;
        Ok(log)
    }

    /// How many answers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The answer under this key.
    pub(super) fn get(&mut self, key: &str) -> Result<Option<Reply>> {
        let Some((start, length)) = self.places.get(&short(key)).copied() else { return Ok(None) };
        let mut line = vec![0; length as usize];
        let read = self.file.seek(SeekFrom::Start(start)).and_then(|_| self.file.read_exact(&mut line));
        read.map_err(Error::io("reading", &self.path))?;
        let kept: Kept = serde_json::from_slice(&line).map_err(|error| {
            Error::Data(format!("{} was changed by somebody else: {error}", self.path.display()))
        })?;
        Ok((kept.key == key).then_some(kept.reply))
    }

    /// Puts an answer on disk. What cannot be written whole, as on a full disk, is taken back.
    pub(super) fn append(&mut self, kept: &Kept) -> Result<()> {
        let mut line = serde_json::to_vec(kept).map_err(|error| Error::Data(error.to_string()))?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // The error that matters is the one above; the next start cuts what is left.
            let _ = self.file.set_len(self.length);
            return Err(Error::io("writing", &self.path)(error));
        }
        self.places.insert(short(&kept.key), (self.length, line.len() as u32));
        self.length += line.len() as u64;
        Ok(())
    }
}

/// Half of a hash.
fn short(key: &str) -> [u8; 16] {
    let mut short = [0; 16];
    for (byte, digits) in short.iter_mut().zip(key.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).unwrap_or("0");
        *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
    }
    short
}
