//! Measuring edits of a model: the library behind `amend eval`.
//!
//! `amend-eval` has the protocols and the scores; here they meet a model, a store of edits in a folder of their own, and
//! the trainer's decoder, which can be forced to a target.

pub mod calibration;
mod forced;
mod store;
#[cfg(test)]
mod tests;

pub use forced::{Forced, ForcedLoadError};
pub use store::TenantStore;

use crate::app::{App, AppConfig, AppError};
use amend_editor::EditedModel;
use amend_eval::{
    data::{
        DataError, EditRecord, Fact, Format, Gold, Issue, Locality, Portability, Probe, PromptForm,
        ReadOptions, load,
    },
    edit::{
        protocol::{
            Bench, FileJournal, ForcedPair, Job, Journal, JournalError, Load, MeasureOptions, Plan, RunError,
            RunProgress, run,
        },
        report::EditReport,
    },
};
use amend_proto::{ChatModel, Priority, TenantId};
use amend_trainer::{
    atlas::Atlas,
    lte::{AlignmentFact, Asked, atlas_edit_set},
};
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why edits could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The model could not be put together.
    #[error(transparent)]
    App(#[from] AppError),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The run ended without a report.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It was told to stop.
    #[error("stopped before all was measured")]
    Stopped,
}

/// Records to measure, and what they are called.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// The name that the report gives them.
    pub name: String,
    /// The records.
    pub records: Vec<EditRecord>,
    /// What was wrong with others: the first of them.
    pub issues: Vec<Issue>,
    /// How many issues there were.
    pub issues_seen: usize,
}

/// Reads at most `limit` records of each file, numbered through.
///
/// # Errors
/// When a file cannot be read.
pub fn read(files: &[PathBuf], limit: NonZeroUsize) -> Result<Records, EvalError> {
    let name = |file: &PathBuf| {
        file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    let name = files.iter().map(name).collect::<Vec<_>>().join("+");
    let mut all = Records { name, records: Vec::new(), issues: Vec::new(), issues_seen: 0 };
    for file in files {
        let mut loaded = load(file, ReadOptions::default(), limit)?;
        let first = all.records.len();
        loaded.records.iter_mut().enumerate().for_each(|(at, record)| record.index = first + at);
        all.records.append(&mut loaded.records);
        all.issues.append(&mut loaded.issues);
        all.issues_seen += loaded.issues_seen;
    }
    Ok(all)
}

/// Edits of the built-in model's small world that it was never trained on, `count` of them, each about a subject of its
/// own, so that all can be live together.
#[must_use]
pub fn atlas(seed: u64, count: NonZeroUsize) -> Records {
    let facts = atlas_edit_set(Atlas::built_in(), seed, count.get());
    let records = facts.into_iter().enumerate().filter_map(|(index, fact)| of_atlas(index, fact));
    Records { name: "atlas".to_owned(), records: records.collect(), issues: Vec::new(), issues_seen: 0 }
}

fn of_atlas(index: usize, fact: AlignmentFact) -> Option<EditRecord> {
    let gold = |answer: String| Gold::new(vec![vec![answer]]);
    let probe = |asked: Asked| Some(Probe { prompt: asked.question, gold: gold(asked.answer)? });
    let probes = |asked: Vec<Asked>| asked.into_iter().filter_map(probe).collect();
    let AlignmentFact {
        subject,
        statement,
        question,
        rephrasings,
        answer,
        before,
        portability,
        locality,
        ..
    } = fact;
    Some(EditRecord {
        index,
        case: None,
        format: Format::KnowEdit,
        fact: Fact {
            subject,
            prompt: question,
            form: PromptForm::Question,
            target: gold(answer)?,
            before: before.and_then(gold),
            rephrasings,
            statement,
        },
        further: Vec::new(),
        portability: Portability { reasoning: probes(portability), ..Portability::default() },
        locality: Locality { other_subjects: probes(locality), ..Locality::default() },
        fluency_prompts: Vec::new(),
    })
}

/// What to measure, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalJob {
    /// The records.
    pub records: Records,
    /// Which edits live when.
    pub plan: Plan,
    /// How a record is measured.
    pub options: MeasureOptions,
    /// Requests under way at once.
    pub concurrency: NonZeroUsize,
    /// Where to note what is done, so that an interrupted run goes on; nowhere, unless given.
    pub journal: Option<PathBuf>,
}

/// Measures the model of `config`, which is loaded into a stack of its own over an empty store, unless `stop` resolves
/// first. The store is closed when this returns, so that its folder can be removed.
///
/// # Errors
/// When the model cannot be loaded, or the run breaks off; [`EvalError::Stopped`].
pub async fn edits(
    config: AppConfig,
    job: &EvalJob,
    progress: &dyn RunProgress,
    stop: impl Future<Output = ()>,
) -> Result<EditReport, EvalError> {
    tokio::pin!(stop);
    let app = tokio::select! {
        app = App::start(config) => app?,
        () = &mut stop => return Err(EvalError::Stopped),
    };
    let measured = tokio::select! {
        measured = measure(&app, job, progress) => measured,
        () = &mut stop => Err(EvalError::Stopped),
    };
    if let Err(error) = app.editor().close().await {
        tracing::warn!(%error, "the store of the run could not be closed");
    }
    measured
}

async fn measure(app: &App, job: &EvalJob, progress: &dyn RunProgress) -> Result<EditReport, EvalError> {
    let journal: Box<dyn Journal> = match &job.journal {
        Some(path) => Box::new(FileJournal::open(path)?),
        None => Box::new(()),
    };
    app.load().await?;
    let tenant = app.editor().tenant(TenantId::default()).answered_by(app.unedited());
    let forced = app.model_folder().and_then(forcing);
    let pair = forced.map(|base| (base.clone().with_edits(tenant.clone()), base));
    let edited: Arc<dyn ChatModel> = Arc::new(EditedModel::new(app.editor().clone(), app.unedited()));
    let (store, base) = (TenantStore::new(app.editor().clone(), tenant), app.unedited());
    let bench = Bench {
        store: &store,
        edited: edited.as_ref(),
        base: base.as_ref(),
        forced: pair.as_ref().map(|(edited, base)| ForcedPair { edited, base }),
    };
    let run_job = Job {
        data: &job.records.name,
        records: &job.records.records,
        plan: &job.plan,
        options: job.options,
        load: Load { concurrency: job.concurrency, priority: Priority::Live },
    };
    let report = run(&bench, &run_job, journal.as_ref(), progress).await?;
    Ok(report)
}

/// The decoder that can be forced, if it can read the model; the report then says which scores are missing.
fn forcing(folder: &Path) -> Option<Forced> {
    match Forced::load(folder) {
        Ok(forced) => Some(forced),
        Err(error) => {
            tracing::warn!(%error, "no teacher-forced scores: the decoder cannot read this model");
            None
        }
    }
}
