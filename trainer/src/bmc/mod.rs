//! Preference training.

mod control;
mod difference;
pub mod loss;
mod pack;
mod pair;

pub use control::Control;
pub use difference::{Difference, STOP_WORDS, StopTokens};
pub use pack::Sharing;
pub use pair::{Lengths, PairCounts, PreferencePair};
