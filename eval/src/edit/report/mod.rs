//! What a run found: JSON for programs, Markdown and charts for people.

mod charts;
mod markdown;
mod scores;
pub(crate) mod svg;
#[cfg(test)]
mod tests;

pub use charts::{growth_chart, reliability_chart, threshold_chart, trade_off_chart};
pub use scores::{EditFailure, ForcedScores, Injection, Mean, Recall, Retrieval, Score, Scores, StageReport};

use crate::edit::protocol::{Fingerprint, MeasureOptions, Outcome, Plan, StoreInfo};
use amend_proto::ModelInfo;
use serde::{Deserialize, Serialize};

/// The version of the JSON form of [`EditReport`].
pub const SCHEMA: &str = "amend.edits/2";

/// A model, as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelName {
    /// The model's id.
    pub id: String,
    /// Its revision.
    pub revision: String,
}

impl From<ModelInfo> for ModelName {
    fn from(info: ModelInfo) -> Self {
        Self { id: info.id.to_string(), revision: info.revision.to_string() }
    }
}

/// What a run was about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub(crate) data: String,
    pub(crate) records: usize,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) plan: Plan,
    pub(crate) options: MeasureOptions,
    pub(crate) store: StoreInfo,
    pub(crate) edited: ModelInfo,
    pub(crate) base: ModelInfo,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// What the data are called.
    pub data: String,
    /// How many records there were.
    pub records: usize,
    /// Tells runs apart that measured different things.
    pub fingerprint: Fingerprint,
    /// Protocol, sizes, seed.
    pub plan: Plan,
    /// How records were measured.
    pub options: MeasureOptions,
    /// What found the edits, decided on them and put them in front.
    pub store: StoreInfo,
    /// The model with edits.
    pub edited: ModelName,
    /// The model without.
    pub base: ModelName,
    /// One for each number of records whose edits were in the store, ascending.
    pub stages: Vec<StageReport>,
}

impl EditReport {
    /// Adds outcomes up. Their order does not matter: an interrupted run gives the report of one that was not.
    pub(crate) fn new(header: Header, mut outcomes: Vec<Outcome>) -> Self {
        outcomes.sort_by_key(|outcome| (outcome.stage, outcome.record));
        let stages = outcomes.chunk_by(|a, b| a.stage == b.stage).map(StageReport::new).collect();
        let Header { data, records, fingerprint, plan, options, store, edited, base } = header;
        let (schema, edited, base) = (SCHEMA.to_owned(), edited.into(), base.into());
        Self { schema, data, records, fingerprint, plan, options, store, edited, base, stages }
    }

    /// The report as Markdown, by `eval/templates/edits.md.jinja`.
    ///
    /// # Errors
    /// When the template fails, which its tests rule out.
    pub fn markdown(&self) -> Result<String, minijinja::Error> {
        markdown::edits(self)
    }

    /// Scores over the number of edits, as a self-contained SVG.
    ///
    /// # Errors
    /// As [`markdown`](Self::markdown).
    pub fn growth_chart(&self) -> Result<String, minijinja::Error> {
        growth_chart(self)
    }
}

pub(crate) use markdown::{calibration as calibration_markdown, cell as markdown_cell};
#[cfg(test)]
pub(crate) use tests::same_json;
