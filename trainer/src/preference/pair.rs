//! One preference and where it comes from.

use super::check::{Flaw, Limits, check};
use super::key::{answer_key, prompt_parts};
use crate::digest;
use amend_proto::{AppliedEdit, CompletionId, Message, PairId, RevisionId, Sampling, TenantId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest idempotency key, in bytes.
const MAX_KEY_BYTES: usize = 256;

/// A moment: milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

/// What a client repeats when it sends the same request again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(String);

/// Why a text is no idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// It is empty.
    #[error("an idempotency key must not be empty")]
    Empty,
    /// It is too long.
    #[error("an idempotency key must not be longer than {MAX_KEY_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// It has a control character.
    #[error("an idempotency key must not have control characters")]
    Control,
}

impl IdempotencyKey {
    /// Takes a text as a key.
    ///
    /// # Errors
    /// [`InvalidKey`] when it is empty, longer than 256 bytes, or has control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidKey> {
        let text = text.into();
        match text.len() {
            0 => Err(InvalidKey::Empty),
            bytes if bytes > MAX_KEY_BYTES => Err(InvalidKey::TooLong(bytes)),
            _ if text.chars().any(char::is_control) => Err(InvalidKey::Control),
            _ => Ok(Self(text)),
        }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = InvalidKey;
    fn try_from(text: String) -> Result<Self, InvalidKey> {
        Self::new(text)
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> String {
        key.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a pair was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairSource {
    /// Somebody named both answers.
    Preference,
    /// A thumb up and a thumb down on two answers to the same prompt.
    Thumb,
    /// A high and a low rating of two answers to the same prompt; also a rating and a thumb.
    Rating,
    /// An answer and what somebody put in its place.
    Correction,
    /// A choice among several answers.
    Choice,
    /// A file.
    Import,
    /// A generator, such as the one of atlas.
    Generated,
}

/// What a judge gave each answer, on the judge's own scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// The chosen answer.
    pub chosen: f64,
    /// The rejected answer.
    pub rejected: f64,
}

/// Where a pair comes from. What the source did not tell is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// What it was made from.
    pub source: PairSource,
    /// Whose pair it is.
    pub tenant: TenantId,
    /// Who said so, among the tenant's people, as the client names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The completion that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<CompletionId>,
    /// The revision that wrote the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<RevisionId>,
    /// The edits that were put in front of the question, in prompt order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<AppliedEdit>,
    /// How the answers were drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// What a judge gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
    /// What the client repeats when it sends the same again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// When it was said.
    pub created_at: UnixMillis,
}

impl Provenance {
    /// Of this source, tenant and moment; nothing else is known.
    #[must_use]
    pub fn new(source: PairSource, tenant: TenantId, created_at: UnixMillis) -> Self {
        Self {
            source,
            tenant,
            author: None,
            completion: None,
            revision: None,
            edits: Vec::new(),
            sampling: None,
            scores: None,
            idempotency_key: None,
            created_at,
        }
    }
}

/// A prompt with the answer that was preferred and the one that was not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Which pair.
    pub id: PairId,
    /// The conversation up to the answer.
    pub prompt: Vec<Message>,
    /// The better answer.
    pub chosen: String,
    /// The worse answer.
    pub rejected: String,
    /// Where it comes from.
    pub provenance: Provenance,
}

impl Pair {
    /// A pair named by its content ([`content_id`]).
    #[must_use]
    pub fn by_content(prompt: Vec<Message>, answers: (String, String), provenance: Provenance) -> Self {
        let (chosen, rejected) = answers;
        let id = content_id(&provenance.tenant, &prompt, (&chosen, &rejected));
        Self { id, prompt, chosen, rejected, provenance }
    }

    /// Whether training can use it.
    ///
    /// # Errors
    /// The first [`Flaw`]: a part that is empty or too long, control characters, a prompt that ends with an answer, or
    /// answers that are equal but for the white space around them.
    pub fn check(&self, limits: &Limits) -> Result<(), Flaw> {
        check(&self.prompt, (&self.chosen, &self.rejected), limits)
    }
}

/// The id of a pair by what it says: the same pair of the same tenant, read again, has the same id, so an import that is
/// repeated adds nothing. White space around answers and the form of their Unicode characters do not count.
#[must_use]
pub fn content_id(tenant: &TenantId, prompt: &[Message], answers: (&str, &str)) -> PairId {
    let prompt = prompt_parts(prompt);
    let (chosen, rejected) = (answer_key(answers.0), answer_key(answers.1));
    let parts = [tenant.as_str(), chosen.as_str(), rejected.as_str()];
    let hash = digest::of_parts(parts.into_iter().chain(prompt.iter().map(String::as_str)));
    PairId::new(format!("pair-{}", digest::hex(&hash[..16]))).expect("letters, digits and a dash are an id")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use amend_proto::EditId;

    pub(crate) fn pair(question: &str, chosen: &str, rejected: &str) -> Pair {
        let provenance = Provenance::new(PairSource::Preference, TenantId::default(), UnixMillis(1_000));
        Pair::by_content(vec![Message::user(question)], (chosen.to_owned(), rejected.to_owned()), provenance)
    }

    #[test]
    fn an_id_is_of_the_content_and_of_the_tenant() {
        let one = pair("Where?", "Here.", "There.");
        assert_eq!(one.id, pair("Where?", " Here.\n", "There.").id);
        for other in [
            pair("Where", "Here.", "There."),
            pair("Where?", "There.", "Here."),
            pair("W", "here?Here.", "There."),
        ] {
            assert_ne!(one.id, other.id);
        }
        let other = TenantId::new("other").expect("an id");
        assert_ne!(one.id, content_id(&other, &one.prompt, (&one.chosen, &one.rejected)));
    }

    #[test]
    fn a_pair_is_kept_whole_as_json() {
        let mut pair = pair("Where?", "Here.", "There.");
        pair.provenance.edits = vec![AppliedEdit { id: EditId::new("edit-1").expect("an id"), score: 0.5 }];
        pair.provenance.sampling = Some(Sampling { seed: Some(7), ..Sampling::greedy() });
        pair.provenance.scores = Some(Scores { chosen: 8.5, rejected: 2.0 });
        pair.provenance.idempotency_key = Some(IdempotencyKey::new("k 1").expect("a key"));
        pair.provenance.revision = Some(RevisionId::new("atlas-1").expect("an id"));
        let json = serde_json::to_string(&pair).expect("json");
        assert_eq!(serde_json::from_str::<Pair>(&json).expect("reads"), pair);
        insta::assert_snapshot!(json);
    }

    #[test]
    fn a_key_says_what_is_wrong_with_it() {
        assert_eq!(IdempotencyKey::new(""), Err(InvalidKey::Empty));
        assert_eq!(IdempotencyKey::new("x".repeat(257)), Err(InvalidKey::TooLong(257)));
        assert_eq!(IdempotencyKey::new("a\0"), Err(InvalidKey::Control));
    }
}
