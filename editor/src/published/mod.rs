//! The records of published knowledge-editing data sets, in the variants of their field names.
//!
//! A file is one JSON array of objects. What an object is shows in its fields:
//!
//! | record | is there when it has | fields (and other names for them) |
//! |---|---|---|
//! | [`MultiHop`] (MQuAKE) | `requested_rewrite`, an array | `questions`, `answer`, `answer_alias`, `new_answer`, `new_answer_alias`, `single_hops`, `new_single_hops` |
//! | [`CounterFact`] | `requested_rewrite`, an object | `paraphrase_prompts`, `neighborhood_prompts` |
//! | [`Biography`] (WikiBio) | `concept` | `text`, `labels`, `locality` |
//! | [`Fact`] (ZsRE, KnowEdit) | anything else | `subject`, `prompt` (`src`), `target_new` (`alt`, `target`), `rephrase_prompt` (`rephrase`), `ground_truth` (`answers`), `loc` with `loc_ans`, `portability`, `locality` |
//!
//! Texts that are lists in some files, and lists in lists in others, are read alike; other fields are passed over.

mod read;
mod record;

pub use read::read_array;
pub use record::{Biography, CounterFact, Fact, Hop, MultiHop, Probe, ProbeSet, Record, Rewrite};

#[cfg(test)]
mod tests;
