//! What is measured of an edit, one question at a time.
//!
//! | measure | of | by |
//! |---|---|---|
//! | edit success, generalisation, portability | the new answer | [teacher-forced](forced) share of tokens; [generated](text) text: exact, contains |
//! | locality | the answer with the edits against the one without | share of equal tokens; equal text |
//! | fluency | a longer generated text, edits in front | [n-gram entropy](fluency) |
//! | retrieval | which edits a question finds | [recall, false injection, latency](retrieval) |
//!
//! Teacher-forced scores are what the field publishes, and they overstate: the target's own tokens stand in front of
//! each position that is scored ("The Mirage of Model Editing", ACL 2025). Both are always reported side by side.

pub mod fluency;
pub mod forced;
pub mod retrieval;
pub mod text;

pub use fluency::ngram_entropy;
pub use forced::{ForcedError, ForcedQuery, ForcedTokens, TeacherForced, TokenId};
pub use retrieval::{Latency, Micros};
pub(crate) use text::words;
pub use text::{AnswerScore, holds, judge, normalise, word_count};
