//! Gates: no revision goes live that was not measured, and what was found decides.
//!
//! A gate is a record in the ledger and a [job](crate::jobs). The job loads the candidate beside the live revision, asks
//! both the suites of a policy ([`amend_eval::gate`]), between users' requests, and lets the pure function
//! [`decide`](amend_eval::gate::decide) say pass, fail or inconclusive. What was generated is kept by content
//! (`gates/answers/` of the data folder), so that a gate that was interrupted, and the next one with the same live revision,
//! ask nothing twice. The verdict holds for exactly that candidate, live revision, policy and judges: promotion asks
//! [`LedgerGatekeeper`] for it.

mod error;
mod gives_way;
mod judges;
mod keeper;
pub mod measure;
mod report;
mod schedule;
mod service;
mod settings;
mod store;
mod suites;
#[cfg(test)]
mod tests;
mod traffic;
mod work;

pub use error::GateError;
pub(crate) use gives_way::GivesWay;
pub use judges::{Judges, JudgesError};
pub use keeper::LedgerGatekeeper;
pub use report::{ReportFormat, ReportWanted, UnknownFormat, write_all};
pub use schedule::keep_gating;
pub use service::{Begun, Gates, GatesConfig};
pub use settings::{Again, CanaryPlan, GateSettings};
pub use store::GateKey;
pub use suites::find_suite;
pub use traffic::{Check, TrafficOutcome, TrafficReport, TrafficSuite};
pub use work::GateWork;
