//! What can be wrong with a file, and with one record of it.

use serde::{Serialize, Serializer};
use std::fmt;

/// Why a file cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The disk, the pipe.
    #[error("failed to read {file}")]
    Io {
        /// The file.
        file: String,
        /// What happened.
        source: std::io::Error,
    },
    /// It is neither an array nor one object a line.
    #[error(
        "failed to read {file}: it begins with {found:?}; it must be a JSON array of objects, or one JSON object a line"
    )]
    NotRecords {
        /// The file.
        file: String,
        /// Its first character that is not white space.
        found: char,
    },
    /// The array breaks off, or its items are not separated, so that no further record can be told apart.
    #[error("failed to read {file}: the array is broken at byte {offset}, after {read} records: {reason}")]
    BrokenArray {
        /// The file.
        file: String,
        /// Bytes before the place.
        offset: u64,
        /// Records before the place.
        read: usize,
        /// What was found there.
        reason: &'static str,
    },
    /// Behind an array stands something that is neither another one nor a record.
    #[error(
        "failed to read {file}: the array ends before byte {offset}, after {read} records, and {found:?} follows; only another array or one JSON object a line may"
    )]
    AfterArray {
        /// The file.
        file: String,
        /// Bytes before what follows.
        offset: u64,
        /// Records before the place.
        read: usize,
        /// The byte there.
        found: char,
    },
}

/// The sorts of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    /// `null`
    Null,
    /// `true`, `false`
    Bool,
    /// `1.5`
    Number,
    /// `"text"`
    String,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

impl JsonType {
    pub(crate) fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(_) => Self::Bool,
            serde_json::Value::Number(_) => Self::Number,
            serde_json::Value::String(_) => Self::String,
            serde_json::Value::Array(_) => Self::Array,
            serde_json::Value::Object(_) => Self::Object,
        }
    }
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It holds no text but white space, or a list of nothing else.
    #[error("it is empty")]
    Empty,
    /// It is of another JSON type than the format has there.
    #[error("it is {found}, not {expected}")]
    WrongType {
        /// What the format has there.
        expected: &'static str,
        /// What is there.
        found: JsonType,
    },
    /// The record is no valid JSON.
    #[error("it is no valid JSON: {0}")]
    Syntax(String),
    /// The record is longer than is read.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// The fields are those of no known format.
    #[error(
        "its fields are those of no known format; name the format, or give prompt and target_new, concept and labels, or requested_rewrite"
    )]
    UnknownFormat,
    /// A list of questions of a sort that nobody scores.
    #[error("no score is known under this name")]
    UnknownList,
    /// The prompt of a rewrite does not say where its subject belongs.
    #[error("it has no {{}} for the subject")]
    NoPlaceholder,
    /// The statement template fails on this record.
    #[error("the statement template fails on it: {0}")]
    Statement(String),
}

/// What is not read because of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// The whole record.
    Record,
    /// The question or the list that the field belongs to; the record is read without it.
    Field,
}

/// Something wrong in one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The file, as the reader was told.
    pub file: String,
    /// The record's place in the file, from 0.
    pub index: usize,
    /// The field: `portability.Reasoning[2].prompt`. Empty for the record itself.
    pub field: String,
    /// What is wrong.
    #[serde(serialize_with = "as_text")]
    pub problem: Problem,
    /// What is left out.
    pub lost: Lost,
}

fn as_text<S: Serializer>(problem: &Problem, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(problem)
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, index, field, problem, lost } = self;
        write!(f, "{file}: record {index}: ")?;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        let lost = match lost {
            Lost::Record => "the record is left out",
            Lost::Field => "this field is left out",
        };
        write!(f, "{problem}; {lost}")
    }
}
