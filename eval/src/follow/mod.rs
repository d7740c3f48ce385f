//! Constraint following: FollowBench (Jiang et al., ACL 2024, arXiv 2310.20410) and suites of its shape.
//!
//! A *group* is one instruction that grows: level 1 to 5, each adding one constraint to the level before. An
//! [item](item::Item) is one level of one group; how its answer is [checked](item::Check) is a rule, code or a judge. What
//! became of it is an [outcome](outcome::ItemOutcome), and outcomes fold into [scores](outcome::Scores): HSR, SSR and CSL.

pub mod constraint;
pub mod item;
pub mod judge;
pub mod outcome;
pub mod own;
pub mod published;
pub mod report;
pub mod run;
pub mod score;

pub use item::{Category, Check, FollowSuite, GroupId, Item, Level};
pub use outcome::{ConstraintOutcome, ItemOutcome, Scorer, Scores, Verdict};
