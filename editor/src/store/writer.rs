//! The one task that writes: group commit, acknowledgement, tidying.

use super::{
    database::{Database, Operation},
    transaction::{Transaction, Write},
};
use crate::{
    edit::{AddEdits, Edit, Limits},
    error::EditError,
    live::Live,
};
use amend_proto::EditId;
use std::{
    error::Error,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Requests that may wait for the writer before senders wait for room.
const QUEUE: usize = 1_024;
/// The most requests of one transaction.
const MAX_GROUP: usize = 256;
/// So long without a request is a time to tidy up.
const IDLE: Duration = Duration::from_secs(1);
/// Without such a time it is done after this many transactions (a few pages of the write-ahead log each).
const MOST_TRANSACTIONS: u32 = 2_000;
/// More changes than this are indexed on a thread of their own.
const INLINE_CHANGES: usize = 16;

type Reply<T> = oneshot::Sender<Result<T, EditError>>;

enum Job {
    Write(Write, Reply<Vec<Edit>>),
    SeqOf(EditId, Reply<Option<i64>>),
    Close(Reply<()>),
}

/// What the writer works with.
#[derive(Debug)]
pub(crate) struct WriterDeps {
    pub(crate) database: Database,
    pub(crate) live: Arc<Live>,
    pub(crate) limits: Limits,
}

/// The way to the writing task.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the task. It ends after [`close`](Self::close), or when the last clone of this is dropped.
    pub(crate) fn start(deps: WriterDeps) -> Self {
        let (jobs, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(Task { deps }.run(inbox));
        Self { jobs }
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, EditError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| EditError::Closed)?;
        answer.await.map_err(|_| EditError::Closed)?
    }

    /// Adds a validated batch. It is durable and visible when this returns.
    pub(crate) async fn add(&self, batch: AddEdits) -> Result<Vec<Edit>, EditError> {
        self.ask(|reply| Job::Write(Write::Add(batch), reply)).await
    }

    /// Retires a live edit. That is durable and visible when this returns.
    pub(crate) async fn remove(&self, id: EditId) -> Result<Edit, EditError> {
        let mut removed = self.ask(|reply| Job::Write(Write::Retire(id.clone()), reply)).await?;
        removed.pop().ok_or(EditError::NotFound { id })
    }

    /// Where in the log an id was last added, live or not.
    pub(crate) async fn seq_of(&self, id: EditId) -> Result<Option<i64>, EditError> {
        self.ask(|reply| Job::SeqOf(id, reply)).await
    }

    /// Finishes what waits, closes the database and releases its lock.
    pub(crate) async fn close(&self) -> Result<(), EditError> {
        self.ask(Job::Close).await
    }
}

struct Task {
    deps: WriterDeps,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        // The first idle time tidies up what the run before left.
        let mut untidy = 1;
        loop {
            let first = match untidy {
                0 => inbox.recv().await,
                _ => match timeout(IDLE, inbox.recv()).await {
                    Ok(job) => job,
                    Err(_elapsed) => {
                        self.tidy().await;
                        untidy = 0;
                        continue;
                    }
                },
            };
            let Some(first) = first else { break };
            let mut jobs = vec![first];
            while jobs.len() < MAX_GROUP
                && let Ok(job) = inbox.try_recv()
            {
                jobs.push(job);
            }
            untidy += 1;
            if let ControlFlow::Break(closing) = self.serve(jobs).await {
                let closed = self.deps.database.close().await;
                answer(closing, closed.map_err(|error| EditError::storage("close its database", error)));
                return;
            }
            if untidy >= MOST_TRANSACTIONS {
                self.tidy().await;
                untidy = 0;
            }
        }
        if let Err(error) = self.deps.database.close().await {
            tracing::error!(error = &error as &dyn Error, "the edit store did not close cleanly");
        }
    }

    /// Serves what waited, the writes in one transaction. Breaks when asked to close.
    async fn serve(&mut self, jobs: Vec<Job>) -> ControlFlow<Reply<()>> {
        let mut writes = Vec::with_capacity(jobs.len());
        let mut replies = Vec::with_capacity(jobs.len());
        let mut closing = None;
        for job in jobs {
            match job {
                Job::Write(write, reply) => {
                    writes.push(write);
                    replies.push(reply);
                }
                Job::SeqOf(id, reply) => {
                    let seq = self.deps.database.last_added(&id).await;
                    answer(reply, seq.map_err(|error| EditError::storage("read its log", error)));
                }
                Job::Close(reply) => closing = Some(reply),
            }
        }
        if !writes.is_empty() {
            self.write(&writes, replies).await;
        }
        closing.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }

    async fn write(&mut self, writes: &[Write], replies: Vec<Reply<Vec<Edit>>>) {
        let WriterDeps { database, live, limits } = &mut self.deps;
        match Transaction::run(database, live, limits, writes).await {
            Ok((operations, outcomes)) => {
                self.show(operations).await;
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    answer(reply, outcome);
                }
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "a transaction of the edit log failed");
                self.deps.database.roll_back().await;
                // A commit that reported a failure may have happened all the same: what is in the log counts.
                match self.deps.database.operations_after(self.deps.live.through()).await {
                    Ok(operations) => self.show(operations).await,
                    Err(error) => {
                        tracing::error!(error = &error as &dyn Error, "the edit log cannot be read")
                    }
                }
                let error = Arc::new(error);
                for reply in replies {
                    answer(reply, Err(EditError::storage("write its log", Arc::clone(&error))));
                }
            }
        }
    }

    /// Makes durable operations visible.
    async fn show(&self, operations: Vec<Operation>) {
        count(&operations);
        if operations.len() <= INLINE_CHANGES {
            self.deps.live.apply(operations);
        } else {
            let live = Arc::clone(&self.deps.live);
            if let Err(error) = tokio::task::spawn_blocking(move || live.apply(operations)).await {
                tracing::error!(error = &error as &dyn Error, "the index could not be brought up to date");
            }
        }
        metrics::gauge!("amend_edits_live").set(self.deps.live.len() as f64);
    }

    /// Forgets old idempotency keys, and copies the write-ahead log into the database.
    async fn tidy(&mut self) {
        let Limits { key_retention, max_keys, .. } = self.deps.limits;
        let database = &mut self.deps.database;
        let done = async {
            database.forget(now() - seconds(key_retention), max_keys).await?;
            database.checkpoint().await
        };
        if let Err(error) = done.await {
            tracing::warn!(
                error = &error as &dyn Error,
                "tidying the edit store failed; it is tried again later"
            );
        }
    }
}

fn answer<T>(reply: Reply<T>, outcome: Result<T, EditError>) {
    if reply.send(outcome).is_err() {
        tracing::debug!("whoever asked the edit store did not wait for the answer");
    }
}

fn count(operations: &[Operation]) {
    let added = operations.iter().filter(|op| matches!(op, Operation::Add(_))).count();
    metrics::counter!("amend_edit_operations_total", "op" => "add").increment(added as u64);
    metrics::counter!("amend_edit_operations_total", "op" => "retire")
        .increment((operations.len() - added) as u64);
}

/// Seconds since the Unix epoch.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, seconds)
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
