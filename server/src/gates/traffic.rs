//! Live traffic as a suite: kept completions are asked again, of both models, and nobody sees the answers.
//!
//! Of an answer to a question of a user nobody knows what is right. What code can tell is held against the answer that the user
//! got: it ended by itself, so the new one must; it was JSON, so the new one must be; and an edit that is put in front of the
//! question must be in the answer. A report names completions and what went wrong, and holds no word of a user's.

use crate::preferences::Kept;
use amend_eval::{Progress, edit::metrics::holds};
use amend_proto::{
    ChatModel, ChatRequest, Completion, CompletionId, EditId, FinishReason, Message, Priority, RequestId,
    Sampling, TenantId,
};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
};

/// What an answer must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// It ends by itself and says something.
    Ends,
    /// It is a JSON object or array.
    Json,
    /// It says what each edit says that was put in front of the question.
    Edits,
}

/// A question of a user.
#[derive(Debug, Clone)]
struct TrafficItem {
    id: CompletionId,
    user: Option<String>,
    tenant: TenantId,
    prompt: Vec<Message>,
    checks: Vec<Check>,
}

/// Questions of users.
#[derive(Debug, Clone, Default)]
pub struct TrafficSuite {
    items: Vec<TrafficItem>,
    fingerprint: String,
}

impl TrafficSuite {
    /// Of completions that are kept; those that code can check nothing of are left out.
    #[must_use]
    pub fn of(kept: Vec<Kept>) -> Self {
        let items: Vec<TrafficItem> = kept.into_iter().filter_map(item).collect();
        let mut hash = Sha256::new();
        for item in &items {
            hash.update(format!("{}\0{:?}\0", item.id, item.checks));
        }
        let fingerprint = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { items, fingerprint }
    }
}

fn item(kept: Kept) -> Option<TrafficItem> {
    let Kept { completion, finish, user, .. } = kept;
    let (answer, finish) = (completion.answers.first()?, finish.first()?);
    let mut checks = Vec::new();
    if *finish == FinishReason::Stop && !answer.trim().is_empty() {
        checks.push(Check::Ends);
    }
    if is_json(answer) {
        checks.push(Check::Json);
    }
    if !completion.edits.is_empty() {
        checks.push(Check::Edits);
    }
    let item =
        TrafficItem { id: completion.id, user, tenant: completion.tenant, prompt: completion.prompt, checks };
    (!item.checks.is_empty()).then_some(item)
}

fn is_json(text: &str) -> bool {
    matches!(
        serde_json::from_str(text.trim()),
        Ok(serde_json::Value::Object(_) | serde_json::Value::Array(_))
    )
}

/// What became of one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrafficOutcome {
    /// Which completion.
    pub id: CompletionId,
    /// What stands or falls together: a hash of the user, or the completion.
    pub group: String,
    /// What was checked, and whether it held; nothing when there was no answer.
    pub held: Option<BTreeMap<Check, bool>>,
}

/// What one model did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrafficReport {
    /// Of the questions and what is checked.
    pub fingerprint: String,
    /// The model's id.
    pub model: String,
    /// Its revision.
    pub revision: String,
    /// Every question.
    pub outcomes: Vec<TrafficOutcome>,
    /// Questions that got an error.
    pub errors: usize,
}

/// How traffic is asked again.
pub(super) struct Replay<'a> {
    /// What live edits state.
    pub(super) objects: &'a HashMap<EditId, String>,
    pub(super) concurrency: NonZeroUsize,
    pub(super) max_tokens: u32,
    pub(super) priority: Priority,
    pub(super) seed: u64,
}

/// Asks a model, with the edits in front that each question's tenant has now.
pub(super) async fn replay(
    model: &dyn ChatModel,
    suite: &TrafficSuite,
    replay: &Replay<'_>,
    progress: &dyn Progress,
) -> TrafficReport {
    let mut answers =
        stream::iter(&suite.items).map(|item| ask(model, item, replay)).buffered(replay.concurrency.get());
    let mut outcomes = Vec::with_capacity(suite.items.len());
    while let Some(outcome) = answers.next().await {
        outcomes.push(outcome);
        progress.answered(outcomes.len(), suite.items.len());
    }
    let info = model.info();
    TrafficReport {
        fingerprint: suite.fingerprint.clone(),
        model: info.id.to_string(),
        revision: info.revision.to_string(),
        errors: outcomes.iter().filter(|outcome| outcome.held.is_none()).count(),
        outcomes,
    }
}

async fn ask(model: &dyn ChatModel, item: &TrafficItem, replay: &Replay<'_>) -> TrafficOutcome {
    let request = ChatRequest {
        id: RequestId::fresh(),
        tenant: item.tenant.clone(),
        priority: replay.priority,
        sampling: Sampling {
            max_tokens: Some(replay.max_tokens),
            seed: Some(replay.seed),
            ..Sampling::greedy()
        },
        ..ChatRequest::greedy(item.prompt.clone())
    };
    let answer = model.complete(request).await.ok();
    let group = item.user.as_ref().map_or_else(
        || item.id.to_string(),
        |user| {
            let digest = Sha256::digest(format!("{}\0{user}", item.tenant));
            digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
        },
    );
    let held = |answer: Completion| {
        item.checks.iter().map(|check| (*check, holds_for(*check, &answer, replay.objects))).collect()
    };
    TrafficOutcome { id: item.id.clone(), group, held: answer.map(held) }
}

fn holds_for(check: Check, answer: &Completion, objects: &HashMap<EditId, String>) -> bool {
    match check {
        Check::Ends => answer.finish.reason == FinishReason::Stop && !answer.text.trim().is_empty(),
        Check::Json => is_json(&answer.text),
        Check::Edits => {
            let stated = answer.provenance.edits.iter().filter_map(|edit| objects.get(&edit.id));
            stated.into_iter().all(|object| holds(&answer.text, object))
        }
    }
}
