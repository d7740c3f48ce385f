//! Labelled questions: what the scope decision is learned from and measured on.
//!
//! A [set](LabelledSet) holds edits that are all live at once, and questions of which each says which edit it is about,
//! if any. [`pairs`](LabelledSet::pairs) looks every question up and gives the [features](ScopeFeatures) of each edit
//! that was considered, with the right decision. What fits a [model](crate::ScopeModel) to them is not of this crate.
//!
//! The form of a file, one entry a line:
//!
//! ```text
//! # a comment
//! + The capital of France is now Lyon.          an edit; `+ subject | text` gives its subject
//! = What is the capital of France?              a question in its scope
//! ~ What is the currency of France?             one about its subject that another relation answers
//! ! What is the capital of Spain?               one of its relation about a subject that no edit is about
//! - Write a haiku about autumn.                 a prompt that concerns no edit
//! ```

mod made_up;

use crate::{
    edit::{Edit, Moment, NewEdit, Seq},
    index::{Index, Prepared},
    scope::{Candidate, ScopeFeatures, ScopePolicy, Searched, Turn, Verdict},
    time::Timestamp,
};
use amend_proto::{EditId, TenantId};

/// Of so many edits that were considered for a question pairs are made.
const MAX_PAIRS: usize = 8;

/// What is wrong with a file of labelled questions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read labelled questions: line {line} {reason}")]
pub struct LabelledError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it and what would be right; reads on from the line's number.
    pub reason: String,
}

/// How a question stands to the edit that it is listed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// It is in the edit's scope.
    InScope,
    /// It is about the edit's subject, and another relation answers it.
    OtherRelation,
    /// It asks for the edit's relation of a subject that no edit is about.
    OtherSubject,
    /// It concerns no edit.
    Generic,
}

/// A question with the right decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledQuestion {
    /// The question.
    pub text: String,
    /// How it stands to the edit.
    pub label: Label,
    /// The edit's place among the set's; `None` for [`Label::Generic`].
    pub edit: Option<usize>,
}

/// Edits that are live together, and questions about them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelledSet {
    /// The edits.
    pub edits: Vec<NewEdit>,
    /// The questions.
    pub questions: Vec<LabelledQuestion>,
}

/// A question and an edit that was considered for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopePair {
    /// The text of the edit that the question is listed under, or the question's own: pairs of one group belong on one
    /// side when pairs are divided.
    pub group: String,
    /// How the question stands to that edit.
    pub label: Label,
    /// What is known of question and edit.
    pub features: ScopeFeatures,
    /// Whether the edit belongs in front of the question.
    pub in_scope: bool,
}

/// What labelled questions give to learn from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LabelledPairs {
    /// A pair for each edit that was considered for a question.
    pub pairs: Vec<ScopePair>,
    /// The [groups](ScopePair::group) of the questions in scope of an edit that has no pair: it was not found, a longer name
    /// stands at its place, or too many fit better. Whatever is learned, these questions do not get their edit.
    pub missed: Vec<String>,
}

/// What was decided on a question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelledOutcome {
    /// The edits that were applied, by their places in the set, the best first.
    pub applied: Vec<usize>,
    /// All that were considered, the best first, whatever became of them.
    pub ranked: Vec<usize>,
}

/// The edits that an encoder finds nearest to a question: places among the set's edits with their cosines, the nearest
/// first.
pub type Nearest<'a> = &'a dyn Fn(&LabelledQuestion) -> Vec<(u32, f32)>;

