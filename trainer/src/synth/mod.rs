//! Training data made in the background: from where the model is weak ([`lion`]) and from documents ([`webr`]).
//!
//! Both ask models that play [roles](ask::Role), through one [`Asker`](ask::Asker) that keeps every answer: a run is a pure
//! function of its settings, its input, its seed and those answers, so a run that was killed is run again and asks only for
//! what is missing. Nothing here knows an engine: models are [`ChatModel`](amend_proto::ChatModel)s.

pub mod ask;
pub mod bench;
pub mod dedup;
pub mod guard;
pub mod lion;
pub mod output;
pub mod pages;
pub mod progress;
pub mod prompts;
pub mod rouge;
pub mod rows;
mod said;
pub mod webr;

use crate::digest;

/// Names texts, in their order: SHA-256, in hexadecimal.
#[must_use]
pub fn names(texts: &[&str]) -> String {
    digest::hex(&digest::of_parts(texts.iter().copied()))
}

/// A number that a seed and what it is for decide, below 2⁵³: every endpoint takes it, JSON as it is.
fn draw(seed: u64, what: &[&str]) -> u64 {
    let seed = seed.to_string();
    let hash = digest::of_parts(std::iter::once(seed.as_str()).chain(what.iter().copied()));
    let [a, b, c, d, e, f, g, h, ..] = hash;
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 11
}
