//! Canaries: a candidate answers a share of the users, and is taken off when it does worse than the live revision.
//!
//! ```text
//! request ─ registry ─┬─ live revision ─┐
//!                     └─ candidate ─────┴─ tally ─ rule ─ take it off, go on, or enough
//! ```
//!
//! Which users is decided by a hash of the canary's name and the request's `user`, so that one user is answered by one
//! revision for as long as the canary runs; requests without a `user` are drawn one by one. Background requests (gates,
//! trainings) are answered by the live revision and not counted. A canary is a record in the ledger; one that runs goes on
//! after a restart, and ends when another revision becomes live.

mod error;
mod observed;
mod routing;
mod rule;
mod service;
mod store;
mod tally;
#[cfg(test)]
mod tests;

pub use error::CanaryError;
pub(crate) use observed::Watch;
pub(crate) use routing::{Canary, counts};
pub use routing::{InvalidShare, Share};
pub use rule::{ERROR_RATE, FIRST_LOOK, Found, Measure, due, look};
pub use service::{Canaries, CanariesConfig, MOST_ANSWERS};
pub use tally::{Arm, Counts, Tally};
