//! The one thread that writes: group commit, acknowledgement, tidying.
//!
//! It has a thread and a runtime of its own, so that planning, indexing and whatever else a large batch takes is never
//! done on the server's runtime.

use super::{
    database::Database,
    pending::Step,
    rollback::Rollback,
    transaction::Transaction,
    write::{Done, Outcome, Write},
};
use crate::{
    edit::{Limits, RolledBack, Seq},
    error::EditError,
    live::Live,
    scope::{Policies, ScopeRow},
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
/// The most requests of one transaction.
const MAX_GROUP: usize = 256;
/// The most edits of one transaction: a request more is not taken in when there are so many.
const MAX_GROUP_EDITS: usize = 4_096;
/// So long without a request is a time to tidy up.
const IDLE: Duration = Duration::from_secs(1);
/// Without such a time it is done after this many transactions (a few pages of the write-ahead log each).
const MOST_TRANSACTIONS: u32 = 2_000;
/// Or after this many operations, so that writers never wait long for it.
const MOST_OPERATIONS: usize = 20_000;
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
    pub(crate) policies: Arc<Policies>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The way to the writing thread.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    progress: watch::Receiver<Seq>,
}

impl Writer {
    /// Starts the thread. It ends after [`close`](Self::close), or when the last clone of this is dropped.
    ///
    /// # Errors
    /// [`EditError::Storage`] when the operating system refuses a thread.
    pub(crate) fn start(deps: WriterDeps) -> Result<Self, EditError> {
        let failed = |error: std::io::Error| EditError::storage("start its writer", error);
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let (told, progress) = watch::channel(deps.live.through());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let task = Task { deps, told, transactions: 1, operations: 0 };
        std::thread::Builder::new()
            .name("amend-edit-log".to_owned())
            .spawn(move || runtime.block_on(task.run(inbox)))
            .map_err(failed)?;
        Ok(Self { jobs, progress })
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, EditError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| EditError::Closed)?;
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

struct Task {
    deps: WriterDeps,
    /// Told of every entry that is durable and visible.
    told: watch::Sender<Seq>,
    /// Since it was tidied up last. The first idle time tidies up what the run before left.
    transactions: u32,
    operations: usize,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        loop {
            let first = match self.transactions {
                0 => inbox.recv().await,
                _ => match timeout(IDLE, inbox.recv()).await {
                    Ok(job) => job,
                    Err(_elapsed) => {
                        self.tidy().await;
                        continue;
                    }
                },
            };
            let Some(first) = first else { break };
            let mut edits = first.edits();
            let mut jobs = VecDeque::from([first]);
            while jobs.len() < MAX_GROUP
                && edits < MAX_GROUP_EDITS
                && let Ok(job) = inbox.try_recv()
            {
                edits += job.edits();
                jobs.push_back(job);
            }
            if let ControlFlow::Break(closing) = self.serve(jobs).await {
                let closed = self.deps.database.close().await;
                answer(closing, closed.map_err(|error| EditError::storage("close its database", error)));
                return;
            }
            if self.transactions >= MOST_TRANSACTIONS || self.operations >= MOST_OPERATIONS {
                self.tidy().await;
            }
        }
        if let Err(error) = self.deps.database.close().await {
            tracing::error!(error = &error as &dyn Error, "the edit store did not close cleanly");
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
                    while let Some(Job::Write(..)) = jobs.front() {
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
        policies.check(&row).map_err(|error| EditError::invalid("scope", error.to_string()))?;
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
        self.deps.live.apply(steps.into_iter().map(|step| (step.operation, step.reading)).collect());
        metrics::gauge!("amend_edits_live").set(self.deps.live.len() as f64);
        self.told.send_replace(self.deps.live.through());
    }

    /// Forgets old idempotency keys, and copies the write-ahead log into the database.
    async fn tidy(&mut self) {
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
