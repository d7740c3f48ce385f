//! From preference pairs to a candidate revision: by the job that the daemon runs, and by `amend train bmc`.
//!
//! ```text
//! pairs ─ edits in front ─ clean ─ split ─ bridge ─┬─ train ─ candidate
//!             rows that models made, by share ─────┘
//! ```
//!
//! What a job reads it writes into its folder before it goes on, so that it ends with the same weights however often it is
//! interrupted.

mod collected;
mod config;
mod edits;
mod job;
mod pairs;
mod progress;
mod schedule;
mod synthetic;
#[cfg(test)]
mod tests;

pub use collected::CollectedPairs;
pub(crate) use config::set_method;
pub use config::{BmcConfig, JobTrigger, TrainingSettings, objective};
pub use job::{BmcWork, BmcWorkConfig};
pub(crate) use job::{endpoint_modifier, oracle_modifier, prepare, training_pairs};
pub use pairs::{FilePairs, PairSource, Pairs, read_files};
pub use schedule::keep_training;
pub(crate) use synthetic::row_texts;
