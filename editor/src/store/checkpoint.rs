//! Copying the write-ahead log into the database file while writing goes on.
//!
//! What a hundred thousand operations changed takes a second or more to copy and sync. A connection of its own does that:
//! SQLite lets one copy while another appends. What was appended meanwhile the writer then copies itself, which is little,
//! and the next commit begins the log anew.

use super::database::BUSY_TIMEOUT;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::PathBuf;
use tokio::task::JoinHandle;

/// The copying, when there is some.
#[derive(Debug)]
pub(super) struct Checkpoint {
    database: PathBuf,
    running: Option<JoinHandle<Result<(), sqlx::Error>>>,
}

impl Checkpoint {
    /// Of the database at this path.
    pub(super) fn new(database: PathBuf) -> Self {
        Self { database, running: None }
    }

    /// Begins to copy, unless that goes on already.
    pub(super) fn begin(&mut self) {
        if self.running.is_none() {
            self.running = Some(tokio::spawn(copy(self.database.clone())));
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether copying has ended and nobody was told yet.
    pub(super) fn is_over(&self) -> bool {
        self.running.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Waits for its end, if it goes on.
    pub(super) async fn end(&mut self) -> Result<(), sqlx::Error> {
        match self.running.take() {
            None => Ok(()),
            Some(running) => running.await.map_err(|_| sqlx::Error::WorkerCrashed)?,
        }
    }
}

async fn copy(database: PathBuf) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(database).busy_timeout(BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let copied = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await;
    connection.close().await?;
    copied.map(drop)
}
