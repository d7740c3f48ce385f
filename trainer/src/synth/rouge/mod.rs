//! ROUGE-L between instructions, and the filter of new ones that are too much like known ones.
//!
//! ```text
//! text ─ tokens ─┬─ overlap with every member (inverted index) ─ bounds ─ LCS of those that can be nearest ─ Nearest
//!                └─ joins the pool when the nearest is not too near
//! ```
//!
//! The score is ROUGE-L's F1 (Lin 2004, section 3: β = 1) as PyPI's `rouge_score` computes it without a stemmer, equal to
//! the last bit. A new instruction is held against *all* known ones and the verdict is that of comparing with each, but
//! few are compared: the longest common subsequence of two token sequences is no longer than what they share as
//! multisets, and that is counted for all members at once by reading the lists of the candidate's tokens. What the count
//! allows as the highest score is a bound, by which the members are visited until no bound reaches the best score found.

mod filter;
mod pool;
mod score;
#[cfg(test)]
mod tests;
mod tokens;

pub use filter::{Decision, Filter};
pub use pool::{Nearest, Pool};
pub use score::score;
pub use tokens::{MAX_TOKENS, TooLong, tokens};
