//! One row.

use super::provenance::{PROVENANCE, RowProvenance};
use crate::digest::{hex, of_parts};
use crate::preference::{Flaw, Problem};
use crate::records::{Cell, Kind, Table};
use amend_proto::{Message, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// The content hash of a row: SHA-256 over the roles and texts of its messages, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowId(String);

impl RowId {
    /// Of a conversation.
    #[must_use]
    pub fn of(messages: &[Message]) -> Self {
        let parts = messages.iter().flat_map(|m| [m.role.as_str(), m.content.as_str()]);
        Self(hex(&of_parts(parts)))
    }

    /// The hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A conversation to learn every answer of, and where it comes from. Its id always fits its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct SynthRow {
    messages: Vec<Message>,
    provenance: RowProvenance,
    id: RowId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    messages: Vec<Message>,
    provenance: RowProvenance,
    id: RowId,
}

impl TryFrom<Unchecked> for SynthRow {
    type Error = Flaw;

    fn try_from(Unchecked { messages, provenance, id }: Unchecked) -> Result<Self, Flaw> {
        let row = Self::new(messages, provenance)?;
        match row.id == id {
            true => Ok(row),
            false => Err(Flaw::new("id", Problem::Contradicts("messages"))),
        }
    }
}

const TEXTS_ONLY: &str = "a row of texts by system, user and assistant";

/// The columns of a file of rows.
pub(super) const ROWS: Table = Table {
    name: "rows",
    columns: &[("messages", Kind::Messages), ("provenance", Kind::Group(&PROVENANCE)), ("id", Kind::Text)],
};
/// Their names.
pub(super) const COLUMNS: [&str; 3] = ["messages", "provenance", "id"];

impl SynthRow {
    /// A row.
    ///
    /// # Errors
    /// [`Problem::Empty`] without messages; [`Problem::Unknown`] when one calls a tool or has its result.
    pub fn new(messages: Vec<Message>, provenance: RowProvenance) -> Result<Self, Flaw> {
        if messages.is_empty() {
            return Err(Flaw::new("messages", Problem::Empty));
        }
        let tool = |m: &Message| m.role == Role::Tool || !m.tool_calls.is_empty() || m.tool_call_id.is_some();
        if let Some(index) = messages.iter().position(tool) {
            let problem = Problem::Unknown { expected: TEXTS_ONLY, found: "a tool's".into() };
            return Err(Flaw::new(format!("messages[{index}]"), problem));
        }
        Ok(Self { id: RowId::of(&messages), messages, provenance })
    }

    /// The conversation.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Where it comes from.
    #[must_use]
    pub fn provenance(&self) -> &RowProvenance {
        &self.provenance
    }

    /// Its content hash.
    #[must_use]
    pub fn id(&self) -> &RowId {
        &self.id
    }

    /// From a record of a file.
    pub(super) fn read(record: &Value) -> Result<Self, Flaw> {
        // serde would take a list for a struct.
        if !record.is_object() {
            return Err(Flaw::new("", Problem::WrongType { expected: "an object", found: "another value" }));
        }
        let unchecked: Unchecked = serde_path_to_error::deserialize(record).map_err(|e| {
            let path = e.path().to_string();
            let field = if path == "." { String::new() } else { path };
            Flaw::new(field, Problem::Syntax(e.inner().to_string()))
        })?;
        unchecked.try_into()
    }

    /// The cells of [`ROWS`].
    pub(super) fn cells(&self) -> Vec<Cell> {
        let messages = self.messages.iter().map(|m| (m.role.as_str(), m.content.clone())).collect();
        vec![Cell::Messages(messages), self.provenance.cell(), Cell::Text(self.id.to_string())]
    }
}
