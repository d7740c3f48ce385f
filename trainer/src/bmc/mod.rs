//! Preference training.

mod difference;
pub mod loss;

pub use difference::{Difference, STOP_WORDS, StopTokens};
