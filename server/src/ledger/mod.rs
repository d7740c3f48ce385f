//! What the daemon learns from and what it does about it, in one database: preferences, jobs, revisions.
//!
//! The editor keeps its edits in a database of its own; this one is `learning.db` beside it. Reads go through a few
//! connections side by side. Writes go to one thread through a bounded queue: it puts all that wait into one transaction
//! and waits for the disk once, and answers nobody before. A write that fails takes no other one down.
//!
//! ```no_run
//! # async fn example() -> Result<(), amend_server::ledger::LedgerError> {
//! use amend_server::ledger::Ledger;
//! use futures::FutureExt;
//!
//! let ledger = Ledger::open("data/learning.db").await?;
//! ledger
//!     .write(|connection| {
//!         async move {
//!             sqlx::query("INSERT INTO keeping VALUES ('acme', 'all')").execute(connection).await?;
//!             Ok::<_, amend_server::ledger::LedgerError>(())
//!         }
//!         .boxed()
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```

mod error;
mod open;
#[cfg(test)]
mod tests;
mod writer;

pub use error::LedgerError;

use futures::future::BoxFuture;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use std::path::PathBuf;
use writer::Writer;

/// The schema's history. Each entry is applied once, in order, and checked against its hash at every start.
///
/// Preferences have the versions from 1, jobs and revisions those from 100.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "preferences", include_str!("../../migrations/0001_preferences.sql")),
    (100, "revisions", include_str!("../../migrations/0100_revisions.sql")),
    (101, "jobs", include_str!("../../migrations/0101_jobs.sql")),
    (200, "gates", include_str!("../../migrations/0200_gates.sql")),
    (201, "canaries", include_str!("../../migrations/0201_canaries.sql")),
    (202, "gates begin canaries", include_str!("../../migrations/0202_gates_begin_canaries.sql")),
];

/// The open database. Clones share it.
#[derive(Debug, Clone)]
pub struct Ledger {
    writer: Writer,
    readers: SqlitePool,
}

impl Ledger {
    /// Locks, opens and migrates the database at this path; makes it and its folder if they are not there.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] when another process has it; [`LedgerError::Storage`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, LedgerError> {
        let path = path.into();
        let database = open::Database::open(&path, MIGRATIONS).await?;
        let readers = open::readers(&path);
        Ok(Self { writer: Writer::start(database)?, readers })
    }

    /// Writes: all that `work` does, or, if it fails, nothing. It is on disk when this returns `Ok`.
    ///
    /// `work` runs inside a transaction that it shares with others, and must neither end it nor wait for anything but the
    /// database. It may read what it is about to change: nobody else writes meanwhile.
    ///
    /// # Errors
    /// Those of `work`; [`LedgerError::Closed`] after [`close`](Self::close); [`LedgerError::Storage`] when the disk
    /// refuses. Then it is unknown whether the write happened: what matters must be possible to send again.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// A connection that can only read, and sees all that was acknowledged before. It goes back when it is dropped.
    ///
    /// # Errors
    /// [`LedgerError::Closed`]; [`LedgerError::Storage`], also when all are taken for long.
    pub async fn read(&self) -> Result<PoolConnection<Sqlite>, LedgerError> {
        self.readers.acquire().await.map_err(LedgerError::from)
    }

    /// Finishes what waits, closes the database and releases its lock. What comes after is refused.
    ///
    /// # Errors
    /// [`LedgerError::Storage`] when it does not close cleanly; what was acknowledged is kept all the same.
    pub async fn close(&self) -> Result<(), LedgerError> {
        self.readers.close().await;
        self.writer.close().await
    }
}