impl LabelledSet {
    /// Reads a file.
    ///
    /// # Errors
    /// [`LabelledError`] at the first line that has another form.
    pub fn parse(text: &str) -> Result<Self, LabelledError> {
        let mut set = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line == "-" || line.starts_with('#') {
                continue;
            }
            set.line(line).map_err(|reason| LabelledError { line: at + 1, reason: reason.to_owned() })?;
        }
        Ok(set)
    }

    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let (mark, text) = line.split_once(' ').ok_or("has no text behind its mark")?;
        let label = match mark {
            "+" => {
                self.edits.push(match text.split_once(" | ") {
                    Some((subject, text)) => NewEdit::new(text).about(subject),
                    None => NewEdit::new(text),
                });
                return Ok(());
            }
            "=" => Label::InScope,
            "~" => Label::OtherRelation,
            "!" => Label::OtherSubject,
            "-" => Label::Generic,
            _ => return Err("must begin with one of + = ~ ! - # and a space"),
        };
        let edit = match label {
            Label::Generic => None,
            _ => Some(self.edits.len().checked_sub(1).ok_or("asks about an edit, and none stands above it")?),
        };
        self.questions.push(LabelledQuestion { text: text.to_owned(), label, edit });
        Ok(())
    }

    /// Questions made up from word lists and wordings of our own (`editor/calibration/made_up.txt`), the same for the
    /// same seed in every version of this crate: people, places, firms and things that are not, their relations in
    /// several wordings, asked for by whole, partial, misspelt and lower-case names, from their objects, over one more
    /// step, and of namesakes that no edit is about.
    #[must_use]
    pub fn made_up(seed: u64) -> Self {
        made_up::make(seed)
    }

    fn index(&self) -> Index {
        let mut index = Index::default();
        for (seq, edit) in (1..).zip(&self.edits) {
            let id = EditId::new(format!("e{seq}")).expect("letters and digits are an id");
            let (at, tenant) = (Timestamp::default(), TenantId::default());
            let content = edit.content.clone();
            let edit = Edit { id, tenant, seq: Seq::new(seq), created_at: at, updated_at: at, content };
            index.insert(Prepared::new(&edit));
        }
        index
    }

    /// What a policy decides on every question, in order. A set's edits are all in force.
    #[must_use]
    pub fn outcomes(&self, policy: &ScopePolicy, nearest: Option<Nearest<'_>>) -> Vec<LabelledOutcome> {
        let mut outcomes = Vec::with_capacity(self.questions.len());
        self.each(policy, nearest, |_, considered| {
            let applied = considered.iter().filter(|c| c.verdict == Verdict::Applied);
            outcomes.push(LabelledOutcome {
                applied: applied.map(Candidate::place).collect(),
                ranked: considered.iter().map(Candidate::place).collect(),
            });
        });
        outcomes
    }

    fn each(
        &self,
        policy: &ScopePolicy,
        nearest: Option<Nearest<'_>>,
        mut take: impl FnMut(&LabelledQuestion, &[Candidate]),
    ) {
        let index = self.index();
        let moment = Moment { now: Timestamp::default(), served: None };
        for question in &self.questions {
            let dense = nearest.map_or_else(Vec::new, |nearest| nearest(question));
            let turn = Turn { question: &question.text, before: Vec::new() };
            take(question, &policy.decide(Searched { index: &index, moment, dense: &dense }, &turn));
        }
    }

    /// Looks every question up as a policy would, and gives the edits that were considered, but for those that no
    /// probability could bring in because a longer name stands at their place; and the questions in scope that this leaves
    /// without their edit.
    #[must_use]
    pub fn pairs(&self, policy: &ScopePolicy, nearest: Option<Nearest<'_>>) -> LabelledPairs {
        let mut all = LabelledPairs::default();
        self.each(policy, nearest, |question, considered| {
            let free = |verdict| !matches!(verdict, Verdict::LongerName | Verdict::BetterFit);
            let of = question.edit.and_then(|edit| self.edits.get(edit));
            let group = of.map_or(&question.text, |edit| &edit.content.text);
            let about = question.edit.filter(|_| question.label == Label::InScope);
            let pair = |candidate: &Candidate| ScopePair {
                group: group.clone(),
                label: question.label,
                features: candidate.features,
                in_scope: about == Some(candidate.place()),
            };
            let first = all.pairs.len();
            all.pairs.extend(considered.iter().filter(|c| free(c.verdict)).take(MAX_PAIRS).map(pair));
            if about.is_some() && !all.pairs[first..].iter().any(|pair| pair.in_scope) {
                all.missed.push(group.clone());
            }
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_that_retrieval_loses_are_told() {
        let text = "+ France | The capital of France is now Lyon.\n\
                    = What is the capital of France?\n\
                    = Which city is the seat of government of l'Hexagone?\n\
                    ~ What is the currency of France?\n\
                    ! What is the capital of Spain?\n\
                    - Write a haiku about autumn.";
        let set = LabelledSet::parse(text).expect("well formed");
        let LabelledPairs { pairs, missed } = set.pairs(&ScopePolicy::default(), None);
        assert_eq!(pairs.iter().filter(|pair| pair.in_scope).count(), 1);
        assert_eq!(missed, ["The capital of France is now Lyon."], "the question by another name");
    }
}
