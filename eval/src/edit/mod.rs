//! Measuring edits.

pub mod metrics;
