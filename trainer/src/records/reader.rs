//! The records of one file, whatever holds them.

use super::lines::Lines;
use super::parquet_rows::ParquetRows;
use crate::preference::Flaw;
use crate::preference::format::{Issue, Place};
use crate::{Error, Result};
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

/// One record, or what is wrong with it, and where it stands.
type Record = (Place, Result<Value, Flaw>);

/// The records of a file as a stream, one in memory at a time (of Parquet a page of each column). An `Err` is the last item:
/// the rest of the file cannot be read.
pub(crate) struct Records {
    file: String,
    records: Box<dyn Iterator<Item = Result<Record>>>,
}

impl Records {
    /// Opens a file; whether it is Parquet is seen from its first bytes. Of Parquet the columns named in `wanted` are taken.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Data`] when a Parquet file is damaged or compressed in a way that is not read.
    pub(crate) fn open(path: &Path, wanted: &'static [&'static str]) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io("opening", path))?;
        let mut magic = Vec::new();
        file.by_ref().take(4).read_to_end(&mut magic).map_err(Error::io("reading", path))?;
        file.rewind().map_err(Error::io("reading", path))?;
        let name = path.display().to_string();
        match magic.as_slice() {
            b"PAR1" => Self::parquet(name, file, wanted),
            _ => Ok(Self::lines(name, BufReader::with_capacity(64 * 1024, file))),
        }
    }

    /// JSON lines from anything; `file` is the name that issues give it.
    pub(crate) fn lines(file: String, source: impl BufRead + 'static) -> Self {
        let path = PathBuf::from(&file);
        let records = Lines::new(source).map(move |record| {
            let (line, value) = record.map_err(Error::io("reading", &path))?;
            Ok((Place::Line(line), value))
        });
        Self { file, records: Box::new(records) }
    }

    /// A Parquet file from anything that can be read from any place.
    ///
    /// # Errors
    /// [`Error::Data`] when it is no Parquet, or damaged.
    pub(crate) fn parquet(
        file: String,
        source: impl ChunkReader + 'static,
        wanted: &'static [&'static str],
    ) -> Result<Self> {
        let name = file.clone();
        let rows = ParquetRows::new(source, wanted).map_err(|e| broken(&file, &e))?;
        let records = rows.map(move |record| {
            let (row, value) = record.map_err(|e| broken(&name, &e))?;
            Ok((Place::Row(row), value))
        });
        Ok(Self { file, records: Box::new(records) })
    }

    /// A complaint about a record of this file.
    pub(crate) fn issue(&self, place: Place, flaw: Flaw) -> Issue {
        Issue { file: self.file.clone(), place, flaw }
    }
}

fn broken(file: &str, error: &ParquetError) -> Error {
    let hint = match error.to_string().contains("Disabled feature") {
        true => "; write it again with snappy or no compression",
        false => "",
    };
    Error::Data(format!("{file} cannot be read as parquet any further: {error}{hint}"))
}

impl Iterator for Records {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        self.records.next()
    }
}
