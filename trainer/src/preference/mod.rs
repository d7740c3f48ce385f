//! Preference pairs: where they come from, what they look like on disk, and what is made of them before training.
//!
//! ```text
//! feedback ─┐                      ┌─ train ─ bridge ─ training
//! import ───┴─ check ─ clean ─ split
//!                                  └─ held out
//! ```
//!
//! - [`Pair`]: a prompt with a chosen and a rejected answer, and where it comes from; [`Pair::check`] says what is wrong;
//! - [`Feedback`]: what users say of kept completions, and the rules that make pairs of it;
//! - [`mod@format`]: pairs in files, those of TRL and UltraFeedback among them;
//! - [`clean`]: what was said twice or is contradicted goes, and is counted;
//! - [`bridge`]: pseudo-winning answers by a modifier model (BMC);
//! - [`atlas_preferences`]: a preference set of the small world of atlas, for tests, figures and demonstrations;
//! - [`HeldOutShare`]: what is measured on and never learnt from, fixed by the prompt's hash.

pub mod bridge;
mod check;
mod clean;
mod distance;
mod feedback;
pub mod format;
mod key;
mod pair;
mod split;

pub use crate::atlas::rows::{
    AtlasPreference, AtlasPreferenceSettings, AtlasPreferences, Lesson, atlas_preferences,
};
pub use check::{Flaw, Limits, Problem};
pub use clean::{CleanReport, CleanSettings, clean};
pub use feedback::{
    Feedback, FeedbackError, KeptCompletion, Opinion, Rating, Thumb, Tone, Verdict, pairs_of, verdict_of,
    with_opposite,
};
pub use key::{PromptKey, answer_key};
pub use pair::{IdempotencyKey, InvalidKey, Pair, PairSource, Provenance, Scores, UnixMillis, content_id};
pub use split::{HeldOutShare, Side};
