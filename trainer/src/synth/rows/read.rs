//! Rows out of files.

use super::row::{COLUMNS, SynthRow};
use crate::Result;
use crate::preference::format::Issue;
use crate::records::Records;
use parquet::file::reader::ChunkReader;
use std::io::BufRead;
use std::path::Path;

/// What the reader comes upon.
#[derive(Debug, Clone, PartialEq)]
pub enum RowEntry {
    /// A row.
    Row(Box<SynthRow>),
    /// A record that is none; the records after it are read all the same.
    Issue(Issue),
}

/// The rows of one file as a stream, one in memory at a time (of Parquet a page of each column). An `Err` is the last item:
/// the rest of the file cannot be read.
pub struct RowReader(Records);

impl RowReader {
    /// Opens a file; whether it is Parquet is seen from its first bytes.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); [`Error::Data`](crate::Error::Data) when a Parquet file is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self(Records::open(path, &COLUMNS)?))
    }

    /// JSON lines from anything; `file` is the name that issues give it.
    pub fn lines(file: impl Into<String>, source: impl BufRead + 'static) -> Self {
        Self(Records::lines(file.into(), source))
    }

    /// A Parquet file from anything that can be read from any place.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) when it is no Parquet, or damaged.
    pub fn parquet(file: impl Into<String>, source: impl ChunkReader + 'static) -> Result<Self> {
        Ok(Self(Records::parquet(file.into(), source, &COLUMNS)?))
    }
}

impl Iterator for RowReader {
    type Item = Result<RowEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.0.next()?;
        Some(record.map(|(place, value)| match value.and_then(|value| SynthRow::read(&value)) {
            Ok(row) => RowEntry::Row(Box::new(row)),
            Err(flaw) => RowEntry::Issue(self.0.issue(place, flaw)),
        }))
    }
}
