//! Asking the questions.

use super::items::{Aspect, RegressionItem, RegressionSuite};
use crate::{edit::metrics::holds, exact::Progress, report::wilson};
use amend_proto::{ChatModel, ChatRequest, Message, ModelError, Priority, TenantId};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// The version of the JSON form of [`RegressionReport`].
pub const SCHEMA: &str = "amend.regression/1";

/// How to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct RegressionOptions {
    /// Whose edits they are.
    pub tenant: TenantId,
    /// Whose there are none of: asked for them, the model says what it says without edits.
    pub without: TenantId,
    /// Requests under way at once.
    pub concurrency: NonZeroUsize,
    /// Most tokens of an answer.
    pub max_tokens: u32,
    /// Whether live users go first.
    pub priority: Priority,
}

/// What became of one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegressionOutcome {
    /// The question.
    #[serde(flatten)]
    pub item: RegressionItem,
    /// The answer with edits; nothing when it failed.
    pub answer: Option<String>,
    /// For a neighbour, the answer without edits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// Whether the edit held: nothing when there is no answer.
    pub held: Option<bool>,
}

/// How often one aspect held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AspectScore {
    /// Of what.
    pub aspect: Aspect,
    /// Questions that were answered.
    pub asked: usize,
    /// Those that held.
    pub held: usize,
    /// The share, 0 to 1.
    pub rate: f64,
    /// Its 95 % Wilson interval; questions of one edit hang together, which this does not reckon with.
    pub interval: [f64; 2],
}

/// What a run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegressionReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// The suite's fingerprint.
    pub fingerprint: String,
    /// The suite's seed.
    pub seed: u64,
    /// The model's id.
    pub model: String,
    /// The model's revision.
    pub revision: String,
    /// By aspect; only those that were asked.
    pub scores: Vec<AspectScore>,
    /// Every question.
    pub outcomes: Vec<RegressionOutcome>,
    /// Questions that got an error.
    pub errors: usize,
    /// Edits that were not drawn: the others are a sample where there are any.
    #[serde(default)]
    pub not_drawn: usize,
    /// Edits that cannot be asked about.
    pub not_asked: usize,
}

/// Asks the edited model every question, and for neighbours also the one without edits.
pub async fn run(
    (edited, without): (&dyn ChatModel, &dyn ChatModel),
    suite: &RegressionSuite,
    options: &RegressionOptions,
    progress: &dyn Progress,
) -> RegressionReport {
    let total = suite.items.len();
    let mut outcomes = Vec::with_capacity(total);
    let mut answers = stream::iter(&suite.items)
        .map(|item| try_one((edited, without), item, options))
        .buffered(options.concurrency.get());
    while let Some(outcome) = answers.next().await {
        outcomes.push(outcome);
        progress.answered(outcomes.len(), total);
    }
    let info = edited.info();
    RegressionReport {
        schema: SCHEMA.to_owned(),
        fingerprint: suite.fingerprint.clone(),
        seed: suite.seed,
        model: info.id.to_string(),
        revision: info.revision.to_string(),
        scores: Aspect::ALL.iter().filter_map(|aspect| score(*aspect, &outcomes)).collect(),
        errors: outcomes.iter().filter(|outcome| outcome.held.is_none()).count(),
        outcomes,
        not_drawn: suite.not_drawn,
        not_asked: suite.not_asked.len(),
    }
}

async fn try_one(
    (edited, without): (&dyn ChatModel, &dyn ChatModel),
    item: &RegressionItem,
    options: &RegressionOptions,
) -> RegressionOutcome {
    let answer = ask(edited, item, (options, &options.tenant)).await.ok();
    let without = match (&answer, &item.expected) {
        (Some(_), None) => ask(without, item, (options, &options.without)).await.ok(),
        _ => None,
    };
    let held = match (&answer, &item.expected) {
        (Some(answer), Some(expected)) => Some(holds(answer, expected)),
        (Some(answer), None) => without.as_ref().map(|without| answer == without),
        (None, _) => None,
    };
    RegressionOutcome { item: item.clone(), answer, without, held }
}

async fn ask(
    model: &dyn ChatModel,
    item: &RegressionItem,
    (options, tenant): (&RegressionOptions, &TenantId),
) -> Result<String, ModelError> {
    let mut request = ChatRequest::greedy(vec![Message::user(item.question.as_str())]);
    request.sampling.max_tokens = Some(options.max_tokens);
    request.priority = options.priority;
    request.tenant = tenant.clone();
    Ok(model.complete(request).await?.text.trim().to_owned())
}

fn score(aspect: Aspect, outcomes: &[RegressionOutcome]) -> Option<AspectScore> {
    let of_aspect = outcomes.iter().filter(|outcome| outcome.item.aspect == aspect);
    let answered: Vec<bool> = of_aspect.filter_map(|outcome| outcome.held).collect();
    let (asked, held) = (answered.len(), answered.iter().filter(|held| **held).count());
    (asked > 0).then(|| AspectScore {
        aspect,
        asked,
        held,
        rate: held as f64 / asked as f64,
        interval: wilson(held, asked),
    })
}
