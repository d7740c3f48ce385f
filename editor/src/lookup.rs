//! From a conversation to the prompt: the edits of one tenant that concern it, put in front of its last question.

use crate::{
    budget::Budget,
    conflict::FactKey,
    dense::Near,
    edit::{Edit, Moment},
    error::EditError,
    index::{Index, Slot},
    neutral::{bytes, neutralise_message},
    scope::{Candidate, MAX_STEPS, ScopeFeatures, Searched, Step, Turn, Verdict},
    template::EditTemplate,
    tenant::TenantEditor,
    text::Groups,
};
use amend_proto::{EditId, Message, Role};
use serde::Serialize;
use smallvec::SmallVec;

/// The longest conversation that is looked up on the caller's thread: a fifth of a millisecond among a million edits. On
/// a busy machine a thread more is a wait more.
const SHORT_BYTES: usize = 8192;

/// Whether a question gets edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// At least one edit that is in force is in scope.
    Apply,
    /// None is.
    None,
}

impl Decision {
    /// The wire's and the metrics' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::None => "none",
        }
    }
}

/// An edit in scope of a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredEdit {
    /// Which edit.
    pub id: EditId,
    /// Its text, as stored.
    pub text: String,
    /// The probability that it is in scope, 0 to 1, or a greater one of an edit that states the same of the same; see
    /// [`ScopeModel`](crate::ScopeModel).
    pub score: f32,
}

/// An edit that was considered for a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConsideredEdit {
    /// Which edit, and its score.
    #[serde(flatten)]
    pub edit: ScoredEdit,
    /// The probability of its own that it is in scope.
    pub probability: f32,
    /// What was done with it, and why.
    pub verdict: Verdict,
    /// What the probability was made of.
    pub features: ScopeFeatures,
}

/// How it was decided which edits concern a conversation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Whether edits are applied.
    pub decision: Decision,
    /// From this probability on an edit is applied.
    pub threshold: f64,
    /// The edits that were considered, the best first.
    pub considered: Vec<ConsideredEdit>,
}

/// What would be done with a conversation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// Whether edits are applied.
    pub decision: Decision,
    /// Those in scope, in prompt order: the best last, next to the question.
    pub edits: Vec<ScoredEdit>,
    /// Those in scope for which [the budget](crate::Budget) had no room, the best first.
    pub dropped: Vec<ScoredEdit>,
    /// The last user message as the model will see it; empty when the conversation has none.
    pub prompt: String,
}

/// A conversation ready for the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edited {
    pub(crate) messages: Vec<Message>,
    /// In prompt order.
    pub(crate) edits: Vec<ScoredEdit>,
    /// In scope, and not in the prompt.
    pub(crate) dropped: Vec<ScoredEdit>,
    /// The place of the message that was rewritten, and what it was.
    last: Option<(usize, String)>,
}

impl Edited {
    /// Takes the worst of its edits out again.
    ///
    /// # Errors
    /// [`EditError::Template`] when the template fails on what is left.
    pub(crate) fn drop_worst(&mut self, template: &EditTemplate) -> Result<(), EditError> {
        if self.edits.is_empty() {
            return Ok(());
        }
        self.dropped.insert(0, self.edits.remove(0));
        if let Some((at, question)) = &self.last {
            let texts: Vec<&str> = self.edits.iter().map(|edit| edit.text.as_str()).collect();
            self.messages[*at].content = template.render(&texts, question)?;
        }
        Ok(())
    }
}

impl TenantEditor {
    /// What [`EditedModel`](crate::EditedModel) would do with this conversation, by the same code; edits for some models
    /// only are left out unless [`serving`](Self::serving) said which model answers. It takes CPU time: on an async
    /// runtime call [`preview_async`](Self::preview_async).
    ///
    /// # Errors
    /// [`EditError::Template`] when the template fails on these texts.
    pub fn preview(&self, messages: &[Message]) -> Result<Preview, EditError> {
        let near = self.near(messages);
        Ok(Preview::from(self.edit(messages.to_vec(), &near)?))
    }

