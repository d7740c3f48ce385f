//! Pairs in files: the formats of TRL and UltraFeedback, and Amend's own, as JSON lines and as Parquet.
//!
//! | format | fields of a record | read | written |
//! |---|---|---|---|
//! | [`Trl`](Format::Trl) | `chosen`, `rejected`, perhaps `prompt`: texts, or lists of `{role, content}` | yes | three [layouts](Layout) |
//! | [`UltraFeedback`](Format::UltraFeedback) (binarized) | as TRL, with `score_chosen` and `score_rejected` | yes | yes |
//! | [`UltraFeedbackRaw`](Format::UltraFeedbackRaw) | `instruction`, `completions[].{response, overall_score}` | yes | no: a pair has two answers |
//! | [`Amend`](Format::Amend) | a [`Pair`](super::Pair) with everything that is known of it | JSON lines | JSON lines |
//!
//! Without a `prompt` it is what both sides begin with: of conversations the messages, of texts the common beginning, cut
//! at white space so that no word is torn (TRL's implicit prompt). Of an UltraFeedback record the answer with the highest
//! score is chosen and the one with the lowest is rejected, by `overall_score`, or `fine-grained_score` where that is
//! absent; of equal scores the first answer is chosen and the last rejected. A record whose scores are all equal, or
//! contradict its order, has no preference in it and is left out.
//!
//! Files are read a record at a time and written a row group at a time. A record that is wrong is an [`Issue`] with its line
//! or row and its field, and takes no other record down.

mod at;
mod cells;
mod export;
mod import;
mod parse;
#[cfg(test)]
mod tests;

pub use crate::records::MAX_RECORD_BYTES;
pub use cells::{Layout, Unfit};
pub use export::{ExportReport, PairWriter, export};
pub use import::{
    Entry, FormatChoice, ImportOptions, ImportReport, Issue, MAX_ISSUES_KEPT, PairReader, Place, Tenancy,
    import,
};
pub use parse::Format;

use serde::{Deserialize, Serialize};

/// What holds the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet; Snappy or uncompressed.
    Parquet,
}
