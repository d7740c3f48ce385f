//! The gate: a pure function from what was measured, and a policy, to pass, fail or inconclusive.
//!
//! [`Evidence`] is what a suite found of a model, whatever the suite. [`decide`] pairs the candidate's with the live
//! revision's, item by item, and compares group by group ([`crate::stats`]). It knows no clock and no file; the same input
//! gives the same [`GateDecision`]. Whatever is not shown is not passed.
//!
//! The rules, for each suite, with D the difference candidate − live of the metric (mean over the categories of the mean over
//! groups), and α = 1 − confidence:
//!
//! | verdict | when |
//! |---|---|
//! | pass | the one-sided lower bound of D at α is above −margin, and the candidate's score is not below the floor |
//! | fail | D is below −margin and also significantly below 0 (Holm over the suites at α); or the score is below the floor |
//! | inconclusive | otherwise; and whenever the two measurements cannot be compared |
//!
//! Bounds are the wider of two intervals ([`crate::stats::Bounds`]) and allow for whole groups that none was seen of
//! ([`crate::stats::unseen_loss`]). Where the groups are all that there is ([`Population::Whole`], such as all live edits)
//! there is nothing to be unsure of: D itself decides.
//!
//! A gate passes when all its suites do: no correction is needed for that (an intersection-union test, Berger 1982): a
//! candidate that is worse in any one suite passes that one with probability α at most, and so the gate. It fails when one
//! does, which is what Holm's correction is for.

mod decide;
mod decision;
mod error;
mod evidence;
mod policy;
pub mod render;
pub mod simulate;
#[cfg(test)]
mod tests;

pub use decide::{GateInput, Look, decide};
pub use decision::{GateDecision, Reason, Scored, SuiteDecision, Verdict};
pub use error::PolicyError;
pub use evidence::{Evidence, EvidenceItem, Population, Seconds};
pub use policy::{
    ContaminationAction, ContaminationPolicy, Limits, Metric, Percent, Policy, Sequential, SuitePolicy,
};
