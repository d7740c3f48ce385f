//! How often the model's greedy answer is exactly right, per kind.

use crate::{
    Result,
    atlas::{Atlas, Kind, held_out},
    decoder::Decoder,
    sft::exact_match,
    tokenizer::{ChatTokenizer, Supervision},
};
use amend_proto::Message;
use serde::{Deserialize, Serialize};

/// Items of each kind in the final measurement.
pub(super) const FINAL_ITEMS: usize = 500;

/// The score of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KindScore {
    /// The kind's label, [`Kind::label`].
    pub kind: String,
    /// Held-out items asked.
    pub items: usize,
    /// How many were answered exactly.
    pub exact: usize,
}

impl KindScore {
    /// `exact / items`.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.exact as f64 / self.items.max(1) as f64
    }
}

/// Scores `items` held-out items of every kind, teacher-forced: every token of the answer is the most probable one,
/// which is the same as the greedy answer being exactly right.
///
/// # Errors
/// When a dialogue cannot be tokenised or is longer than the model's context.
pub fn measure(
    decoder: &Decoder,
    tokenizer: &ChatTokenizer,
    seed: u64,
    items: usize,
) -> Result<Vec<KindScore>> {
    let atlas = Atlas::built_in();
    let mut scores = Vec::new();
    for kind in Kind::all() {
        let examples = held_out(atlas, seed, kind, items)
            .into_iter()
            .map(|item| {
                let mut messages = item.messages;
                messages.push(Message::assistant(item.expected));
                tokenizer.example(&messages, Supervision::LastAnswer)
            })
            .collect::<Result<Vec<_>>>()?;
        let exact = exact_match(decoder, &examples)?.into_iter().filter(|right| *right).count();
        scores.push(KindScore { kind: kind.label(), items: examples.len(), exact });
    }
    Ok(scores)
}
