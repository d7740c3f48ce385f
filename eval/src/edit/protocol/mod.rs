//! Edits put into a store in different numbers, and the records measured each time.
//!
//! [`run`] takes what to measure as traits: the [`EditStore`] where the edits live, two
//! [`ChatModel`](amend_proto::ChatModel)s, and, if there is teacher forcing, two
//! [`TeacherForced`](crate::edit::metrics::TeacherForced).

mod journal;
mod live;
mod measure;
mod outcome;
mod plan;
mod run;
mod store;
#[cfg(test)]
mod tests;

pub use journal::{FileJournal, Fingerprint, Journal, JournalError};
pub use measure::{Bench, ForcedPair, Load, MeasureOptions};
pub use outcome::{ForcedScore, LookupScore, Outcome, ProbeKind, ProbeOutcome, Reading};
pub use plan::{Plan, Protocol, Seed, Size};
pub use run::{Job, Position, RunError, RunProgress, run};
pub use store::{Decision, EditStore, Fate, Hit, Lookup, NewEdit, StoreError, StoreInfo};
