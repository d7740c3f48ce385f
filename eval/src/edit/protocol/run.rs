//! A whole run.

use super::{
    journal::{Fingerprint, Journal, JournalError},
    live::{Live, edit_ids},
    measure::{Bench, Load, Measure, MeasureOptions, Measured},
    outcome::Outcome,
    plan::{Plan, Protocol, Step},
    store::{StoreError, StoreInfo},
};
use crate::{
    data::EditRecord,
    edit::report::{EditReport, Header},
};
use futures::{StreamExt, stream};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// What the report calls the data.
    pub data: &'a str,
    /// The records; their `index` tells them apart.
    pub records: &'a [EditRecord],
    /// Which edits live when.
    pub plan: &'a Plan,
    /// How a record is measured.
    pub options: MeasureOptions,
    /// How much at once.
    pub load: Load,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// How many records' edits are in the store.
    pub stage: usize,
    /// Records measured so far, at all sizes together, those of an earlier attempt included.
    pub done: usize,
    /// Records to measure, at all sizes together.
    pub total: usize,
}

/// Told where a run is: once when it begins, then after each record.
pub trait RunProgress: Sync {
    /// The run is here.
    fn at(&self, position: Position);
}

/// Tells nobody.
impl RunProgress for () {
    fn at(&self, _position: Position) {}
}

/// Why a run ended without a report. What is done is in the journal; the same run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is nothing to measure.
    #[error("failed to measure edits: there are no records, or no size of the plan is within their number")]
    Nothing,
    /// Two records could not be told apart.
    #[error(
        "failed to measure edits: two records have the index {0}; number the records of several files through"
    )]
    SameIndex(usize),
    /// The store.
    #[error("failed to measure edits")]
    Store(#[from] StoreError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Says what this run measures: the same text means the same numbers, as far as the models are deterministic.
fn fingerprint(bench: &Bench<'_>, store: &StoreInfo, job: &Job<'_>) -> Fingerprint {
    let mut hash = Sha256::new();
    let mut take = |value: serde_json::Result<Vec<u8>>| {
        let bytes = value.expect("plain structs of texts and numbers are JSON");
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    take(serde_json::to_vec(job.plan));
    take(serde_json::to_vec(&job.options));
    take(serde_json::to_vec(&bench.forced.is_some()));
    take(serde_json::to_vec(store));
    job.records.iter().for_each(|record| take(serde_json::to_vec(record)));
    let digest: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let (edited, base) = (bench.edited.info(), bench.base.info());
    let encoder = store.encoder.as_deref().unwrap_or("no-encoder");
    Fingerprint(format!(
        "{} {}@{} {}@{} {encoder} {digest}",
        job.data, edited.id, edited.revision, base.id, base.revision
    ))
}

/// Puts edits into the store as the plan says, measures, takes them out again, and adds it all up.
///
/// A question that fails counts as a score of nothing and is reported; the rest goes on. A store or a journal that
/// fails ends the run. Dropping the future ends it too, and leaves edits in the store; the next run removes them.
///
/// # Errors
/// [`RunError`].
pub async fn run(
    bench: &Bench<'_>,
    job: &Job<'_>,
    journal: &dyn Journal,
    progress: &dyn RunProgress,
) -> Result<EditReport, RunError> {
    let steps = job.plan.steps(job.records.len());
    let mut indices = HashSet::new();
    if let Some(record) = job.records.iter().find(|record| !indices.insert(record.index)) {
        return Err(RunError::SameIndex(record.index));
    }
    if steps.is_empty() {
        return Err(RunError::Nothing);
    }
    let store = bench.store.info();
    let fingerprint = fingerprint(bench, &store, job);
    let outcomes = journal.begin(&fingerprint)?;
    let used: HashSet<usize> = steps.iter().flat_map(|step| step.live.iter().copied()).collect();
    let mut live = Live::begin(bench.store, job.records, &used).await?;
    let total = steps.iter().map(|step| step.measured.len()).sum();
    let mut run = Run { bench, job, journal, progress, total, outcomes };
    let driven = run.drive(&mut live, &steps).await;
    // The edits go even when the run failed; its own error is then the one to tell.
    let cleared = live.clear().await;
    driven?;
    cleared?;
    let Run { outcomes, .. } = run;
    let (edited, base) = (bench.edited.info(), bench.base.info());
    let header = Header {
        data: job.data.to_owned(),
        records: job.records.len(),
        fingerprint,
        plan: job.plan.clone(),
        options: job.options,
        store,
        edited,
        base,
    };
    Ok(EditReport::new(header, outcomes))
}

struct Run<'a> {
    bench: &'a Bench<'a>,
    job: &'a Job<'a>,
    journal: &'a dyn Journal,
    progress: &'a dyn RunProgress,
    total: usize,
    outcomes: Vec<Outcome>,
}

impl Run<'_> {
    async fn drive(&mut self, live: &mut Live<'_>, steps: &[Step]) -> Result<(), RunError> {
        let done: HashSet<(usize, usize)> =
            self.outcomes.iter().map(|outcome| (outcome.stage, outcome.record)).collect();
        self.tell(steps.first().map_or(0, |step| step.stage));
        for step in steps {
            let open = |record: &usize| !done.contains(&(step.stage, self.job.records[*record].index));
            let todo: Vec<usize> = step.measured.iter().copied().filter(open).collect();
            if !todo.is_empty() {
                live.bring(&step.live, self.job.plan.protocol).await?;
                self.measure(step.stage, &todo, live).await?;
            }
        }
        Ok(())
    }

    async fn measure(&mut self, stage: usize, todo: &[usize], live: &Live<'_>) -> Result<(), RunError> {
        let most = self.job.load.concurrency.get();
        // With one record in the store its questions can run side by side; with many, the records do.
        let (across, within) = if self.job.plan.protocol == Protocol::Single { (1, most) } else { (most, 1) };
        let (options, priority) = (self.job.options, self.job.load.priority);
        let measure = Measure { bench: *self.bench, options, priority, within };
        let records = self.job.records;
        let mut outcomes = stream::iter(todo)
            .map(|&place| {
                let record = &records[place];
                let (edits, rejected) = (edit_ids(record), live.rejected(place));
                measure.run(Measured { stage, record, edits, rejected })
            })
            .buffer_unordered(across);
        while let Some(outcome) = outcomes.next().await {
            self.journal.keep(&outcome)?;
            self.outcomes.push(outcome);
            self.progress.at(Position { stage, done: self.outcomes.len(), total: self.total });
        }
        Ok(())
    }

    fn tell(&self, stage: usize) {
        self.progress.at(Position { stage, done: self.outcomes.len(), total: self.total });
    }
}
