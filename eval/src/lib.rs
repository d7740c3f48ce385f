//! Measuring a model through [`ChatModel`](amend_proto::ChatModel).
//!
//! What is measured never matters to how it is measured: the base model, the edited one and a fake pass through the
//! same code. A [suite](suite::Suite) holds questions with their expected answers in groups; [`exact::run`] asks them
//! all, greedily and with bounded concurrency, and folds the answers into a [report](report::ExactReport).

pub mod data;
pub mod edit;
pub mod exact;
pub mod report;
pub mod suite;

pub use exact::{ExactOptions, Progress};
pub use report::{ExactReport, Failure, GroupScore};
pub use suite::{Item, Suite, SuiteError};
