//! Records in files, JSON lines or Parquet, read and written as streams: what preference pairs and training rows share.

mod cells;
mod lines;
mod parquet_rows;
mod parquet_writer;
mod reader;

pub(crate) use cells::{Cell, Kind, object};
pub use lines::MAX_RECORD_BYTES;
pub(crate) use parquet_writer::{ParquetWriter, Table};
pub(crate) use reader::Records;
