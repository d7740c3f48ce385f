//! The one thread that writes: group commit, acknowledgement, tidying.
//!
//! It has a thread and a runtime of its own, so that planning, indexing and whatever else a large batch takes is never
//! done on the server's runtime.

use super::{
    checkpoint::Checkpoint,
    database::Database,
    pending::Step,
    rollback::Rollback,
    transaction::Transaction,
    write::{Done, Outcome, Write},
};
use crate::{
    dense::DenseSide,
    edit::{Limits, RolledBack, Seq},
    error::EditError,
    live::Live,
    scope::{Policies, ScopeModelError, ScopeRow},
    time::Clock,
};
use amend_proto::TenantId;
use std::{collections::VecDeque, error::Error, ops::ControlFlow, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

/// Requests that may wait for the writer before senders wait for room.
const QUEUE: usize = 1_024;
/// Pieces of imports that may.
const BULK_QUEUE: usize = 16;
/// The most requests of one transaction.
const MAX_GROUP: usize = 256;
/// The most edits of one transaction: a request more is not taken in when there are so many.
const MAX_GROUP_EDITS: usize = 4_096;
/// So long without a request is a time to tidy up.
const IDLE: Duration = Duration::from_secs(1);
/// Without such a time it is done after this many transactions (a few pages of the write-ahead log each).
const MOST_TRANSACTIONS: u32 = 2_000;
/// Or after this many operations, beside the writing.
const MOST_OPERATIONS: usize = 20_000;
/// If so many were written while that goes on the writer waits for it: the write-ahead log has bounds.
const MOST_AHEAD: usize = 400_000;
/// Operations that are read from the log at a time.
const PAGE: usize = 1_000;

type Reply<T> = oneshot::Sender<Result<T, EditError>>;

enum Job {
    Write(TenantId, Write, Reply<Done>),
    RollBack(Rollback, Reply<RolledBack>),
    SetScope(Box<ScopeRow>, Reply<()>),
    Close(Reply<()>),
}

/// What the writer works with.
#[derive(Debug)]
pub(crate) struct WriterDeps {
    pub(crate) database: Database,
    pub(crate) live: Arc<Live>,
    /// Kept in step with `live`.
    pub(crate) dense: Option<Arc<DenseSide>>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The way to the writing thread.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    /// Pieces of imports: one is done at a time, after the other jobs that wait.
    bulk: mpsc::Sender<Job>,
    progress: watch::Receiver<Seq>,
}

impl Writer {
    /// Starts the thread. It ends after [`close`](Self::close), or when the last clone of this is dropped.
    ///
    /// # Errors
    /// [`EditError::Storage`] when the operating system refuses a thread.
    pub(crate) fn start(deps: WriterDeps) -> Result<Self, EditError> {
        let failed = |error: std::io::Error| EditError::storage("start its writer", error);
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let (bulk, waiting_bulk) = mpsc::channel(BULK_QUEUE);
        let inbox = Inbox { jobs: waiting, bulk: waiting_bulk };
        let (told, progress) = watch::channel(deps.live.through());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let checkpoint = Checkpoint::new(deps.database.path.clone());
        let task = Task { deps, told, checkpoint, transactions: 1, operations: 0 };
        std::thread::Builder::new()
            .name("amend-edit-log".to_owned())
            .spawn(move || runtime.block_on(task.run(inbox)))
            .map_err(failed)?;
        Ok(Self { jobs, bulk, progress })
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, EditError> {
        let (reply, answer) = oneshot::channel();
        let job = job(reply);
        let queue = if job.is_bulk() { &self.bulk } else { &self.jobs };
        queue.send(job).await.map_err(|_| EditError::Closed)?;
        answer.await.map_err(|_| EditError::Closed)?
    }

    /// Does what is asked. It is durable and visible when this returns.
    pub(crate) async fn write(&self, tenant: TenantId, write: Write) -> Result<Done, EditError> {
        self.ask(|reply| Job::Write(tenant, write, reply)).await
    }

    /// Goes back to an earlier state. That is durable and visible when this returns.
    pub(crate) async fn roll_back(&self, rollback: Rollback) -> Result<RolledBack, EditError> {
        self.ask(|reply| Job::RollBack(rollback, reply)).await
    }

    /// Sets how scope is decided. That is durable and in use when this returns.
    pub(crate) async fn set_scope(&self, row: ScopeRow) -> Result<(), EditError> {
        self.ask(|reply| Job::SetScope(Box::new(row), reply)).await
    }

    /// Follows the last durable and visible entry; ends when the writer does.
    pub(crate) fn progress(&self) -> watch::Receiver<Seq> {
        self.progress.clone()
    }

    /// Finishes what waits, closes the database and releases its lock.
    pub(crate) async fn close(&self) -> Result<(), EditError> {
        self.ask(Job::Close).await
    }
}

/// What waits.
struct Inbox {
    jobs: mpsc::Receiver<Job>,
    bulk: mpsc::Receiver<Job>,
}

impl Inbox {
    /// Waits for something to do; `None` when nobody can ask any more.
    async fn next(&mut self) -> Option<VecDeque<Job>> {
        let first = tokio::select! {
            biased;
            Some(job) = self.jobs.recv() => job,
            Some(job) = self.bulk.recv() => job,
            else => return None,
        };
        let (mut bulk, mut jobs) = (None, VecDeque::new());
        let mut edits = 0;
        if first.is_bulk() {
            bulk = Some(first);
        } else {
            edits = first.edits();
            jobs.push_back(first);
        }
        while jobs.len() < MAX_GROUP
            && edits < MAX_GROUP_EDITS
            && let Ok(job) = self.jobs.try_recv()
        {
            edits += job.edits();
            jobs.push_back(job);
        }
        // Each in turn: neither do imports hold up the others for more than a piece, nor the others an import for ever.
        // Closing finishes what waits.
        match jobs.back() {
            Some(Job::Close(_)) => {
                let close = jobs.pop_back();
                jobs.extend(bulk);
                while let Ok(job) = self.bulk.try_recv() {
                    jobs.push_back(job);
                }
                jobs.extend(close);
            }
            _ => jobs.extend(bulk.or_else(|| self.bulk.try_recv().ok())),
        }
        Some(jobs)
    }
}

struct Task {
    deps: WriterDeps,
    /// Told of every entry that is durable and visible.
    told: watch::Sender<Seq>,
    checkpoint: Checkpoint,
    /// Since it was tidied up last. The first idle time tidies up what the run before left.
    transactions: u32,
    operations: usize,
}

impl Task {
    async fn run(mut self, mut inbox: Inbox) {
        loop {
            let jobs = match (self.transactions, self.checkpoint.is_running()) {
                (0, false) => inbox.next().await,
                _ => match timeout(IDLE, inbox.next()).await {
                    Ok(jobs) => jobs,
                    Err(_elapsed) => {
                        self.tidy().await;
                        continue;
                    }
                },
            };
            let Some(jobs) = jobs else { break };
            if let ControlFlow::Break(closing) = self.serve(jobs).await {
                self.end_checkpoint().await;
                self.close_dense();
                let closed = self.deps.database.close().await;
                answer(closing, closed.map_err(|error| EditError::storage("close its database", error)));
                return;
            }
            if self.checkpoint.is_over() || self.operations >= MOST_AHEAD {
                self.tidy().await;
            } else if self.transactions >= MOST_TRANSACTIONS || self.operations >= MOST_OPERATIONS {
                self.checkpoint.begin();
            }
        }
        self.end_checkpoint().await;
        self.close_dense();
        if let Err(error) = self.deps.database.close().await {
            tracing::error!(error = &error as &dyn Error, "the edit store did not close cleanly");
        }
    }

    /// Before the database's lock is released: whoever takes it opens the embedding cache next.
    fn close_dense(&self) {
        if let Some(dense) = &self.deps.dense {
            dense.close();
        }
    }

    async fn end_checkpoint(&mut self) {
        if let Err(error) = self.checkpoint.end().await {
            tracing::warn!(
                error = &error as &dyn Error,
                "copying the write-ahead log failed; it is tried again later"
            );
        }
    }

    /// Serves what waited in order: runs of writes in one transaction each, a rollback in one of its own. Breaks when
    /// asked to close.
    async fn serve(&mut self, mut jobs: VecDeque<Job>) -> ControlFlow<Reply<()>> {
        while let Some(job) = jobs.pop_front() {
            match job {
                Job::Close(reply) => return ControlFlow::Break(reply),
                Job::RollBack(rollback, reply) => answer(reply, self.roll_back(rollback).await),
                Job::SetScope(row, reply) => answer(reply, self.set_scope(*row).await),
                Job::Write(tenant, write, reply) => {
                    let (mut writes, mut replies) = (vec![(tenant, write)], vec![reply]);
                    // A piece of an import is a transaction of its own: whoever else waits is answered before.
                    while jobs.front().is_some_and(|job| matches!(job, Job::Write(..)) && !job.is_bulk()) {
                        let Some(Job::Write(tenant, write, reply)) = jobs.pop_front() else { break };
                        writes.push((tenant, write));
                        replies.push(reply);
                    }
                    for (reply, outcome) in replies.into_iter().zip(self.write(&writes).await) {
                        answer(reply, outcome);
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    async fn write(&mut self, writes: &[(TenantId, Write)]) -> Vec<Outcome> {
        let WriterDeps { database, live, limits, clock, .. } = &mut self.deps;
        match Transaction::new(database, live, limits, clock.now()).run(writes).await {
            Ok((steps, outcomes)) => {
                self.show(steps);
                outcomes
            }
            Err(error) => {
                let error = Arc::new(self.recover(error).await);
                let failed = || Err(EditError::storage("write its log", Arc::clone(&error)));
                writes.iter().map(|_| failed()).collect()
            }
        }
    }

    async fn roll_back(&mut self, rollback: Rollback) -> Result<RolledBack, EditError> {
        let WriterDeps { database, live, limits, clock, .. } = &mut self.deps;
        match rollback.run(database, live, limits, clock.now()).await {
            Ok(outcome) => {
                self.catch_up().await?;
                outcome
            }
            Err(error) => Err(EditError::storage("write its log", self.recover(error).await)),
        }
    }

    async fn set_scope(&mut self, row: ScopeRow) -> Result<(), EditError> {
        let WriterDeps { database, policies, clock, .. } = &mut self.deps;
        policies.check(&row).map_err(|error| match error {
            ScopeModelError::Range { field, value, range } => {
                EditError::invalid(field, format!("is {value}; it must be {range}"))
            }
            other => EditError::invalid("scope", other.to_string()),
        })?;
        database.set_scope(&row, clock.now()).await?;
        policies.set(row);
        self.transactions += 1;
        Ok(())
    }

    /// After a failure: ends the transaction, and shows what is in the log all the same, because a commit that reported
    /// a failure may have happened.
    async fn recover(&mut self, error: sqlx::Error) -> sqlx::Error {
        tracing::error!(error = &error as &dyn Error, "a transaction of the edit log failed");
        self.deps.database.roll_back().await;
        if let Err(error) = self.catch_up().await {
            tracing::error!(error = &error as &dyn Error, "the edit log cannot be read");
        }
        error
    }

    /// Shows what is in the log and not yet seen.
    async fn catch_up(&mut self) -> Result<(), EditError> {
        loop {
            let through = self.deps.live.through();
            let operations = self.deps.database.operations_after(through, PAGE).await?;
            let last = operations.len() < PAGE;
            self.show(operations.into_iter().map(|operation| Step { operation, reading: None }).collect());
            if last {
                return Ok(());
            }
        }
    }

    /// Makes durable operations visible.
    fn show(&mut self, steps: Vec<Step>) {
        self.transactions += 1;
        self.operations += steps.len();
        for step in &steps {
            metrics::counter!("amend_edit_operations_total", "op" => step.operation.change.as_str())
                .increment(1);
        }
        let WriterDeps { live, dense, .. } = &self.deps;
        let entered = dense.as_ref().map(|dense| dense.enter(live, steps.iter().map(|step| &step.operation)));
        live.apply(steps.into_iter().map(|step| (step.operation, step.reading)).collect());
        if let Some((dense, touched)) = dense.as_ref().zip(entered) {
            dense.settle(live, touched);
        }
        metrics::gauge!("amend_edits_live").set(self.deps.live.len() as f64);
        self.told.send_replace(self.deps.live.through());
    }

    /// Forgets old idempotency keys, and copies into the database what of the write-ahead log is not there yet.
    async fn tidy(&mut self) {
        self.end_checkpoint().await;
        let WriterDeps { database, limits, clock, .. } = &mut self.deps;
        let done = async {
            database.forget(clock.now().earlier(limits.key_retention), limits.max_keys).await?;
            database.checkpoint().await
        };
        if let Err(error) = done.await {
            tracing::warn!(
                error = &error as &dyn Error,
                "tidying the edit store failed; it is tried again later"
            );
        }
        (self.transactions, self.operations) = (0, 0);
    }
}

impl Job {
    /// Whether it is a piece of an import.
    fn is_bulk(&self) -> bool {
        matches!(self, Self::Write(_, Write::Add(batch), _) if !batch.atomic)
    }

    fn edits(&self) -> usize {
        match self {
            Self::Write(_, Write::Add(batch), _) => batch.readings.len(),
            Self::Write(..) => 1,
            Self::RollBack(..) | Self::SetScope(..) | Self::Close(_) => 0,
        }
    }
}

fn answer<T>(reply: Reply<T>, outcome: Result<T, EditError>) {
    if reply.send(outcome).is_err() {
        tracing::debug!("whoever asked the edit store did not wait for the answer");
    }
}
