//! Jobs: what the daemon does in the background, one at a time, on a thread of its own at low priority.
//!
//! A job is a record in the ledger ([`JobObject`](amend_proto::wire::JobObject)) and a folder, `jobs/<id>/` of the data
//! folder. It waits while users' requests are in the engine or in front of it, and in the quiet hours. When the daemon goes
//! down, in order or not, the job goes on from what its folder holds at the next start; one that was interrupted too often
//! is marked failed.

mod context;
mod error;
mod follow;
mod quiet;
mod read;
mod runner;
mod store;
#[cfg(test)]
mod tests;
mod watch;

pub use context::{Ended, JobContext, Work};
pub use error::JobError;
pub use follow::{Follow, News};
pub use quiet::{InvalidQuietHours, QuietHours};
pub(crate) use runner::enqueue;
pub use runner::{Jobs, JobsConfig};