    /// As [`preview`](Self::preview), but a long conversation does not hold up the caller's thread.
    ///
    /// # Errors
    /// As [`preview`](Self::preview).
    pub async fn preview_async(&self, messages: Vec<Message>) -> Result<Preview, EditError> {
        Ok(Preview::from(self.edit_async(messages).await?))
    }

    /// As [`edit`](Self::edit), with what the dense side finds within its budget; a conversation that is longer than
    /// [`SHORT_BYTES`] goes to a thread for blocking work.
    pub(crate) async fn edit_async(&self, messages: Vec<Message>) -> Result<Edited, EditError> {
        let near = match (&self.editor().dense, question(&messages)) {
            (Some(dense), Some(at)) => dense.ask(self.id(), &messages[at].content).await,
            _ => Vec::new(),
        };
        if messages.iter().map(bytes).sum::<usize>() <= SHORT_BYTES {
            return self.edit(messages, &near);
        }
        let editor = self.clone();
        tokio::task::spawn_blocking(move || editor.edit(messages, &near))
            .await
            .map_err(|error| EditError::storage("look up its edits", error))?
    }

    /// Neutralises a conversation and puts the edits in scope in front of its last user message. `near` are the edits
    /// that the dense side finds for that message, best first.
    fn edit(&self, mut messages: Vec<Message>, near: &[Near]) -> Result<Edited, EditError> {
        let template = self.editor().template();
        // In prompt order: the best match last, next to the question, where models attend most; among equals the newest.
        let applied = |candidate: &Candidate| candidate.verdict == Verdict::Applied;
        let (mut edits, mut dropped) = (Vec::new(), Vec::new());
        for found in self.consider(&messages, near, applied) {
            match found.candidate.verdict {
                Verdict::OverBudget => dropped.push(scored(found)),
                _ => edits.push(scored(found)),
            }
        }
        edits.reverse();
        let texts: Vec<&str> = edits.iter().map(|edit: &ScoredEdit| edit.text.as_str()).collect();
        let last = question(&messages).map(|at| (at, messages[at].content.clone()));
        messages.iter_mut().for_each(|message| neutralise_message(&template, message));
        if let Some((at, question)) = &last {
            messages[*at].content = template.render(&texts, question)?;
        }
        Ok(Edited { messages, edits, dropped, last })
    }

    /// The edits that were considered, the best first, as far as they are wanted. Those that the decision applies and the
    /// budget has no room for are marked.
    fn consider(
        &self,
        messages: &[Message],
        near: &[Near],
        wanted: impl FnMut(&Candidate) -> bool,
    ) -> Vec<Considered> {
        let Some(turn) = turn(messages) else { return Vec::new() };
        let editor = self.editor();
        let moment = Moment { now: editor.now(), served: self.served() };
        let policy = editor.policies.of(self.id());
        let decide = |index: &Index, dense: &[(Slot, f32)]| {
            let candidates = policy.decide(Searched { index, moment, dense }, &turn);
            let whole = |candidate: Candidate| {
                let document = index.document(candidate.slot)?;
                let facts = SmallVec::from_slice(document.facts.relations());
                let groups = document.groups;
                Some(Considered { edit: index.edit(candidate.slot)?, facts, groups, candidate })
            };
            candidates.into_iter().filter(wanted).filter_map(whole).collect()
        };
        let mut considered: Vec<Considered> =
            editor.live.look_up(self.id(), near, decide).unwrap_or_default();
        let mut budget = Budget::new(policy.max_tokens, self.counter());
        // What one that is dropped would correct must not be told either: the older of two that state the same.
        for at in 0..considered.len() {
            let (before, rest) = considered.split_at_mut(at);
            let Some(found) = rest.first_mut().filter(|f| f.candidate.verdict == Verdict::Applied) else {
                continue;
            };
            let untold = |known: &&Considered| known.candidate.verdict == Verdict::OverBudget;
            let stale = before.iter().filter(untold).any(|known| known.may_correct(found));
            if stale || !budget.take(&found.edit.content.text) {
                found.candidate.verdict = Verdict::OverBudget;
            }
        }
        considered
    }

