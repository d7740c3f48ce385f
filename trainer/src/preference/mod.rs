//! Preference pairs: where they come from, what they look like on disk, and what is made of them before training.
//!
//! ```text
//! feedback ─┐                      ┌─ train ─ bridge ─ training
//! import ───┴─ check ─ clean ─ split
//!                                  └─ held out
//! ```
//!
//! - [`Pair`]: a prompt with a chosen and a rejected answer, and where it comes from; [`Pair::check`] says what is wrong;
//! - [`Feedback`]: what users say of kept completions, and the rules that make pairs of it.

mod check;
mod feedback;
mod key;
mod pair;

pub use check::{Flaw, Limits, Problem};
pub use feedback::{
    Feedback, FeedbackError, KeptCompletion, Opinion, Rating, Thumb, Tone, Verdict, pairs_of, verdict_of,
    with_opposite,
};
pub use key::{PromptKey, answer_key};
pub use pair::{IdempotencyKey, InvalidKey, Pair, PairSource, Provenance, Scores, UnixMillis, content_id};
