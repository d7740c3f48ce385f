//! What users say of answers that were kept, and the rules that make pairs of it.
//!
//! | opinion | becomes |
//! |---|---|
//! | a correction | one pair: the correction is chosen, the answer rejected |
//! | a choice among n answers | a pair with each other answer: the one named is chosen |
//! | a thumb, a rating | a [`Verdict`]: good (up, 4, 5) or bad (down, 1, 2); 3 says neither and is dropped |
//!
//! A verdict makes a pair only together with an opposite one of the same tenant on the same prompt with the same edits in
//! force ([`PromptKey`]): the newest opposite one, so that each verdict makes at most one pair. An answer that was judged
//! more than once counts by its newest verdict.

use super::check::{Flaw, Limits, Problem, check_answer};
use super::key::{PromptKey, answer_key};
use super::pair::{IdempotencyKey, Pair, PairSource, Provenance, UnixMillis};
use amend_proto::{AppliedEdit, CompletionId, Message, PairId, RevisionId, Sampling, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A completion that was kept so that feedback can find it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptCompletion {
    /// As the client knows it.
    pub id: CompletionId,
    /// The conversation as the client sent it, without edits.
    pub prompt: Vec<Message>,
    /// What was answered: one text a choice.
    pub answers: Vec<String>,
    /// Whose it is.
    pub tenant: TenantId,
    /// What answered.
    pub revision: RevisionId,
    /// The edits that were put in front, in prompt order.
    pub edits: Vec<AppliedEdit>,
    /// How it was drawn.
    pub sampling: Sampling,
}

/// A thumb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thumb {
    /// Good.
    Up,
    /// Bad.
    Down,
}

/// Stars, from 1 (bad) to 5 (good).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Rating(u8);

impl Rating {
    /// A rating; `None` unless 1 ≤ `stars` ≤ 5.
    #[must_use]
    pub fn new(stars: u8) -> Option<Self> {
        (1..=5).contains(&stars).then_some(Self(stars))
    }
}

impl TryFrom<u8> for Rating {
    type Error = String;
    fn try_from(stars: u8) -> Result<Self, String> {
        Self::new(stars).ok_or_else(|| format!("a rating is a whole number from 1 to 5, not {stars}"))
    }
}

impl From<Rating> for u8 {
    fn from(rating: Rating) -> u8 {
        rating.0
    }
}

/// What is said of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// Good or bad.
    Thumb(Thumb),
    /// How good.
    Rating(Rating),
    /// What it should have been.
    Correction(String),
    /// It is the best of the completion's answers.
    Choice,
}

/// Feedback on an answer of a completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// The completion.
    pub completion: CompletionId,
    /// Which of its answers, from 0.
    #[serde(default)]
    pub answer: usize,
    /// What is said of it.
    pub opinion: Opinion,
    /// Who says so, as the client names people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What the client repeats when it sends the same again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// When it was said.
    pub created_at: UnixMillis,
}

/// Why feedback cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackError {
    /// It is about another completion.
    #[error("the feedback is about {said}, not about {kept}")]
    OtherCompletion {
        /// What the feedback names.
        said: CompletionId,
        /// What it was held against.
        kept: CompletionId,
    },
    /// The completion has no such answer.
    #[error("answer: the completion has {of} answers, counted from 0; there is no answer {answer}")]
    NoSuchAnswer {
        /// The one that was named.
        answer: usize,
        /// How many there are.
        of: usize,
    },
    /// A choice of one.
    #[error("opinion: the completion has one answer, so there was no choice; ask for n answers, at least 2")]
    NoChoice,
    /// The pair cannot be learnt from.
    #[error(transparent)]
    Flaw(#[from] Flaw),
}

/// Whether an answer is held to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// It is.
    Good,
    /// It is not.
    Bad,
}

/// A thumb or a rating, kept until an opposite one on the same prompt comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What both must be about.
    pub key: PromptKey,
    /// The conversation.
    pub prompt: Vec<Message>,
    /// The answer that was judged.
    pub answer: String,
    /// How.
    pub tone: Tone,
    /// Whose, when, by what; the source is [`Thumb`](PairSource::Thumb) or [`Rating`](PairSource::Rating).
    pub provenance: Provenance,
}

/// The pairs that this feedback makes by itself: one of a correction, n − 1 of a choice, none of a thumb or a rating.
///
/// Answers of a choice that are equal to the chosen one make no pair.
///
/// # Errors
/// [`FeedbackError`]: it does not fit the completion, or what would be learnt cannot be.
pub fn pairs_of(
    kept: &KeptCompletion,
    feedback: &Feedback,
    limits: &Limits,
) -> Result<Vec<Pair>, FeedbackError> {
    let answer = judged(kept, feedback)?;
    let (source, texts) = match &feedback.opinion {
        Opinion::Thumb(_) | Opinion::Rating(_) => return Ok(Vec::new()),
        Opinion::Correction(text) => {
            check_answer("correction", text, limits)?;
            if answer_key(text) == answer_key(answer) {
                return Err(Flaw::new("correction", Problem::EqualAnswers).into());
            }
            (PairSource::Correction, vec![(text.as_str(), answer)])
        }
        Opinion::Choice if kept.answers.len() < 2 => return Err(FeedbackError::NoChoice),
        Opinion::Choice => (PairSource::Choice, others(kept, answer)),
    };
    let pair = |(chosen, rejected): (&str, &str)| {
        let pair = Pair {
            id: PairId::fresh(),
            prompt: kept.prompt.clone(),
            chosen: chosen.to_owned(),
            rejected: rejected.to_owned(),
            provenance: provenance(kept, feedback, source),
        };
        pair.check(limits).map(|()| pair).map_err(FeedbackError::from)
    };
    match texts.is_empty() {
        true => Err(Flaw::new("chosen", Problem::EqualAnswers).into()),
        false => texts.into_iter().map(pair).collect(),
    }
}

