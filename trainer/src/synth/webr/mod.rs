//! WebR: instruction data from raw documents (Jiang et al., ACL 2025, arXiv 2504.15573), with no seed instructions.
//!
//! ```text
//! page ─ author's profile ─ request ─┬─ web as instruction: page + request ─ response
//!                                    └─ web as response:    request ─ draft ─ refined with the page
//! ```
//!
//! What a page is used for is decided by a hash of what it says: no text is in both roles. What fails a stage is counted under
//! that stage with its reason.

mod page;
mod run;
mod settings;
mod templates;
#[cfg(test)]
mod tests;
mod text;

pub use run::{WebrJob, WebrRun, run_webr};
pub use settings::WebrSettings;
pub use templates::webr_prompts;

use amend_proto::Sampling;

/// How every role draws its tokens, as published for an open model: temperature 0.6, top-p 0.9.
#[must_use]
pub fn webr_sampling() -> Sampling {
    Sampling { temperature: Some(0.6), top_p: Some(0.9), max_tokens: Some(2048), ..Sampling::default() }
}
