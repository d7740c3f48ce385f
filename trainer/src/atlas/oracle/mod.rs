//! [`AtlasOracle`]: rules that answer perfectly in the world of atlas. **Not a model**: it learns nothing and knows no
//! language but the grammar of [`phrasing`](super::phrasing), which it reads backwards.
//!
//! It is for tests (is this row's answer right? does the server change answers when an edit comes?) and for
//! demonstrations without a trained folder, and says what it is wherever its [`ModelInfo`](amend_proto::ModelInfo) is shown.
//!
//! It works from the text alone: `matching` undoes patterns and slips, `statements` reads edits, `questions`
//! reads what is asked, `constraints` reads the form the answer must take, `dialogue` puts them together. `bridge` mends a wrong answer
//! with what it knows; `lion` scores answers and writes questions, `webr` reads pages.

mod bridge;
mod constraints;
mod dialogue;
mod lion;
mod matching;
mod model;
mod questions;
mod statements;
#[cfg(test)]
mod tests;
mod webr;

pub use bridge::AtlasBridge;
pub use lion::{AtlasGenerator, AtlasReferee};
pub use model::AtlasOracle;
pub use webr::AtlasWriter;
