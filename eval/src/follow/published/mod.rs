//! The published files: loader, rules and both scorers.
//!
//! FollowBench (Jiang et al., ACL 2024, arXiv 2310.20410) publishes its items as JSON, its rules and its judge parser as
//! a program, and its numbers as tables. [`load`] reads the items, [`Rule`] decides those that need no judge,
//! [`parse_verdicts`] reads what a judge wrote about the others, and [`score_files`] puts files of answers and verdicts
//! together into [scores](crate::follow::Scores). Each comes in two kinds: with the reference's defects, for numbers
//! that can be compared with the published ones, and without.

mod edition;
mod files;
mod load;
mod python;
mod rule;
#[cfg(test)]
mod testing;
mod verdict;

pub use edition::Edition;
pub use files::{FileScores, Rounded, ScoreError, ScoreRequest, score_files};
pub use load::{LoadError, RowProblem, load};
pub use rule::{InvalidTarget, Rule};
pub use verdict::{legacy_verdicts, parse_verdicts, strict_verdicts};
