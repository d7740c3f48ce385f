//! Models that make data, asked within bounds: every answer kept on disk, so many at a time and a minute, tried again when
//! that may help, and paid from a budget that is never knowingly overdrawn.
//!
//! What is asked is a pure function of the settings, the seed and the answers so far. So a run that was killed goes on by
//! asking the same again: what is in the [log](AnswerLog) is not sent.

mod answers;
mod asker;
mod endpoint;
mod ledger;
mod role;
#[cfg(test)]
mod tests;

pub use answers::{AnswerLog, Kept, Reply};
pub use asker::{Asker, Batch, Halt, Question};
pub use endpoint::{Endpoint, EndpointSettings, Price, Rates};
pub use ledger::{Budget, Ledger, Spent};
pub use role::{Cast, Part, Role};
