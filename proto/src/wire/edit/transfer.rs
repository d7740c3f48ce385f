//! What importing edits answers.

use serde::{Deserialize, Serialize};

/// A line that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportProblem {
    /// Its number, from 1.
    pub line: u64,
    /// The field at fault, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong; reads on from the field's name.
    pub reason: String,
}

/// What an import did. Every line is counted once in `added`, `superseded`, `unchanged` or `refused`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportObject {
    /// Edits that are new.
    pub added: u64,
    /// Edits that got a new version.
    pub superseded: u64,
    /// Edits that stood already as they were sent.
    pub unchanged: u64,
    /// Lines that were not taken in.
    pub refused: u64,
    /// Conflicts with what stood.
    pub conflicts: u64,
    /// Why lines were not taken in: the first thousand of them, in the order of lines.
    pub problems: Vec<ImportProblem>,
    /// The last entry of the log that the import knows of.
    pub through: i64,
}
