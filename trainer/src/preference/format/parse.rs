//! One record of any format into prompt and answers.

use super::at::At;
use crate::preference::check::{Flaw, Problem};
use crate::preference::pair::Scores;
use amend_proto::{Message, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the fields of a record are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Preference data of TRL: explicit or implicit prompt, conversations or plain texts.
    Trl,
    /// UltraFeedback after binarization.
    UltraFeedback,
    /// UltraFeedback as it was first published: several answers with scores.
    UltraFeedbackRaw,
    /// Amend's own, with the whole provenance.
    Amend,
}

/// A record's content.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parsed {
    pub(super) prompt: Vec<Message>,
    pub(super) chosen: String,
    pub(super) rejected: String,
    pub(super) scores: Option<Scores>,
}

/// The columns that any format has; others are not looked at.
pub(super) const COLUMNS: [&str; 7] =
    ["prompt", "chosen", "rejected", "score_chosen", "score_rejected", "instruction", "completions"];

/// The format that a record's fields are those of.
pub(super) fn detect(record: &At<'_>) -> Result<Format, Flaw> {
    let has = |name: &str| record.find(name).is_some();
    match (has("chosen") || has("rejected"), has("completions")) {
        (true, _) if has("provenance") => Ok(Format::Amend),
        (true, _) if has("score_chosen") || has("score_rejected") => Ok(Format::UltraFeedback),
        (true, _) => Ok(Format::Trl),
        (false, true) => Ok(Format::UltraFeedbackRaw),
        (false, false) => Err(record.flaw(Problem::UnknownFormat)),
    }
}

/// `chosen`, `rejected`, and the prompt in one place or another.
pub(super) fn trl(record: &At<'_>) -> Result<Parsed, Flaw> {
    let (chosen, rejected) = (record.need("chosen")?, record.need("rejected")?);
    let prompt = record.find("prompt");
    let (prompt, chosen, rejected) = match (chosen.value, rejected.value) {
        (Value::String(chosen), Value::String(rejected)) => texts(prompt.as_ref(), (chosen, rejected))?,
        (Value::Array(_), Value::Array(_)) => conversations(prompt.as_ref(), (&chosen, &rejected))?,
        (Value::String(_), _) => return Err(rejected.wrong_type("a text, as chosen is")),
        (Value::Array(_), _) => return Err(rejected.wrong_type("a list, as chosen is")),
        _ => return Err(chosen.wrong_type("a text or a list of messages")),
    };
    Ok(Parsed { prompt, chosen, rejected, scores: None })
}

type Content = (Vec<Message>, String, String);

fn texts(prompt: Option<&At<'_>>, (chosen, rejected): (&str, &str)) -> Result<Content, Flaw> {
    let Some(prompt) = prompt else {
        let at = common_beginning(chosen, rejected);
        let shared = chosen[..at].trim_end();
        if shared.is_empty() {
            return Err(Flaw::new("prompt", Problem::Missing));
        }
        return Ok((vec![Message::user(shared)], chosen[at..].to_owned(), rejected[at..].to_owned()));
    };
    let prompt = match prompt.value {
        Value::Array(_) => messages(prompt)?,
        _ => vec![Message::user(prompt.text()?)],
    };
    Ok((prompt, chosen.to_owned(), rejected.to_owned()))
}

/// Bytes that both texts begin with, up to and with the last white space.
fn common_beginning(one: &str, other: &str) -> usize {
    let pairs = one.char_indices().zip(other.chars());
    let same = pairs.take_while(|((_, a), b)| a == b);
    same.filter(|((_, c), _)| c.is_whitespace()).last().map_or(0, |((at, c), _)| at + c.len_utf8())
}

fn conversations(prompt: Option<&At<'_>>, (chosen, rejected): (&At<'_>, &At<'_>)) -> Result<Content, Flaw> {
    let (mut better, mut worse) = (messages(chosen)?, messages(rejected)?);
    let most = better.len().min(worse.len()).saturating_sub(1);
    let shared = better.iter().zip(&worse).take(most).take_while(|(a, b)| a == b).count();
    let rest = (better.split_off(shared), worse.split_off(shared));
    let shared = better;
    let ([better], [worse]) = (rest.0.as_slice(), rest.1.as_slice()) else {
        return Err(rejected.flaw(Problem::NotOneAnswer));
    };
    if better.role != Role::Assistant || worse.role != Role::Assistant {
        return Err(rejected.flaw(Problem::NotOneAnswer));
    }
    let prompt = match prompt {
        None if shared.is_empty() => return Err(Flaw::new("prompt", Problem::Missing)),
        None => shared,
        Some(prompt) => reconcile(prompt, shared)?,
    };
    Ok((prompt, better.content.clone(), worse.content.clone()))
}

