//! Cells into the columns of a Parquet file.

use super::cells::{Cell, Kind};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{GroupTypeBuilder, PrimitiveTypeBuilder, Type, TypePtr};
use std::io::Write;
use std::sync::Arc;

/// Rows of a row group at most.
const GROUP_ROWS: usize = 4096;
/// Bytes of the cells of a row group, about, at most: what the writer holds.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// What a file holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// The name of the schema.
    pub(crate) name: &'static str,
    /// The columns, in order.
    pub(crate) columns: &'static [(&'static str, Kind)],
}

/// Writes rows, a row group at a time.
pub(crate) struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    table: Table,
    rows: Vec<Vec<Cell>>,
    bytes: usize,
}

impl<W: Write + Send> ParquetWriter<W> {
    pub(crate) fn new(sink: W, table: Table) -> Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(sink, schema(table)?, Arc::new(properties))?;
        Ok(Self { file, table, rows: Vec::new(), bytes: 0 })
    }

    /// A row, a cell a column, each of its column's kind.
    pub(crate) fn write(&mut self, row: Vec<Cell>) -> Result<()> {
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
        for (index, (_, kind)) in self.table.columns.iter().enumerate() {
            let cells: Vec<&Cell> = rows.iter().map(|row| &row[index]).collect();
            column(&mut group, *kind, &cells)?;
        }
        group.close()?;
        Ok(())
    }

    /// Writes what is held, and the footer.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.file.close()?;
        Ok(())
    }
}

fn schema(table: Table) -> Result<TypePtr> {
    let fields = table.columns.iter().map(field).collect::<Result<_>>()?;
    Ok(Arc::new(group(table.name, fields).build()?))
}

/// One column. Messages are `required group <name> (LIST) { repeated group list { required group element { role, content } } }`,
/// the three levels that the format's specification asks for.
fn field((name, kind): &(&'static str, Kind)) -> Result<TypePtr> {
    let primitive = |physical, repetition| -> PrimitiveTypeBuilder<'_> {
        Type::primitive_type_builder(name, physical).with_repetition(repetition)
    };
    let text = |repetition| {
        primitive(Physical::BYTE_ARRAY, repetition).with_logical_type(Some(LogicalType::String)).build()
    };
    let built = match kind {
        Kind::Text => text(Repetition::REQUIRED),
        Kind::OptionalText => text(Repetition::OPTIONAL),
        Kind::Number => primitive(Physical::DOUBLE, Repetition::OPTIONAL).build(),
        Kind::Integer => primitive(Physical::INT64, Repetition::OPTIONAL).build(),
        Kind::Group(fields) => {
            let fields = fields.iter().map(field).collect::<Result<_>>()?;
            group(name, fields).with_repetition(Repetition::REQUIRED).build()
        }
        Kind::Messages => {
            let parts = [("role", Kind::Text), ("content", Kind::Text)];
            let parts = parts.iter().map(field).collect::<Result<_>>()?;
            let element = group("element", parts).with_repetition(Repetition::REQUIRED).build()?;
            let list =
                group("list", vec![Arc::new(element)]).with_repetition(Repetition::REPEATED).build()?;
            let column = group(name, vec![Arc::new(list)]).with_repetition(Repetition::REQUIRED);
            column.with_logical_type(Some(LogicalType::List)).build()
        }
    };
    built.map(Arc::new)
}

fn group(name: &str, fields: Vec<TypePtr>) -> GroupTypeBuilder<'_> {
    Type::group_type_builder(name).with_fields(fields)
}

type Group<'a, W> = SerializedRowGroupWriter<'a, W>;

const ONE_A_KIND: &str = "the schema has a column for each leaf of the table's kinds";

/// Writes the leaves of a column, in the order of the schema.
fn column<W: Write + Send>(group: &mut Group<'_, W>, kind: Kind, cells: &[&Cell]) -> Result<()> {
    if let Kind::Group(fields) = kind {
        for (index, (_, kind)) in fields.iter().enumerate() {
            let inner = cells.iter().filter_map(|cell| match cell {
                Cell::Group(cells) => cells.get(index),
                _ => None,
            });
            column(group, *kind, &inner.collect::<Vec<_>>())?;
        }
        return Ok(());
    }
    if kind == Kind::Messages {
        messages(group.next_column()?.expect(ONE_A_KIND), cells, |(role, _)| role)?;
        return messages(group.next_column()?.expect(ONE_A_KIND), cells, |(_, content)| content);
    }
    let leaf = group.next_column()?.expect(ONE_A_KIND);
    match kind {
        Kind::Number => optional::<DoubleType>(leaf, cells, |cell| match cell {
            Cell::Number(number) => *number,
            _ => None,
        }),
        Kind::Integer => optional::<Int64Type>(leaf, cells, |cell| match cell {
            Cell::Integer(number) => *number,
            _ => None,
        }),
        Kind::OptionalText => optional::<ByteArrayType>(leaf, cells, |cell| match cell {
            Cell::OptionalText(text) => text.as_deref().map(ByteArray::from),
            _ => None,
        }),
        Kind::Text | Kind::Messages | Kind::Group(_) => texts(leaf, cells),
    }
}

fn texts(mut column: SerializedColumnWriter<'_>, cells: &[&Cell]) -> Result<()> {
    let texts = cells.iter().filter_map(|cell| match cell {
        Cell::Text(text) => Some(ByteArray::from(text.as_str())),
        _ => None,
    });
    column.typed::<ByteArrayType>().write_batch(&texts.collect::<Vec<_>>(), None, None)?;
    column.close()
}

fn optional<T: DataType>(
    mut column: SerializedColumnWriter<'_>,
    cells: &[&Cell],
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<()> {
    let (mut values, mut present) = (Vec::new(), Vec::with_capacity(cells.len()));
    for cell in cells {
        let value = value(cell);
        present.push(i16::from(value.is_some()));
        values.extend(value);
    }
    column.typed::<T>().write_batch(&values, Some(&present), None)?;
    column.close()
}

/// One leaf of a column of lists. An item has definition level 1 and continues its list at repetition level 1; an empty list
/// is one entry of definition level 0.
fn messages(
    mut column: SerializedColumnWriter<'_>,
    cells: &[&Cell],
    part: for<'a> fn(&'a (&'static str, String)) -> &'a str,
) -> Result<()> {
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
