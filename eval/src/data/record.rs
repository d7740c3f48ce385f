//! One record of a set of edits, whatever format it came in.

use serde::{Deserialize, Serialize};

/// The published formats; the [module](crate::data) says which data set comes in which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// ZsRE, wiki_recent, wiki_counterfact.
    KnowEdit,
    /// wikibio: the edit replaces a made-up sentence of a biography.
    WikiBio,
    /// CounterFact.
    CounterFact,
    /// MQuAKE: one or more edits, and questions that chain facts.
    Mquake,
}

/// The answers that count as right. There is at least one, and none is empty.
///
/// The outer list holds different answers (a person's two professions), the inner one the names of one answer, the
/// usual one first. A question counts as answered when *one* of the answers is given under one of its names, since the
/// published prompts ask for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Gold(Vec<Vec<String>>);

impl Gold {
    /// Takes answers with their names; white space around names, empty names and repeated names are dropped. `None`
    /// when nothing is left.
    #[must_use]
    pub fn new(answers: Vec<Vec<String>>) -> Option<Self> {
        let mut seen = std::collections::HashSet::new();
        let mut tidy = |names: Vec<String>| -> Vec<String> {
            let names = names.iter().map(|name| name.trim());
            names
                .filter(|name| !name.is_empty() && seen.insert((*name).to_owned()))
                .map(str::to_owned)
                .collect()
        };
        let answers: Vec<_> = answers.into_iter().map(&mut tidy).filter(|names| !names.is_empty()).collect();
        (!answers.is_empty()).then_some(Self(answers))
    }

    /// The first answer under its first name: all that the reference scores.
    #[must_use]
    pub fn first(&self) -> &str {
        &self.0[0][0]
    }

    /// Every name of every answer, the [first](Self::first) one first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str)
    }

    /// The answers with their names.
    #[must_use]
    pub fn answers(&self) -> &[Vec<String>] {
        &self.0
    }
}

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// A question, or a sentence that the answer completes.
    pub prompt: String,
    /// The answer. With [`Locality`] it is the answer from before the edit.
    pub gold: Gold,
}

/// How a prompt asks for its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptForm {
    /// A sentence that the target ends: "The capital of France is".
    Cloze,
    /// A question.
    Question,
    /// A text that the target continues.
    Passage,
}

impl PromptForm {
    /// The form of a prompt that is no passage.
    #[must_use]
    pub fn of(prompt: &str) -> Self {
        match prompt.trim_end().ends_with(['?', '？']) {
            true => Self::Question,
            false => Self::Cloze,
        }
    }
}

/// One statement that the model is to hold true from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is about.
    pub subject: String,
    /// Asks for the target; placeholders are filled.
    pub prompt: String,
    /// How it asks.
    pub form: PromptForm,
    /// The new answer.
    pub target: Gold,
    /// The answer before the edit, if the set says it.
    pub before: Option<Gold>,
    /// The prompt in other words.
    pub rephrasings: Vec<String>,
    /// The edit's text, as the [statement template](crate::data::StatementTemplate) renders it: one line.
    pub statement: String,
}

/// The sorts of questions whose answers follow from an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortabilityKind {
    /// One or more steps of reasoning from the new fact.
    Reasoning,
    /// The subject under another name.
    Aliasing,
    /// What else must hold if the new fact does: the relation turned round, its consequences.
    Logical,
}

/// Questions whose answers follow from the edit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Portability {
    /// [`PortabilityKind::Reasoning`].
    pub reasoning: Vec<Probe>,
    /// [`PortabilityKind::Aliasing`].
    pub aliasing: Vec<Probe>,
    /// [`PortabilityKind::Logical`].
    pub logical: Vec<Probe>,
}

impl Portability {
    /// The questions of one sort.
    #[must_use]
    pub fn of(&self, kind: PortabilityKind) -> &[Probe] {
        match kind {
            PortabilityKind::Reasoning => &self.reasoning,
            PortabilityKind::Aliasing => &self.aliasing,
            PortabilityKind::Logical => &self.logical,
        }
    }
}

/// The sorts of questions that an edit must leave alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalityKind {
    /// Another relation of the same subject.
    RelationSpecificity,
    /// Other answers of the same question, which the new one does not displace.
    Forgetfulness,
    /// Other subjects: ZsRE's unrelated questions, CounterFact's neighbourhood, MQuAKE's unchanged hops.
    OtherSubjects,
}

/// Questions whose answers the edit must leave alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Locality {
    /// [`LocalityKind::RelationSpecificity`].
    pub relation_specificity: Vec<Probe>,
    /// [`LocalityKind::Forgetfulness`].
    pub forgetfulness: Vec<Probe>,
    /// [`LocalityKind::OtherSubjects`].
    pub other_subjects: Vec<Probe>,
}

impl Locality {
    /// The questions of one sort.
    #[must_use]
    pub fn of(&self, kind: LocalityKind) -> &[Probe] {
        match kind {
            LocalityKind::RelationSpecificity => &self.relation_specificity,
            LocalityKind::Forgetfulness => &self.forgetfulness,
            LocalityKind::OtherSubjects => &self.other_subjects,
        }
    }
}

/// One record of a set: an edit, and the questions that measure it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EditRecord {
    /// Its place in the file, from 0.
    pub index: usize,
    /// The set's own number or name of it.
    pub case: Option<String>,
    /// The format that it came in.
    pub format: Format,
    /// What is edited.
    pub fact: Fact,
    /// What is edited together with it; only MQuAKE has any.
    pub further: Vec<Fact>,
    /// What follows.
    pub portability: Portability,
    /// What must stay.
    pub locality: Locality,
    /// Beginnings of texts about the subject, for measuring fluency; when there are none the prompt serves.
    pub fluency_prompts: Vec<String>,
}

impl EditRecord {
    /// Everything that is edited, at least one fact.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        std::iter::once(&self.fact).chain(&self.further)
    }
}
