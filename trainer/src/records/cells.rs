//! One field of a record, the same for both containers.

use serde_json::{Map, Value, json};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A text, or none.
    OptionalText,
    Messages,
    /// A floating-point number, or none.
    Number,
    /// A whole number, or none.
    Integer,
    /// Named fields, none of them messages.
    Group(&'static [(&'static str, Kind)]),
}

/// What one field of one record holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    OptionalText(Option<String>),
    Messages(Vec<(&'static str, String)>),
    Number(Option<f64>),
    Integer(Option<i64>),
    /// In the order of the kind.
    Group(Vec<Cell>),
}

impl Cell {
    /// About what it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 32,
            Self::OptionalText(text) => text.as_ref().map_or(0, String::len) + 32,
            Self::Messages(messages) => messages.iter().map(|(_, text)| text.len() + 64).sum::<usize>() + 32,
            Self::Number(_) | Self::Integer(_) => 32,
            Self::Group(cells) => cells.iter().map(Self::bytes).sum::<usize>() + 32,
        }
    }

    /// As JSON; a group's names are those of its kind.
    pub(crate) fn json(&self, kind: Kind) -> Value {
        match (self, kind) {
            (Self::Text(text), _) => json!(text),
            (Self::OptionalText(text), _) => json!(text),
            (Self::Number(number), _) => json!(number),
            (Self::Integer(number), _) => json!(number),
            (Self::Messages(messages), _) => {
                messages.iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
            }
            (Self::Group(cells), Kind::Group(fields)) => object(fields, cells),
            (Self::Group(_), _) => Value::Null,
        }
    }
}

/// Cells under the names of their columns.
pub(crate) fn object(columns: &[(&'static str, Kind)], cells: &[Cell]) -> Value {
    let fields = columns.iter().zip(cells).map(|((name, kind), cell)| ((*name).to_owned(), cell.json(*kind)));
    Value::Object(fields.collect::<Map<_, _>>())
}
