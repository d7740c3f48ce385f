//! The edit regression suite: do the live edits still hold on this revision, and on nothing else?
//!
//! Of every live edit that is drawn three things are asked of the edited model: what the edit says (*itself*), the same in
//! other words (*rephrased*), and something else about the same subject (*neighbour*), whose answer must be what the model
//! says without edits. The questions come from a [template](Questions). An edit whose relation and object nobody gave is
//! read from its text where that has the form "The R of S is O."; from any other text with "is", "are", "was" or "were" the
//! end is left off and asked for; what cannot be asked about is counted.

mod items;
mod questions;
mod run;
#[cfg(test)]
mod tests;

pub use items::{Aspect, LiveEdit, RegressionItem, RegressionSuite};
pub use questions::{Questions, QuestionsError};
pub use run::{AspectScore, RegressionOptions, RegressionOutcome, RegressionReport, SCHEMA, run};