/// The prompt that is given beside conversations, which may repeat it.
fn reconcile(prompt: &At<'_>, shared: Vec<Message>) -> Result<Vec<Message>, Flaw> {
    let given = match prompt.value {
        Value::Array(_) => messages(prompt)?,
        _ => {
            let text = prompt.text()?;
            let said = |m: &Message| m.role == Role::User && m.content.trim() == text.trim();
            // A prompt as text is one message of the conversation; others, such as a system message, may stand around it.
            if shared.iter().any(said) {
                return Ok(shared);
            }
            vec![Message::user(text)]
        }
    };
    match shared.is_empty() || given == shared {
        true => Ok(given),
        false => Err(prompt.flaw(Problem::Contradicts("the beginning of chosen and rejected"))),
    }
}

/// As [`trl`], with scores that say which is better.
pub(super) fn ultra_feedback(record: &At<'_>) -> Result<Parsed, Flaw> {
    let mut parsed = trl(record)?;
    let (chosen, rejected) = (record.need("score_chosen")?, record.need("score_rejected")?);
    let scores = Scores { chosen: chosen.number()?, rejected: rejected.number()? };
    if scores.chosen == scores.rejected {
        return Err(rejected.flaw(Problem::NoDifference));
    }
    if scores.chosen < scores.rejected {
        return Err(rejected.flaw(Problem::Contradicts("score_chosen, which is lower")));
    }
    parsed.scores = Some(scores);
    Ok(parsed)
}

/// The best against the worst of several answers.
pub(super) fn ultra_feedback_raw(record: &At<'_>) -> Result<Parsed, Flaw> {
    let instruction = record.need("instruction")?.text()?;
    let completions = record.need("completions")?;
    let mut scored: Vec<(f64, &str)> = Vec::new();
    for completion in completions.items()? {
        let score = completion.find("overall_score").or_else(|| completion.find("fine-grained_score"));
        // The published files have a few answers that nobody scored.
        let Some(score) = score else { continue };
        scored.push((score.number()?, completion.need("response")?.text()?));
    }
    if scored.len() < 2 {
        return Err(completions.flaw(Problem::TooFew { count: scored.len(), least: 2 }));
    }
    let (mut best, mut worst) = (scored[0], scored[0]);
    for &(score, response) in &scored[1..] {
        if score > best.0 {
            best = (score, response);
        }
        if score <= worst.0 {
            worst = (score, response);
        }
    }
    if best.0 == worst.0 {
        return Err(completions.flaw(Problem::NoDifference));
    }
    Ok(Parsed {
        prompt: vec![Message::user(instruction)],
        chosen: best.1.to_owned(),
        rejected: worst.1.to_owned(),
        scores: Some(Scores { chosen: best.0, rejected: worst.0 }),
    })
}

/// A list of `{role, content}`.
fn messages(list: &At<'_>) -> Result<Vec<Message>, Flaw> {
    list.items()?.iter().map(message).collect()
}

fn message(at: &At<'_>) -> Result<Message, Flaw> {
    if !at.value.is_object() {
        return Err(at.wrong_type("a message: an object with role and content"));
    }
    let role = at.need("role")?;
    let role = match role.text()? {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            let expected = "system, developer, user, assistant or tool";
            return Err(role.flaw(Problem::Unknown { expected, found: other.chars().take(40).collect() }));
        }
    };
    if let Some(calls) = at.find("tool_calls")
        && !calls.items()?.is_empty()
    {
        return Err(
            calls.flaw(Problem::Syntax("calls of tools are read from amend's own format alone".into()))
        );
    }
    let content = at.need("content")?;
    let text = match content.value {
        Value::Array(_) => content.items()?.iter().map(part).collect::<Result<String, Flaw>>()?,
        _ => content.text()?.to_owned(),
    };
    let tool_call_id = at.find("tool_call_id").map(|id| id.text().map(str::to_owned)).transpose()?;
    Ok(Message { tool_call_id, ..Message::new(role, text) })
}

/// A part of type `text`.
fn part<'a>(at: &At<'a>) -> Result<&'a str, Flaw> {
    let kind = at.need("type")?;
    match kind.text()? {
        "text" => at.need("text")?.text(),
        other => {
            let found = other.chars().take(40).collect();
            Err(kind.flaw(Problem::Unknown { expected: "text; this trainer reads texts only", found }))
        }
    }
}
