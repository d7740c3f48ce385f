//! From live edits to questions.

use super::questions::{Questions, QuestionsError};
use amend_proto::EditId;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, num::NonZeroUsize};

/// Verbs before which the subject of a plain statement stands and behind which its object.
const COPULAS: [&str; 4] = [" is ", " are ", " was ", " were "];

/// An edit that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveEdit {
    /// Its name.
    pub id: EditId,
    /// What it says.
    pub text: String,
    /// What it is about, if it was given.
    pub subject: Option<String>,
    /// What of it, if it was given.
    pub relation: Option<String>,
    /// What that is, if it was given.
    pub object: Option<String>,
}

/// What a question tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// What the edit says.
    Itself,
    /// The same in other words.
    Rephrased,
    /// Something else about the same subject, which must be answered as without edits.
    Neighbour,
}

impl Aspect {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Itself, Self::Rephrased, Self::Neighbour];

    /// The spelling in templates and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::Rephrased => "rephrased",
            Self::Neighbour => "neighbour",
        }
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegressionItem {
    /// Unique within the suite: the edit, the aspect, a number.
    pub id: String,
    /// The edit that it tries.
    pub edit: EditId,
    /// What of it.
    pub aspect: Aspect,
    /// What is asked.
    pub question: String,
    /// What the answer must contain; nothing for a neighbour, whose answer is compared with that without edits.
    pub expected: Option<String>,
}

/// The questions about a sample of the live edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegressionSuite {
    /// SHA-256 over the questions and what is expected, hexadecimal.
    pub fingerprint: String,
    /// The seed of the sample and of the neighbours.
    pub seed: u64,
    /// The questions, edit by edit.
    pub items: Vec<RegressionItem>,
    /// Edits that were not drawn.
    pub not_drawn: usize,
    /// Edits that were drawn and cannot be asked about.
    pub not_asked: Vec<EditId>,
}

/// What an edit states.
struct Fact {
    subject: String,
    relation: String,
    object: String,
}

impl RegressionSuite {
    /// Questions about at most `most` of the edits, drawn by the seed. The draw does not depend on the edits' order.
    ///
    /// # Errors
    /// The template's.
    pub fn of(
        mut edits: Vec<LiveEdit>,
        questions: &Questions,
        (seed, most): (u64, NonZeroUsize),
    ) -> Result<Self, QuestionsError> {
        edits.sort_by(|a, b| a.id.cmp(&b.id));
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        edits.shuffle(&mut random);
        let not_drawn = edits.len().saturating_sub(most.get());
        edits.truncate(most.get());
        let facts: Vec<Option<Fact>> = edits.iter().map(fact).collect();
        let relations: BTreeSet<&str> = facts.iter().flatten().map(|fact| fact.relation.as_str()).collect();
        let (mut items, mut not_asked) = (Vec::new(), Vec::new());
        for (edit, fact) in edits.iter().zip(&facts) {
            let before = items.len();
            match fact {
                Some(fact) => {
                    let own = edits.iter().zip(&facts).filter_map(|(_, other)| other.as_ref());
                    let taken: BTreeSet<&str> = own
                        .filter(|other| other.subject == fact.subject)
                        .map(|other| other.relation.as_str())
                        .collect();
                    let mut free: Vec<&str> = relations.difference(&taken).copied().collect();
                    free.shuffle(&mut random);
                    about(edit, fact, free.first().copied(), (questions, &mut items))?;
                }
                None => completing(edit, questions, &mut items)?,
            }
            if items.len() == before {
                not_asked.push(edit.id.clone());
            }
        }
        Ok(Self { fingerprint: fingerprint(&items), seed, items, not_drawn, not_asked })
    }
}

/// What an edit says of itself, or what its text says in the form "The R of S is O."
fn fact(edit: &LiveEdit) -> Option<Fact> {
    if let (Some(subject), Some(relation), Some(object)) = (&edit.subject, &edit.relation, &edit.object) {
        return Some(Fact { subject: subject.clone(), relation: relation.clone(), object: object.clone() });
    }
    let (head, object) = split(&edit.text)?;
    let (relation, subject) =
        head.strip_prefix("The ").or_else(|| head.strip_prefix("the "))?.split_once(" of ")?;
    let plain = |text: &str| text.trim().to_owned();
    Some(Fact { subject: plain(subject), relation: plain(relation), object: plain(object) })
}

/// A statement's beginning and its end, at its last copula.
fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.trim().trim_end_matches(['.', '!']);
    let (at, verb) = COPULAS.iter().filter_map(|verb| Some((text.rfind(verb)?, verb))).max()?;
    let (head, object) = (&text[..at], text[at + verb.len()..].trim());
    (!head.trim().is_empty() && !object.is_empty()).then_some((head, object))
}

type Into<'a> = (&'a Questions, &'a mut Vec<RegressionItem>);

fn about(
    edit: &LiveEdit,
    fact: &Fact,
    other_relation: Option<&str>,
    (questions, items): Into<'_>,
) -> Result<(), QuestionsError> {
    let neighbour = other_relation.map(|relation| (Aspect::Neighbour, relation));
    let own = [Aspect::Itself, Aspect::Rephrased].map(|aspect| (aspect, fact.relation.as_str()));
    for (aspect, relation) in own.into_iter().chain(neighbour) {
        let expected = (aspect != Aspect::Neighbour).then(|| fact.object.clone());
        for (at, question) in questions.about(aspect, (&fact.subject, relation))?.into_iter().enumerate() {
            items.push(item(edit, (aspect, at), question, expected.clone()));
        }
    }
    Ok(())
}

fn completing(
    edit: &LiveEdit,
    questions: &Questions,
    items: &mut Vec<RegressionItem>,
) -> Result<(), QuestionsError> {
    let text = edit.text.trim().trim_end_matches(['.', '!']);
    let Some((_, object)) = split(text) else { return Ok(()) };
    let beginning = text[..text.len() - object.len()].trim_end();
    for (at, question) in questions.completing(beginning)?.into_iter().enumerate() {
        items.push(item(edit, (Aspect::Itself, at), question, Some(object.to_owned())));
    }
    Ok(())
}

fn item(
    edit: &LiveEdit,
    (aspect, at): (Aspect, usize),
    question: String,
    expected: Option<String>,
) -> RegressionItem {
    let id = format!("{}/{}/{at}", edit.id, aspect.as_str());
    RegressionItem { id, edit: edit.id.clone(), aspect, question, expected }
}

fn fingerprint(items: &[RegressionItem]) -> String {
    let mut hash = Sha256::new();
    for item in items {
        for part in [item.id.as_str(), &item.question, item.expected.as_deref().unwrap_or_default()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
