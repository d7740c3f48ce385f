//! One pair as the cells of a record, the same for both containers.

use crate::preference::pair::Pair;
use crate::records::{Cell, Kind, object};
use amend_proto::{Message, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How pairs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// TRL: `prompt`, `chosen`, `rejected` as lists of messages.
    TrlConversational,
    /// TRL without `prompt`: both lists begin with the conversation.
    TrlImplicit,
    /// TRL: `prompt`, `chosen`, `rejected` as texts. For prompts of one user message.
    TrlPlain,
    /// UltraFeedback, binarized: `prompt` (the last question), `prompt_id`, both conversations, `messages` (the chosen one
    /// again) and the scores, `null` where none are known.
    UltraFeedback,
    /// Amend's own: the whole [`Pair`]. JSON lines only.
    Amend,
}

/// Why a pair cannot be written in a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Unfit {
    /// The prompt is more than one user message.
    #[error("the prompt is more than one user message")]
    NotPlain,
    /// The prompt calls tools or has their results.
    #[error("the prompt calls tools or has their results")]
    Tools,
    /// There is no question of a user.
    #[error("the prompt has no user message")]
    NoQuestion,
}

const PLAIN: [(&str, Kind); 3] = [("prompt", Kind::Text), ("chosen", Kind::Text), ("rejected", Kind::Text)];
const CONVERSATIONAL: [(&str, Kind); 3] =
    [("prompt", Kind::Messages), ("chosen", Kind::Messages), ("rejected", Kind::Messages)];
const ULTRA_FEEDBACK: [(&str, Kind); 7] = [
    ("prompt", Kind::Text),
    ("prompt_id", Kind::Text),
    ("chosen", Kind::Messages),
    ("rejected", Kind::Messages),
    ("messages", Kind::Messages),
    ("score_chosen", Kind::Number),
    ("score_rejected", Kind::Number),
];

impl Layout {
    /// The columns, in order; none for Amend's own, which has no table.
    pub(super) fn columns(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::TrlConversational => &CONVERSATIONAL,
            Self::TrlImplicit => &CONVERSATIONAL[1..],
            Self::TrlPlain => &PLAIN,
            Self::UltraFeedback => &ULTRA_FEEDBACK,
            Self::Amend => &[],
        }
    }

    /// The cells of a pair, one a column.
    pub(super) fn cells(self, pair: &Pair) -> Result<Vec<Cell>, Unfit> {
        if pair.prompt.iter().any(|m| !m.tool_calls.is_empty() || m.role == Role::Tool) {
            return Err(Unfit::Tools);
        }
        let answer = |text: &str| ("assistant", text.to_owned());
        let with = |text: &str| Cell::Messages(said(&pair.prompt).chain([answer(text)]).collect());
        let alone = |text: &str| Cell::Messages(vec![answer(text)]);
        let text = |text: &str| Cell::Text(text.to_owned());
        let (chosen, rejected) = (pair.chosen.as_str(), pair.rejected.as_str());
        Ok(match self {
            Self::Amend => Vec::new(),
            Self::TrlImplicit => vec![with(chosen), with(rejected)],
            Self::TrlConversational => {
                vec![Cell::Messages(said(&pair.prompt).collect()), alone(chosen), alone(rejected)]
            }
            Self::TrlPlain => match pair.prompt.as_slice() {
                [one] if one.role == Role::User => vec![text(&one.content), text(chosen), text(rejected)],
                _ => return Err(Unfit::NotPlain),
            },
            Self::UltraFeedback => {
                let asked = pair.prompt.iter().rev().find(|m| m.role == Role::User);
                let question = asked.ok_or(Unfit::NoQuestion)?;
                let id = crate::preference::PromptKey::new(&pair.prompt, &pair.provenance.edits);
                let scores = pair.provenance.scores;
                vec![
                    text(&question.content),
                    text(id.as_str()),
                    with(chosen),
                    with(rejected),
                    with(chosen),
                    Cell::Number(scores.map(|s| s.chosen)),
                    Cell::Number(scores.map(|s| s.rejected)),
                ]
            }
        })
    }

    /// A pair as one JSON object.
    pub(super) fn json(self, pair: &Pair) -> Result<Value, Unfit> {
        if self == Self::Amend {
            return Ok(serde_json::to_value(pair).expect("a pair has no map with keys that are no texts"));
        }
        Ok(object(self.columns(), &self.cells(pair)?))
    }
}

fn said(prompt: &[Message]) -> impl Iterator<Item = (&'static str, String)> {
    prompt.iter().map(|m| (m.role.as_str(), m.content.clone()))
}
