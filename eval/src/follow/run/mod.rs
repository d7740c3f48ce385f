//! Asking a model the items of a suite, and deciding the answers.
//!
//! [`run`] asks with bounded concurrency, times every answer, has each one decided by rule, by code or by a
//! [panel of judges](crate::follow::judge), and folds what it found into a
//! [report](crate::follow::report::FollowReport). What a model or a judge said is [kept](Cache) under a hash of everything
//! that decides it, so that a run that was cut goes on where it stopped and asks nothing twice.
//!
//! It must be called in a tokio runtime with time enabled: checks and the cache's disk are given to its blocking threads,
//! so that no other task waits for them. Dropping the future stops the run and cancels what is being generated.

mod cache;
mod check;
#[cfg(test)]
pub(crate) mod fixtures;
mod generate;
mod key;
mod options;
mod runner;
#[cfg(test)]
mod tests;

pub use cache::{Cache, CacheError, FolderCache, MAX_FILE_BYTES, MAX_LINE_BYTES};
pub use generate::{Generation, MAX_ANSWER_BYTES};
pub use key::Key;
pub use options::{RunError, RunOptions};
pub use runner::run;

pub(crate) use cache::Keeper;
pub(crate) use generate::{Attempt, GenerateError, generate};
pub(crate) use key::Purpose;
