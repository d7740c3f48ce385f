//! Pairs into files.

use super::Container;
use super::cells::{Layout, Unfit};
use crate::files::replace;
use crate::preference::pair::Pair;
use crate::records::{ParquetWriter, Table};
use crate::{Error, Result};
use parquet::errors::ParquetError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// How an export went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ExportReport {
    /// Pairs that were written.
    pub pairs: u64,
    /// Pairs that the layout cannot hold, by reason.
    pub unfit: BTreeMap<Unfit, u64>,
}

enum Sink<W: Write + Send> {
    Lines(W),
    Parquet(Box<ParquetWriter<W>>),
}

/// Writes pairs as a stream: of JSON lines it holds one pair, of Parquet one row group (8 MiB).
pub struct PairWriter<W: Write + Send> {
    sink: Sink<W>,
    layout: Layout,
    report: ExportReport,
}

impl<W: Write + Send> PairWriter<W> {
    /// A writer into anything; put a buffer in front of a file.
    ///
    /// # Errors
    /// [`Error::Settings`] for [`Layout::Amend`] in Parquet, which is not defined; [`Error::Data`] when the sink fails.
    pub fn new(sink: W, layout: Layout, container: Container) -> Result<Self> {
        let sink = match (container, layout) {
            (Container::JsonLines, _) => Sink::Lines(sink),
            (Container::Parquet, Layout::Amend) => {
                return Err(Error::Settings("amend's own layout is written as JSON lines only".into()));
            }
            (Container::Parquet, _) => Sink::Parquet(Box::new(
                ParquetWriter::new(sink, Table { name: "pairs", columns: layout.columns() })
                    .map_err(failed)?,
            )),
        };
        Ok(Self { sink, layout, report: ExportReport::default() })
    }

    /// Writes a pair, or counts why it cannot be written.
    ///
    /// # Errors
    /// [`Error::Data`] when the sink fails.
    pub fn write(&mut self, pair: &Pair) -> Result<()> {
        let written = match &mut self.sink {
            Sink::Lines(sink) => match self.layout.json(pair) {
                Ok(json) => writeln!(sink, "{json}").map(Ok).map_err(failed)?,
                Err(unfit) => Err(unfit),
            },
            Sink::Parquet(sink) => match self.layout.cells(pair) {
                Ok(cells) => sink.write(cells).map(Ok).map_err(failed)?,
                Err(unfit) => Err(unfit),
            },
        };
        match written {
            Ok(()) => self.report.pairs += 1,
            Err(unfit) => *self.report.unfit.entry(unfit).or_default() += 1,
        }
        Ok(())
    }

    /// Writes what is held and, in Parquet, the footer. Without it a Parquet file cannot be read.
    ///
    /// # Errors
    /// [`Error::Data`] when the sink fails.
    pub fn finish(self) -> Result<ExportReport> {
        match self.sink {
            Sink::Lines(mut sink) => sink.flush().map_err(failed)?,
            Sink::Parquet(sink) => sink.finish().map_err(failed)?,
        }
        Ok(self.report)
    }
}

fn failed(error: impl Into<ParquetError>) -> Error {
    Error::Data(format!("the pairs cannot be written: {}", error.into()))
}

/// Writes `folder/name`; the file is complete or not there.
///
/// # Errors
/// The iterator's own, and as [`PairWriter`].
pub fn export(
    pairs: impl Iterator<Item = Result<Pair>>,
    (folder, name): (&Path, &str),
    layout: Layout,
    container: Container,
) -> Result<ExportReport> {
    let mut report = ExportReport::default();
    replace(folder, name, |partial| {
        let file = File::create(partial).map_err(Error::io("creating", partial))?;
        let mut writer = PairWriter::new(BufWriter::new(file), layout, container)?;
        for pair in pairs {
            writer.write(&pair?)?;
        }
        report = writer.finish()?;
        Ok(())
    })?;
    Ok(report)
}
