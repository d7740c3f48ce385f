//! The one thread that writes: what waits goes into one transaction, and nobody is answered before it is on disk.

use super::{LedgerError, open::Database};
use futures::{FutureExt, future::BoxFuture};
use sqlx::SqliteConnection;
use std::{collections::VecDeque, error::Error, io, panic::AssertUnwindSafe};
use tokio::sync::{mpsc, oneshot};

/// Writes that may wait before senders wait for room.
const QUEUE: usize = 1_024;
/// The most writes of one transaction.
const MAX_GROUP: usize = 256;

/// Tells a write's sender how it went: the commit's outcome goes before the write's own.
type Finish = Box<dyn FnOnce(Result<(), LedgerError>) + Send>;

/// What a write did inside the transaction.
enum Did {
    /// It stays.
    Done(Finish),
    /// It is undone.
    Failed(Finish),
}

/// A write that waits.
trait Work: Send {
    fn run<'c>(self: Box<Self>, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Did>;
    /// Tells the sender that it was not begun.
    fn refuse(self: Box<Self>, error: LedgerError);
}

struct Request<T, E, F> {
    work: F,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Work for Request<T, E, F>
where
    T: Send + 'static,
    E: From<LedgerError> + Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    fn run<'c>(self: Box<Self>, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Did> {
        let Self { work, reply } = *self;
        async move {
            let outcome = work(connection).await;
            let kept = outcome.is_ok();
            let finish: Finish = Box::new(move |committed| {
                let outcome = match (committed, outcome) {
                    (Err(error), Ok(_)) => Err(error.into()),
                    // A write that failed changed nothing: the commit's failure says nothing of it.
                    (_, outcome) => outcome,
                };
                // Whoever asked may be gone.
                drop(reply.send(outcome));
            });
            if kept { Did::Done(finish) } else { Did::Failed(finish) }
        }
        .boxed()
    }

    fn refuse(self: Box<Self>, error: LedgerError) {
        drop(self.reply.send(Err(error.into())));
    }
}

enum Job {
    Write(Box<dyn Work>),
    Close(oneshot::Sender<Result<(), LedgerError>>),
}

/// The way to the writing thread.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the thread. It ends after [`close`](Self::close), or when the last clone of this is dropped.
    pub(super) fn start(database: Database) -> Result<Self, LedgerError> {
        let failed = |error: io::Error| LedgerError::storage("start its writer", error);
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        std::thread::Builder::new()
            .name("amend-ledger".to_owned())
            .spawn(move || runtime.block_on(run(database, inbox)))
            .map_err(failed)?;
        Ok(Self { jobs })
    }

    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job::Write(Box::new(Request { work, reply }));
        self.jobs.send(job).await.map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Broken)?
    }

    pub(super) async fn close(&self) -> Result<(), LedgerError> {
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(Job::Close(reply)).await.is_err() {
            return Ok(());
        }
        answer.await.map_err(|_| LedgerError::Broken)?
    }
}

async fn run(mut database: Database, mut inbox: mpsc::Receiver<Job>) {
    let mut closing = Vec::new();
    while closing.is_empty() {
        let Some(first) = inbox.recv().await else { break };
        let mut works: VecDeque<Box<dyn Work>> = VecDeque::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Write(work) => works.push_back(work),
                Job::Close(reply) => closing.push(reply),
            }
            next = match works.len() < MAX_GROUP && closing.is_empty() {
                true => inbox.try_recv().ok(),
                false => None,
            };
        }
        while !works.is_empty() {
            write(&mut database.connection, &mut works).await;
        }
    }
    // What was sent meanwhile gets an answer, too; nothing can be sent from here on.
    inbox.close();
    while let Some(job) = inbox.recv().await {
        match job {
            Job::Write(work) => work.refuse(LedgerError::Closed),
            Job::Close(reply) => closing.push(reply),
        }
    }
    let closed = database.close().await;
    if let Err(error) = &closed {
        tracing::error!(error = error as &dyn Error, "the ledger did not close cleanly");
    }
    for reply in closing {
        drop(reply.send(closed.clone()));
    }
}

/// One transaction of as much of what waits as goes well; takes at least one write off the queue.
async fn write(connection: &mut SqliteConnection, works: &mut VecDeque<Box<dyn Work>>) {
    let failed = |error: sqlx::Error| {
        tracing::error!(error = &error as &dyn Error, "a transaction of the ledger failed");
        LedgerError::storage("write its database", error)
    };
    let mut done = Vec::with_capacity(works.len());
    let mut outcome = execute(connection, "BEGIN IMMEDIATE").await.map_err(failed);
    match &outcome {
        Ok(()) => {
            outcome = match group(connection, works, &mut done).await {
                Ok(()) => execute(connection, "COMMIT").await,
                Err(error) => Err(error),
            }
            .map_err(failed);
        }
        Err(error) => works.drain(..).for_each(|work| work.refuse(error.clone())),
    }
    if outcome.is_err() {
        // That no transaction is open any more is no failure.
        let _ = execute(connection, "ROLLBACK").await;
    }
    for finish in done {
        finish(outcome.clone());
    }
}

/// Runs writes inside the open transaction, each in a savepoint of its own. An error is the transaction's: SQLite may
/// have ended it (a full disk), and what comes next must not run outside of one. What was not begun stays in `works`.
async fn group(
    connection: &mut SqliteConnection,
    works: &mut VecDeque<Box<dyn Work>>,
    done: &mut Vec<Finish>,
) -> Result<(), sqlx::Error> {
    while let Some(work) = works.pop_front() {
        if let Err(error) = execute(connection, "SAVEPOINT one").await {
            works.push_front(work);
            // Otherwise the same would be tried for ever.
            return if done.is_empty() { refuse_first(works, error) } else { Err(error) };
        }
        let did = AssertUnwindSafe(work.run(&mut *connection)).catch_unwind().await;
        let undo = match did {
            Ok(Did::Done(finish)) => {
                done.push(finish);
                false
            }
            Ok(Did::Failed(finish)) => {
                done.push(finish);
                true
            }
            Err(_) => {
                tracing::error!("a write of the ledger panicked; it is undone");
                true
            }
        };
        if undo {
            execute(connection, "ROLLBACK TO one").await?;
        }
        execute(connection, "RELEASE one").await?;
    }
    Ok(())
}

fn refuse_first(works: &mut VecDeque<Box<dyn Work>>, error: sqlx::Error) -> Result<(), sqlx::Error> {
    if let Some(work) = works.pop_front() {
        work.refuse(LedgerError::storage("begin a write", std::io::Error::other(error.to_string())));
    }
    Err(error)
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}