    /// How the edits that [`preview`](Self::preview) shows were chosen: the `most` best of those that were considered,
    /// near misses among them, each with its probability. It takes CPU time, as `preview` does.
    #[must_use]
    pub fn explain(&self, messages: &[Message], most: usize) -> Explanation {
        let near = self.near(messages);
        let mut left = most;
        let considered = self.consider(messages, &near, |candidate| {
            let wanted = left > 0 || candidate.verdict == Verdict::Applied;
            left = left.saturating_sub(1);
            wanted
        });
        let applied = considered.iter().any(|found| found.candidate.verdict == Verdict::Applied);
        let policy = self.editor().policies.of(self.id());
        let model = if near.is_empty() { &policy.lexical } else { &policy.hybrid };
        Explanation {
            decision: if applied { Decision::Apply } else { Decision::None },
            threshold: model.threshold(),
            considered: considered
                .into_iter()
                .take(most)
                .map(|considered| ConsideredEdit {
                    probability: considered.candidate.probability,
                    verdict: considered.candidate.verdict,
                    features: considered.candidate.features,
                    edit: scored(considered),
                })
                .collect(),
        }
    }

    /// As [`explain`](Self::explain), on a thread for blocking work.
    ///
    /// # Errors
    /// [`EditError::Storage`] when that thread panics.
    pub async fn explain_async(&self, messages: Vec<Message>, most: usize) -> Result<Explanation, EditError> {
        let editor = self.clone();
        tokio::task::spawn_blocking(move || editor.explain(&messages, most))
            .await
            .map_err(|error| EditError::storage("explain its edits", error))
    }

    /// What the dense side finds for the last user message.
    fn near(&self, messages: &[Message]) -> Vec<Near> {
        let question = question(messages).map(|at| messages[at].content.as_str());
        match (&self.editor().dense, question) {
            (Some(dense), Some(question)) => dense.ask_blocking(self.id(), question),
            _ => Vec::new(),
        }
    }
}

/// An edit that was considered, and what became of it.
struct Considered {
    edit: Edit,
    /// Of which subjects and relations it states something.
    facts: SmallVec<[FactKey; 4]>,
    /// The relations that it may be about.
    groups: Groups,
    candidate: Candidate,
}

impl Considered {
    /// Whether this edit may say otherwise than a worse or older one.
    fn may_correct(&self, other: &Self) -> bool {
        self.facts.iter().any(|fact| other.facts.contains(fact))
            || self.groups & other.groups != 0 && self.candidate.has_name_of(&other.candidate)
    }
}

/// The last user message with those before it and their answers.
fn turn(messages: &[Message]) -> Option<Turn<'_>> {
    let users: Vec<usize> =
        (0..messages.len()).rev().filter(|at| messages[*at].role == Role::User).take(MAX_STEPS + 1).collect();
    let before = users.windows(2).map(|pair| {
        let (next, user) = (pair[0], pair[1]);
        let answer = messages[user..next].iter().rfind(|message| message.role == Role::Assistant);
        Step { user: &messages[user].content, answer: answer.map(|message| message.content.as_str()) }
    });
    Some(Turn { question: &messages[*users.first()?].content, before: before.collect() })
}

/// The place of the last user message.
fn question(messages: &[Message]) -> Option<usize> {
    messages.iter().rposition(|message| message.role == Role::User)
}

impl From<Edited> for Preview {
    fn from(Edited { messages, edits, dropped, last }: Edited) -> Self {
        let decision = if edits.is_empty() { Decision::None } else { Decision::Apply };
        let prompt = last.and_then(|(last, _)| messages.into_iter().nth(last)).map(|message| message.content);
        Self { decision, edits, dropped, prompt: prompt.unwrap_or_default() }
    }
}

fn scored(found: Considered) -> ScoredEdit {
    let Considered { edit, candidate, .. } = found;
    ScoredEdit { id: edit.id, text: edit.content.text, score: candidate.score }
}
