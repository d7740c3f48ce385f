//! What of the modifier's answers training may see.

use super::modifier::Reply;
use crate::preference::check::{Limits, check_answer};
use crate::preference::distance::distance;
use crate::preference::key::answer_key;
use crate::preference::pair::Pair;
use serde::{Deserialize, Serialize};

/// How a pair came out of bridging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The rewritten answer takes the place of the chosen one.
    Bridged,
    /// The modifier gave the chosen answer again: nothing of the rejected one was worth keeping.
    SameAsChosen,
    /// The pair is not in the share that is bridged.
    NotAsked,
    /// The modifier said nothing; the chosen answer stays, as in all that follow.
    Empty,
    /// It gave the rejected answer again.
    EqualToRejected,
    /// Its answer is further from the rejected one than the chosen one is, so it bridges nothing.
    Farther,
    /// Its answer was longer than allowed.
    CutShort,
    /// It refused the request.
    Refused,
    /// Its answer cannot be learnt from: too long, control characters.
    Unusable,
    /// It failed on this pair, however often it was tried.
    Failed,
}

/// Normalised edit distances to the rejected answer: edited characters by characters of the longer text, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distances {
    /// Of the answer that was chosen first.
    pub chosen: f64,
    /// Of the modifier's answer.
    pub bridged: f64,
}

/// A pair as training should see it, and what happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgedPair {
    /// The pair: `chosen` is the pseudo-winning answer when the outcome is [`Outcome::Bridged`].
    pub pair: Pair,
    /// What happened.
    pub outcome: Outcome,
    /// The answer that was chosen first, where it was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen_before: Option<String>,
    /// How far both are from the rejected answer, where the modifier gave one that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distances: Option<Distances>,
}

impl BridgedPair {
    /// The pair as it was.
    pub(super) fn as_it_was(pair: Pair, outcome: Outcome) -> Self {
        Self { pair, outcome, chosen_before: None, distances: None }
    }
}

/// Holds a reply against the guards.
pub(crate) fn judge(pair: &Pair, reply: &Reply, limits: &Limits) -> BridgedPair {
    let fallback = |outcome| BridgedPair::as_it_was(pair.clone(), outcome);
    let text = match reply {
        Reply::CutShort => return fallback(Outcome::CutShort),
        Reply::Refused { .. } => return fallback(Outcome::Refused),
        Reply::Said { text } if text.trim().is_empty() => return fallback(Outcome::Empty),
        Reply::Said { text } => text,
    };
    if check_answer("bridged", text, limits).is_err() {
        return fallback(Outcome::Unusable);
    }
    let [chosen, rejected, bridged] = [&pair.chosen, &pair.rejected, text].map(|text| answer_key(text));
    if bridged == rejected {
        return fallback(Outcome::EqualToRejected);
    }
    let distances =
        Distances { chosen: distance(&chosen, &rejected), bridged: distance(&bridged, &rejected) };
    let measured = |outcome| BridgedPair { distances: Some(distances), ..fallback(outcome) };
    if bridged == chosen {
        return measured(Outcome::SameAsChosen);
    }
    if distances.bridged > distances.chosen {
        return measured(Outcome::Farther);
    }
    let mut result = measured(Outcome::Bridged);
    result.chosen_before = Some(std::mem::replace(&mut result.pair.chosen, text.clone()));
    result
}

/// What the guards say of a text as the bridged answer.
pub(crate) fn judge_text(pair: &Pair, text: &str, limits: &Limits) -> Outcome {
    judge(pair, &Reply::Said { text: text.to_owned() }, limits).outcome
}
