//! Edits in bulk: out of the log and into it, as JSON lines.
//!
//! The format is described at [`TenantEditor::import`](crate::TenantEditor::import).

mod export;
mod import;
mod line;
mod lines;

pub use import::{ImportOptions, ImportReport, ImportStopped, Problem};
pub use line::MAX_LINE_BYTES;
