//! The rows of a Parquet file as JSON values.

use crate::preference::{Flaw, Problem};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::{Field, Row, reader::RowIter};
use serde_json::{Map, Number, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows that are decoded at a time, a column.
const BATCH: usize = 64;

/// The rows of a file, counted from 1. An `Err` is the last item.
pub(super) struct ParquetRows {
    rows: Option<RowIter<'static>>,
    row: u64,
    wanted: &'static [&'static str],
}

impl ParquetRows {
    /// Of every row the columns that are wanted.
    pub(super) fn new<R: ChunkReader + 'static>(
        source: R,
        wanted: &'static [&'static str],
    ) -> ParquetResult<Self> {
        let rows = guarded(|| {
            let reader = SerializedFileReader::new(source)?;
            Ok(RowIter::from_file_into(Box::new(reader)).with_batch_size(BATCH))
        })?;
        Ok(Self { rows: Some(rows), row: 0, wanted })
    }
}

/// Turns a panic into an error: the crate checks what it reads, but asserts some of it, and a damaged file must not take the
/// daemon down. What it was working on is dropped, so no half-changed state is seen again.
fn guarded<T>(read: impl FnOnce() -> ParquetResult<T>) -> ParquetResult<T> {
    let damaged = |_| Err(ParquetError::General("the file is damaged".to_owned()));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(damaged)
}

impl Iterator for ParquetRows {
    type Item = ParquetResult<(u64, Result<Value, Flaw>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rows = self.rows.take()?;
        match guarded(move || Ok((rows.next().transpose()?, rows))) {
            Err(error) => Some(Err(error)),
            Ok((None, _)) => None,
            Ok((Some(row), rest)) => {
                self.rows = Some(rest);
                self.row += 1;
                Some(Ok((self.row, record(row, self.wanted))))
            }
        }
    }
}

/// The columns that are wanted.
fn record(row: Row, wanted: &[&str]) -> Result<Value, Flaw> {
    let known = row.into_columns().into_iter().filter(|(name, _)| wanted.contains(&name.as_str()));
    let fields = known.map(|(name, field)| value(&field, &name).map(|value| (name, value)));
    Ok(Value::Object(fields.collect::<Result<Map<_, _>, Flaw>>()?))
}

fn value(field: &Field, path: &str) -> Result<Value, Flaw> {
    let float = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(yes) => Value::Bool(*yes),
        Field::Str(text) => Value::String(text.clone()),
        // A text that was written without being marked as one.
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Value::String(text.to_owned()),
            Err(e) => return Err(Flaw::new(path, Problem::Syntax(format!("it is no UTF-8: {e}")))),
        },
        Field::Byte(n) => (*n).into(),
        Field::Short(n) => (*n).into(),
        Field::Int(n) => (*n).into(),
        Field::Long(n) => (*n).into(),
        Field::UByte(n) => (*n).into(),
        Field::UShort(n) => (*n).into(),
        Field::UInt(n) => (*n).into(),
        Field::ULong(n) => (*n).into(),
        Field::Float16(n) => float(f64::from(*n)),
        Field::Float(n) => float(f64::from(*n)),
        Field::Double(n) => float(*n),
        Field::ListInternal(list) => {
            let items = list.elements().iter().enumerate();
            Value::Array(
                items.map(|(i, item)| value(item, &format!("{path}[{i}]"))).collect::<Result<_, _>>()?,
            )
        }
        Field::Group(row) => {
            let fields = row.get_column_iter();
            let fields = fields.map(|(name, f)| Ok((name.clone(), value(f, &format!("{path}.{name}"))?)));
            Value::Object(fields.collect::<Result<Map<_, _>, Flaw>>()?)
        }
        other => Value::String(other.to_string()),
    })
}
