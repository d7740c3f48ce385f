//! Judges: models that read the path of instructions and the answer, and say which of the added constraints it meets.
//!
//! What they are asked is a [template](JudgeTemplate) after FollowBench's constraint-evolution path (Jiang et al. 2024,
//! section 3.3): every version of the instruction, the answer within a fence that it cannot forge, and the task to end with
//! a list of YES and NO. A reply that cannot be read is asked for again with another seed, then counts as
//! [unparsed](crate::follow::Verdict::Unparsed); nothing that a judge says is ever executed or guessed at.
//!
//! A [panel](JudgePanel) of several decides by majority, and reports how far its members [agree](PairAgreement). A
//! [calibration set](CalibrationSet) with known verdicts rates a judge [itself](JudgeRating).

mod agreement;
mod calibration;
mod panel;
mod rating;
mod sitting;
mod template;
#[cfg(test)]
mod tests;

pub use agreement::{PairAgreement, agreements, kappa};
pub use calibration::{CalibrationError, CalibrationItem, CalibrationSet};
pub use panel::{Judge, JudgeId, JudgeOptions, JudgePanel, PanelError};
pub use rating::{JudgeRating, Share, rate};
pub use sitting::{JudgeStop, Judgement, Reading, ReadingResult, SeatRecord};
pub use template::{JudgeTemplate, Language, Question, TemplateError};

pub(crate) use sitting::Sitting;
