//! Measuring edits: [what](metrics) is measured of one, [protocols](protocol) that measure many, the [reports](report),
//! and the [calibration](calibrate) of the decision which edits a question gets.
//!
//! Nothing here knows where edits live or what engine answers: the store, the models and teacher forcing are traits.

pub mod calibrate;
pub mod metrics;
pub mod protocol;
pub mod report;
