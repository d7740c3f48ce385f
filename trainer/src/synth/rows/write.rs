//! Rows into files.

use super::row::{ROWS, SynthRow};
use crate::files::replace;
use crate::preference::format::Container;
use crate::records::ParquetWriter;
use crate::{Error, Result};
use parquet::errors::ParquetError;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

enum Sink<W: Write + Send> {
    Lines(W),
    Parquet(Box<ParquetWriter<W>>),
}

/// Writes rows as a stream: of JSON lines it holds one row, of Parquet one row group (8 MiB).
pub struct RowWriter<W: Write + Send> {
    sink: Sink<W>,
    rows: u64,
}

impl<W: Write + Send> RowWriter<W> {
    /// A writer into anything; put a buffer in front of a file.
    ///
    /// # Errors
    /// [`Error::Data`] when the sink fails.
    pub fn new(sink: W, container: Container) -> Result<Self> {
        let sink = match container {
            Container::JsonLines => Sink::Lines(sink),
            Container::Parquet => Sink::Parquet(Box::new(ParquetWriter::new(sink, ROWS).map_err(failed)?)),
        };
        Ok(Self { sink, rows: 0 })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// [`Error::Data`] when the sink fails.
    pub fn write(&mut self, row: &SynthRow) -> Result<()> {
        match &mut self.sink {
            Sink::Lines(sink) => {
                serde_json::to_writer(&mut *sink, row).map_err(|e| failed(std::io::Error::from(e)))?;
                sink.write_all(b"\n").map_err(failed)?;
            }
            Sink::Parquet(sink) => sink.write(row.cells()).map_err(failed)?,
        }
        self.rows += 1;
        Ok(())
    }

    /// Writes what is held and, in Parquet, the footer, without which the file cannot be read. Returns the rows written.
    ///
    /// # Errors
    /// [`Error::Data`] when the sink fails.
    pub fn finish(self) -> Result<u64> {
        match self.sink {
            Sink::Lines(mut sink) => sink.flush().map_err(failed)?,
            Sink::Parquet(sink) => sink.finish().map_err(failed)?,
        }
        Ok(self.rows)
    }
}

fn failed(error: impl Into<ParquetError>) -> Error {
    Error::Data(format!("the rows cannot be written: {}", error.into()))
}

/// Writes `folder/name`: whatever `fill` puts into the writer. The file is complete or not there; when `fill` or the disk
/// fails, the one that was there before stays. Returns the rows written.
///
/// # Errors
/// What `fill` returns; [`Error::Io`] and [`Error::Data`] when the file cannot be written.
pub fn write_rows(
    (folder, name): (&Path, &str),
    container: Container,
    fill: impl FnOnce(&mut RowWriter<BufWriter<File>>) -> Result<()>,
) -> Result<u64> {
    let mut rows = 0;
    replace(folder, name, |partial| {
        let file = File::create(partial).map_err(Error::io("creating", partial))?;
        let mut writer = RowWriter::new(BufWriter::new(file), container)?;
        fill(&mut writer)?;
        rows = writer.finish()?;
        Ok(())
    })?;
    Ok(rows)
}
