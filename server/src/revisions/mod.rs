//! Revisions: the versions of the served model, which of them is live, and how that changes.
//!
//! The registry is in the ledger. A revision is immutable and named by its content; its state changes, and at most one of a
//! *line* (a base model and what was trained from it) is live, which an index of the database enforces. Its files are in
//! `revisions/<id>/` of the data folder: `model/`, `card.json`, with an adapter also `adapter/`.
//!
//! To make one live it is [loaded](Load) beside the live one and warmed with a short generation; then the pointer in the
//! ledger is changed by compare-and-swap in one transaction, and at last the pointer that requests take
//! ([`Registry`](crate::registry::Registry)). A crash in between leaves the ledger's word, which the next start follows.
//! What may go live is the [`Gatekeeper`]'s word, or that of somebody who insists; either is on the record with the switch.
//! Requests under way finish on the revision they began with; its memory is given back after the last of them.

mod error;
mod files;
mod load;
mod service;
mod store;
mod switch;
#[cfg(test)]
mod tests;

pub use error::RevisionError;
pub use load::{Gatekeeper, Load, LoadError, Loadable, Names};
pub use service::{Promotion, Revisions, RevisionsConfig};
pub use store::{Candidate, Revision};
pub(crate) use store::{from_word, word};
