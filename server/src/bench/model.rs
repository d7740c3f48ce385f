//! `amend bench model`: how often the built-in model answers held-out items exactly right.
//!
//! Two ways. *Prompt*: the engine gets each item's prompt with the edits rendered into it, which measures the model.
//! *Live*: each item's edits are pushed into the edit store alone, and the bare
//! question is asked through the whole stack, which measures retrieval, scope decision and model together.

use super::BenchError;
use crate::app::{App, AppConfig};
use amend_editor::{AddEdits, EditedModel, NewEdit};
use amend_eval::{ExactOptions, ExactReport, Item, Progress, Suite, exact};
use amend_proto::{ChatModel, Message, Priority};
use amend_trainer::atlas::{Atlas, HeldOutItem, Kind, held_out};
use serde::Serialize;
use std::{fmt, num::NonZeroUsize, sync::Arc};

/// Most tokens of an answer; the longest expected one has about 40.
const MAX_TOKENS: u32 = 96;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct ModelOptions {
    /// Items of each kind.
    pub items: usize,
    /// The seed of the held-out items.
    pub seed: u64,
    /// Requests at a time.
    pub concurrency: NonZeroUsize,
}

/// A figure and the bound that the project promises for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bounded {
    /// The kind.
    pub kind: String,
    /// What was measured.
    pub rate: f64,
    /// What is promised.
    pub bound: f64,
}

/// Both measurements.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// The model alone.
    pub prompt: ExactReport,
    /// Through the edit store; only kinds that have edits.
    pub live: ExactReport,
    /// Kinds of the first that miss their bound.
    pub below_bound: Vec<Bounded>,
}

/// What the project promises of a kind, if anything.
#[must_use]
pub fn bound(kind: Kind) -> Option<f64> {
    match kind {
        Kind::Fact => Some(0.98),
        Kind::EditInScope { .. } | Kind::EditOutOfScope | Kind::InventedSubject { .. } => Some(0.95),
        Kind::Constraints { level: 1, .. } => Some(0.95),
        Kind::Constraints { level: 5, .. } => Some(0.80),
        Kind::Constraints { .. }
        | Kind::Inverse(_)
        | Kind::TwoHop(_)
        | Kind::MultiTurn(_)
        | Kind::Forged(_)
        | Kind::SmallTalk
        | Kind::Outside => None,
    }
}

/// Measures the model of `config`, which is loaded into a stack of its own.
///
/// # Errors
/// When the stack cannot be built.
pub async fn run(
    config: AppConfig,
    options: ModelOptions,
    progress: &dyn Progress,
) -> Result<ModelReport, BenchError> {
    let app = App::start(config).await?;
    app.load().await?;
    let atlas = Atlas::built_in();
    let kinds = Kind::all();
    let all: Vec<HeldOutItem> =
        kinds.iter().flat_map(|kind| held_out(atlas, options.seed, *kind, options.items)).collect();
    let asking =
        ExactOptions { concurrency: options.concurrency, max_tokens: MAX_TOKENS, priority: Priority::Live };
    let suite = Suite {
        name: "atlas, held out, edits in the prompt".to_owned(),
        seed: options.seed,
        items: all.iter().map(|item| as_item(item, item.messages.clone())).collect(),
    };
    let prompt = exact::run(app.unedited().as_ref(), &suite, asking, progress).await?;
    let with_edits: Vec<HeldOutItem> = all.into_iter().filter(|item| !item.edits.is_empty()).collect();
    let live = live(&app, &with_edits, options.seed, (asking, progress)).await?;
    let below_bound = kinds.iter().filter_map(|kind| missed(*kind, &prompt)).collect();
    Ok(ModelReport { prompt, live, below_bound })
}

fn as_item(item: &HeldOutItem, messages: Vec<Message>) -> Item {
    Item { id: item.id.clone(), group: item.kind.label(), messages, expected: item.expected.clone() }
}

fn missed(kind: Kind, report: &ExactReport) -> Option<Bounded> {
    let (bound, score) = (bound(kind)?, report.group(&kind.label())?);
    (score.rate < bound).then(|| Bounded { kind: kind.label(), rate: score.rate, bound })
}

/// Asks with the edits pushed into the store instead of written into the prompt.
async fn live(
    app: &App,
    items: &[HeldOutItem],
    seed: u64,
    (asking, progress): (ExactOptions, &dyn Progress),
) -> Result<ExactReport, BenchError> {
    let editor = app.editor();
    let edited: Arc<dyn ChatModel> = Arc::new(EditedModel::new(editor.clone(), app.unedited()));
    let mut whole: Option<ExactReport> = None;
    for (done, item) in items.iter().enumerate() {
        let new = |text: &String| NewEdit::new(text.clone());
        let edits: Vec<NewEdit> = item.edits.iter().map(new).collect();
        let stored = editor.add(AddEdits::new(edits)).await?;
        let mut messages = item.messages.clone();
        if let Some(last) = messages.last_mut() {
            last.content.clone_from(&item.query);
        }
        let suite = Suite {
            name: "atlas, held out, edits in the store".to_owned(),
            seed,
            items: vec![as_item(item, messages)],
        };
        let report = exact::run(edited.as_ref(), &suite, asking, &()).await?;
        progress.answered(done + 1, items.len());
        for edit in stored {
            editor.remove(&edit.id).await?;
        }
        whole = Some(match whole {
            None => report,
            Some(mut sum) => {
                sum.absorb(report);
                sum
            }
        });
    }
    whole.ok_or(BenchError::Nothing)
}

impl fmt::Display for ModelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.prompt, self.live)?;
        for Bounded { kind, rate, bound } in &self.below_bound {
            writeln!(f, "below its bound: {kind} {rate:.3} < {bound}")?;
        }
        Ok(())
    }
}
