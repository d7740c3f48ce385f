//! One item of a report.

use crate::follow::{Category, GroupId, Item, ItemOutcome, Level, judge::Reading, run::Generation};
use amend_proto::FinishReason;
use serde::{Deserialize, Serialize};

/// The longest piece of an instruction or answer that a report keeps, in characters.
pub const ANSWER_KEPT: usize = 4000;

/// A text, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptText {
    /// At most [`ANSWER_KEPT`] characters.
    pub text: String,
    /// How many more there were.
    pub cut: usize,
}

impl KeptText {
    pub(crate) fn new(text: &str) -> Self {
        match text.char_indices().nth(ANSWER_KEPT) {
            None => Self { text: text.to_owned(), cut: 0 },
            Some((at, _)) => Self { text: text[..at].to_owned(), cut: text[at..].chars().count() },
        }
    }
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemReport {
    /// Unique within the suite.
    pub id: String,
    /// Of which group.
    pub group: GroupId,
    /// Of which category.
    pub category: Category,
    /// Of which level.
    pub level: Level,
    /// What was asked.
    pub instruction: KeptText,
    /// What came of it.
    #[serde(flatten)]
    pub result: ItemResult,
}

/// An answer or an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemResult {
    /// There is an answer.
    Answered(Box<Answered>),
    /// There is none.
    Failed {
        /// Why.
        error: String,
        /// Calls made.
        calls: u32,
    },
}

/// An answer and what was found of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// Which constraints it meets.
    pub outcome: ItemOutcome,
    /// The answer.
    pub answer: KeptText,
    /// Why it ended: one that was cut may miss what came last.
    pub finish: FinishReason,
    /// Calls made; none when it was kept from before.
    pub calls: u32,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
    /// From the request to the first text, in milliseconds, when the answer was generated.
    pub first_token_ms: Option<f64>,
    /// From the request to the end, in milliseconds, when the answer was generated.
    pub whole_ms: f64,
    /// What each judge said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
}

impl Answered {
    pub(crate) fn new(
        outcome: ItemOutcome,
        generation: Generation,
        calls: u32,
        readings: Vec<Reading>,
    ) -> Self {
        Self {
            outcome,
            answer: KeptText::new(&generation.text),
            finish: generation.finish,
            calls,
            prompt_tokens: generation.prompt_tokens,
            completion_tokens: generation.completion_tokens,
            first_token_ms: generation.first_token_ms,
            whole_ms: generation.whole_ms,
            readings,
        }
    }

    /// Whether the answer was kept from before.
    #[must_use]
    pub fn cached(&self) -> bool {
        self.calls == 0
    }
}

impl ItemReport {
    pub(crate) fn new(item: &Item, result: ItemResult) -> Self {
        Self {
            id: item.id(),
            group: item.group.clone(),
            category: item.category,
            level: item.level,
            instruction: KeptText::new(item.instruction()),
            result,
        }
    }

    /// The answer, if there is one.
    #[must_use]
    pub fn answered(&self) -> Option<&Answered> {
        match &self.result {
            ItemResult::Answered(answered) => Some(answered),
            ItemResult::Failed { .. } => None,
        }
    }

    /// Whether every constraint is satisfied; nothing without an answer or with a verdict that could not be read.
    #[must_use]
    pub fn hard(&self) -> Option<bool> {
        self.answered()?.outcome.hard()
    }
}
