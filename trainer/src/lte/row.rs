//! One row of the parallel data set, and where it comes from.

use amend_proto::Message;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a row teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// The fact's question, its edit in front: the edit answers.
    Edit,
    /// A rephrased question, the edit in front.
    Rephrased,
    /// A question whose answer follows from the edit, which stands in front.
    Portability,
    /// The fact's question without an edit.
    Unedited,
    /// A portability question without the edit.
    UneditedPortability,
    /// A locality question with the edit in front, which must not change the answer.
    Locality,
    /// A locality question without an edit.
    UneditedLocality,
    /// The fact's question with edits about other subjects in front, the nearest ones.
    OtherFacts,
    /// A free-form instruction.
    FreeForm,
    /// A free-form instruction with edits in front that do not concern it.
    FreeFormEdited,
}

/// The three parts of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// An edit in front answers.
    InScope,
    /// No edit answers, though one may stand in front.
    OutOfScope,
    /// Free-form instructions.
    FreeForm,
}

impl RowKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Edit,
        Self::Rephrased,
        Self::Portability,
        Self::Unedited,
        Self::UneditedPortability,
        Self::Locality,
        Self::UneditedLocality,
        Self::OtherFacts,
        Self::FreeForm,
        Self::FreeFormEdited,
    ];

    /// The part that it belongs to.
    #[must_use]
    pub fn part(self) -> Part {
        match self {
            Self::Edit | Self::Rephrased | Self::Portability => Part::InScope,
            Self::FreeForm | Self::FreeFormEdited => Part::FreeForm,
            Self::Unedited
            | Self::UneditedPortability
            | Self::Locality
            | Self::UneditedLocality
            | Self::OtherFacts => Part::OutOfScope,
        }
    }

    /// Whether edits stand in front of the question.
    #[must_use]
    pub fn has_edits(self) -> bool {
        !matches!(self, Self::Unedited | Self::UneditedPortability | Self::UneditedLocality | Self::FreeForm)
    }
}

/// As it is written in JSON.
impl fmt::Display for RowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Who said the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// The source of the facts or instructions.
    Source,
    /// The teacher model.
    Teacher,
}

/// Where a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// What it teaches.
    pub kind: RowKind,
    /// The place of its fact, or of its instruction, in the source, from 0.
    pub record: usize,
    /// Edits in front of the question.
    pub context: usize,
    /// The place among them of the edit that answers, from 0; none when no edit answers. Where several answer together, the
    /// place of the one that the row is of.
    pub position: Option<usize>,
    /// Further questions about the same edits that follow in the same conversation.
    pub follow_ups: usize,
    /// Who said the first answer; those of further questions are the source's.
    pub answered_by: AnsweredBy,
    /// The random stream that drew context and follow-ups.
    pub seed: u64,
}

/// One row: a conversation to learn every answer of, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRow {
    /// The conversation; the edits are rendered into the first user message.
    pub messages: Vec<Message>,
    /// Where it comes from.
    pub provenance: Provenance,
}