/// The chosen answer with each different other one, every text once.
fn others<'a>(kept: &'a KeptCompletion, chosen: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut seen = HashSet::from([answer_key(chosen)]);
    let others = kept.answers.iter().filter(|other| seen.insert(answer_key(other)));
    others.map(|other| (chosen, other.as_str())).collect()
}

/// The verdict that a thumb or a rating is; `None` for other opinions and for a rating of 3.
///
/// # Errors
/// [`FeedbackError`]: it does not fit the completion, or the answer cannot be learnt from.
pub fn verdict_of(
    kept: &KeptCompletion,
    feedback: &Feedback,
    limits: &Limits,
) -> Result<Option<Verdict>, FeedbackError> {
    let answer = judged(kept, feedback)?;
    let (source, tone) = match feedback.opinion {
        Opinion::Thumb(Thumb::Up) => (PairSource::Thumb, Tone::Good),
        Opinion::Thumb(Thumb::Down) => (PairSource::Thumb, Tone::Bad),
        Opinion::Rating(Rating(4..)) => (PairSource::Rating, Tone::Good),
        Opinion::Rating(Rating(..=2)) => (PairSource::Rating, Tone::Bad),
        Opinion::Rating(_) | Opinion::Correction(_) | Opinion::Choice => return Ok(None),
    };
    check_answer("answer", answer, limits)?;
    Ok(Some(Verdict {
        key: PromptKey::new(&kept.prompt, &kept.edits),
        prompt: kept.prompt.clone(),
        answer: answer.to_owned(),
        tone,
        provenance: provenance(kept, feedback, source),
    }))
}

/// The pair that a new verdict makes with one of the `earlier` ones, if any is opposite and about another answer. Its
/// provenance is the new verdict's; its source is a rating when either is.
///
/// `earlier` may hold anything; what has another key or tenant is passed over.
///
/// # Errors
/// [`Flaw`] when the prompt cannot be learnt from.
pub fn with_opposite(new: &Verdict, earlier: &[Verdict], limits: &Limits) -> Result<Option<Pair>, Flaw> {
    let tenant = &new.provenance.tenant;
    let mut same: Vec<&Verdict> =
        earlier.iter().filter(|v| v.key == new.key && v.provenance.tenant == *tenant).collect();
    same.sort_by_key(|v| std::cmp::Reverse(v.provenance.created_at));
    let mut seen = HashSet::from([answer_key(&new.answer)]);
    let newest_of_each = same.into_iter().filter(|v| seen.insert(answer_key(&v.answer)));
    let Some(opposite) = newest_of_each.into_iter().find(|v| v.tone != new.tone) else { return Ok(None) };
    let (chosen, rejected) = match new.tone {
        Tone::Good => (new, opposite),
        Tone::Bad => (opposite, new),
    };
    let mut provenance = new.provenance.clone();
    if opposite.provenance.source == PairSource::Rating {
        provenance.source = PairSource::Rating;
    }
    let pair = Pair {
        id: PairId::fresh(),
        prompt: new.prompt.clone(),
        chosen: chosen.answer.clone(),
        rejected: rejected.answer.clone(),
        provenance,
    };
    pair.check(limits).map(|()| Some(pair))
}

/// The answer that feedback is about.
fn judged<'a>(kept: &'a KeptCompletion, feedback: &Feedback) -> Result<&'a str, FeedbackError> {
    if feedback.completion != kept.id {
        let (said, kept) = (feedback.completion.clone(), kept.id.clone());
        return Err(FeedbackError::OtherCompletion { said, kept });
    }
    let no_such = FeedbackError::NoSuchAnswer { answer: feedback.answer, of: kept.answers.len() };
    kept.answers.get(feedback.answer).map(String::as_str).ok_or(no_such)
}

fn provenance(kept: &KeptCompletion, feedback: &Feedback, source: PairSource) -> Provenance {
    Provenance {
        author: feedback.author.clone(),
        completion: Some(kept.id.clone()),
        revision: Some(kept.revision.clone()),
        edits: kept.edits.clone(),
        sampling: Some(kept.sampling.clone()),
        idempotency_key: feedback.idempotency_key.clone(),
        ..Provenance::new(source, kept.tenant.clone(), feedback.created_at)
    }
}

#[cfg(test)]
mod tests;
