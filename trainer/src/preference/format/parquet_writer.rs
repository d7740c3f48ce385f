//! Cells into the columns of a Parquet file.

use super::cells::{Cell, Kind, Layout};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{GroupTypeBuilder, Type, TypePtr};
use std::io::Write;
use std::sync::Arc;

/// Rows of a row group at most.
const GROUP_ROWS: usize = 4096;
/// Bytes of the cells of a row group, about, at most: what the writer holds.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Writes rows, a row group at a time.
pub(super) struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    layout: Layout,
    rows: Vec<Vec<Cell>>,
    bytes: usize,
}

impl<W: Write + Send> ParquetWriter<W> {
    pub(super) fn new(sink: W, layout: Layout) -> Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(sink, schema(layout)?, Arc::new(properties))?;
        Ok(Self { file, layout, rows: Vec::new(), bytes: 0 })
    }

    pub(super) fn write(&mut self, row: Vec<Cell>) -> Result<()> {
        self.bytes += row.iter().map(Cell::bytes).sum::<usize>();
        self.rows.push(row);
        match self.rows.len() >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let mut group = self.file.next_row_group()?;
        for (column, (_, kind)) in self.layout.columns().iter().enumerate() {
            let cells = rows.iter().map(|row| &row[column]);
            // The leaves of a column of messages follow one another as in the schema: content, role.
            match kind {
                Kind::Text => texts(group.next_column()?, cells)?,
                Kind::Number => numbers(group.next_column()?, cells)?,
                Kind::Messages => {
                    messages(group.next_column()?, cells.clone(), content)?;
                    messages(group.next_column()?, cells, role)?;
                }
            }
        }
        group.close()?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.file.close()?;
        Ok(())
    }
}

/// One message column: `required group <name> (LIST) { repeated group list { required group element { content, role } } }`,
/// the three levels that the format's specification asks for.
fn schema(layout: Layout) -> Result<TypePtr> {
    let text = |name: &str| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::String))
            .build()
            .map(Arc::new)
    };
    let mut columns = Vec::new();
    for (name, kind) in layout.columns() {
        columns.push(match kind {
            Kind::Text => text(name)?,
            Kind::Number => Arc::new(
                Type::primitive_type_builder(name, Physical::DOUBLE)
                    .with_repetition(Repetition::OPTIONAL)
                    .build()?,
            ),
            Kind::Messages => {
                let element = group("element", vec![text("content")?, text("role")?])
                    .with_repetition(Repetition::REQUIRED)
                    .build()?;
                let list =
                    group("list", vec![Arc::new(element)]).with_repetition(Repetition::REPEATED).build()?;
                let column = group(name, vec![Arc::new(list)])
                    .with_repetition(Repetition::REQUIRED)
                    .with_logical_type(Some(LogicalType::List));
                Arc::new(column.build()?)
            }
        });
    }
    Ok(Arc::new(group("pairs", columns).build()?))
}

fn group(name: &str, fields: Vec<TypePtr>) -> GroupTypeBuilder<'_> {
    Type::group_type_builder(name).with_fields(fields)
}

fn content<'a>(message: &'a (&'static str, String)) -> &'a str {
    &message.1
}

fn role<'a>(message: &'a (&'static str, String)) -> &'a str {
    message.0
}

type Column<'a> = Option<SerializedColumnWriter<'a>>;

const ONE_A_KIND: &str = "the schema has the columns of the layout, and the cells are of their kinds";

fn texts<'a>(column: Column<'_>, cells: impl Iterator<Item = &'a Cell>) -> Result<()> {
    let mut column = column.expect(ONE_A_KIND);
    let values: Vec<ByteArray> = cells
        .filter_map(|cell| match cell {
            Cell::Text(text) => Some(ByteArray::from(text.as_str())),
            Cell::Messages(_) | Cell::Number(_) => None,
        })
        .collect();
    column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
    column.close()
}

fn numbers<'a>(column: Column<'_>, cells: impl Iterator<Item = &'a Cell>) -> Result<()> {
    let mut column = column.expect(ONE_A_KIND);
    let (mut values, mut present) = (Vec::new(), Vec::new());
    for cell in cells {
        let number = if let Cell::Number(number) = cell { *number } else { None };
        present.push(i16::from(number.is_some()));
        values.extend(number);
    }
    column.typed::<DoubleType>().write_batch(&values, Some(&present), None)?;
    column.close()
}

/// One leaf of a column of lists. An item has definition level 1 and continues its list at repetition level 1; an empty list
/// is one entry of definition level 0.
fn messages<'a>(
    column: Column<'_>,
    cells: impl Iterator<Item = &'a Cell>,
    part: fn(&'a (&'static str, String)) -> &'a str,
) -> Result<()> {
    let mut column = column.expect(ONE_A_KIND);
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for cell in cells {
        let Cell::Messages(list) = cell else { continue };
        if list.is_empty() {
            defined.push(0);
            repeated.push(0);
        }
        for (index, message) in list.iter().enumerate() {
            values.push(ByteArray::from(part(message)));
            defined.push(1);
            repeated.push(i16::from(index > 0));
        }
    }
    column.typed::<ByteArrayType>().write_batch(&values, Some(&defined), Some(&repeated))?;
    column.close()
}
