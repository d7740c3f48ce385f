//! Measuring a model through [`ChatModel`](amend_proto::ChatModel).
//!
//! What is measured never matters to how it is measured: the base model, the edited one and a fake pass through the
//! same code. A [suite](suite::Suite) holds questions with their expected answers in groups; [`exact::run`] asks them
//! all, greedily and with bounded concurrency, and folds the answers into a [report](report::ExactReport).
//!
//! Edits are measured with published [sets](data) of them: a [protocol](edit::protocol) puts them into a store, asks both
//! the edited model and the one without edits, and reports how success, portability, locality and retrieval change as
//! edits accumulate. [Calibration](edit::calibrate) learns from labelled pairs which edits a question should get.

pub mod contamination;
pub mod data;
pub mod edit;
pub mod exact;
pub mod follow;
pub mod gate;
pub mod regression;
pub mod report;
pub mod stats;
pub mod suite;

pub use exact::{ExactOptions, Progress};
pub use report::{ExactReport, Failure, GroupScore};
pub use suite::{Item, Suite, SuiteError};
