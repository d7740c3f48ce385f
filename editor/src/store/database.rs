//! The SQL of the edit log.

use crate::{edit::Edit, error::EditError};
use amend_proto::EditId;
use futures::TryStreamExt;
use serde::Serialize;
use sqlx::{
    AssertSqlSafe, Connection, Row, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a statement waits for another connection (a backup tool's) before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The schema's history. Each entry is applied once, in order, and checked against its hash at every start.
const MIGRATIONS: [(i64, &str, &str); 1] =
    [(1, "edit log", include_str!("../../migrations/0001_edit_log.sql"))];

/// One operation of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// This edit is live from here on.
    Add(Edit),
    /// The live edit of this id is no longer.
    Retire {
        /// Its place in the log.
        seq: i64,
        /// Which edit.
        id: EditId,
    },
}

/// A row to append.
#[derive(Debug, Serialize)]
pub(super) struct LogRow<'a> {
    seq: i64,
    op: &'static str,
    edit_id: &'a EditId,
    text: Option<&'a str>,
    subject: Option<&'a str>,
    at: i64,
    batch: i64,
}

impl<'a> LogRow<'a> {
    /// The row of an operation of the request whose first operation is `batch`.
    pub(super) fn new(operation: &'a Operation, batch: i64, at: i64) -> Self {
        match operation {
            Operation::Add(edit) => {
                let (text, subject) = (Some(edit.text.as_str()), edit.subject.as_deref());
                Self {
                    seq: edit.seq,
                    op: "add",
                    edit_id: &edit.id,
                    text,
                    subject,
                    at: edit.created_at,
                    batch,
                }
            }
            Operation::Retire { seq, id } => {
                Self { seq: *seq, op: "retire", edit_id: id, text: None, subject: None, at, batch }
            }
        }
    }
}

/// The answer that an idempotency key stands for.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Answered {
    /// SHA-256 of the request, in hexadecimal digits.
    pub(super) body: String,
    /// The log entries that it gave.
    pub(super) seqs: Vec<i64>,
}

/// A key to remember.
#[derive(Debug, Serialize)]
pub(super) struct KeyRow {
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) answered: Answered,
    pub(super) at: i64,
}

/// The open database, and the lock that keeps other processes away from it.
#[derive(Debug)]
pub(crate) struct Database {
    connection: SqliteConnection,
    /// Held, never read: the lock goes with it.
    _lock: File,
}

impl Database {
    /// Locks, opens and migrates the database at `path`; makes it and its folder if they are not there.
    pub(crate) async fn open(path: &Path) -> Result<Self, EditError> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |error| EditError::storage("make its folder", error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = lock(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            // The writer copies the log into the database when nothing waits, not in the middle of a commit.
            .pragma("wal_autocheckpoint", "0");
        let failed = |error: sqlx::Error| EditError::storage("open its database", error);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
            let sql = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(*sql));
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
        });
        Migrator::with_migrations(migrations.collect())
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|error| EditError::storage("bring its database up to date", error))?;
        // A new file is there after a power cut only once its folder is on disk.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| EditError::storage("sync its folder", error))?;
        Ok(Self { connection, _lock: lock })
    }

    /// The operations after `seq`, in order.
    pub(crate) async fn operations_after(&mut self, seq: i64) -> Result<Vec<Operation>, EditError> {
        let failed = |error: sqlx::Error| EditError::storage("read its log", error);
        let mut rows = sqlx::query(
            "SELECT seq, op, edit_id, text, subject, at FROM edit_log WHERE seq > ?1 ORDER BY seq",
        )
        .bind(seq)
        .fetch(&mut self.connection);
        let mut operations = Vec::new();
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            operations.push(operation(&row)?);
        }
        Ok(operations)
    }

    /// Where in the log an id was last added, live or not.
    pub(super) async fn last_added(&mut self, id: &EditId) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query("SELECT max(seq) FROM edit_log WHERE edit_id = ?1 AND op = 'add'")
            .bind(id.as_str())
            .fetch_one(&mut self.connection)
            .await?
            .try_get(0)
    }

    /// Appends operations and remembers keys: all of it or nothing, on disk when this returns.
    pub(super) async fn write(&mut self, rows: &[LogRow<'_>], keys: &[KeyRow]) -> Result<(), sqlx::Error> {
        match (rows.is_empty(), keys.is_empty()) {
            (true, true) => Ok(()),
            // One statement is a transaction of its own, in one trip to SQLite's thread instead of three.
            (false, true) => self.append(rows).await,
            (_, false) => {
                sqlx::query("BEGIN IMMEDIATE").execute(&mut self.connection).await?;
                self.append(rows).await?;
                self.remember(keys).await?;
                sqlx::query("COMMIT").execute(&mut self.connection).await.map(drop)
            }
        }
    }

    /// Ends whatever transaction is open. That none is open is no failure.
    pub(super) async fn roll_back(&mut self) {
        if let Err(error) = sqlx::query("ROLLBACK").execute(&mut self.connection).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "no transaction to roll back");
        }
    }

    async fn append(&mut self, rows: &[LogRow<'_>]) -> Result<(), sqlx::Error> {
        // All rows as one parameter: one statement and one round trip, whatever their number.
        let rows = serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(
            "INSERT INTO edit_log (seq, op, edit_id, text, subject, at, batch)
             SELECT value ->> 'seq', value ->> 'op', value ->> 'edit_id', value ->> 'text', value ->> 'subject',
                    value ->> 'at', value ->> 'batch'
             FROM json_each(?1)",
        )
        .bind(rows)
        .execute(&mut self.connection)
        .await
        .map(drop)
    }

    pub(super) async fn answered(&mut self, key: &str, since: i64) -> Result<Option<Answered>, sqlx::Error> {
        let row = sqlx::query("SELECT body, seqs FROM idempotency WHERE key = ?1 AND at >= ?2")
            .bind(key)
            .bind(since)
            .fetch_optional(&mut self.connection)
            .await?;
        row.map(|row| {
            let seqs: String = row.try_get(1)?;
            let seqs = serde_json::from_str(&seqs).map_err(|error| sqlx::Error::Decode(error.into()))?;
            Ok(Answered { body: row.try_get(0)?, seqs })
        })
        .transpose()
    }

    /// The edits that log entries added, in this order, live or not. The inner error is the log's content.
    pub(super) async fn added_by(
        &mut self,
        seqs: &[i64],
    ) -> Result<Result<Vec<Edit>, EditError>, sqlx::Error> {
        let seqs = serde_json::to_string(seqs).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let rows = sqlx::query(
            "SELECT edit_log.seq, op, edit_id, text, subject, at FROM json_each(?1) AS wanted
             JOIN edit_log ON edit_log.seq = wanted.value ORDER BY wanted.key",
        )
        .bind(seqs)
        .fetch_all(&mut self.connection)
        .await?;
        let edit = |row| match operation(row) {
            Ok(Operation::Add(edit)) => Some(Ok(edit)),
            Ok(Operation::Retire { .. }) => None,
            Err(error) => Some(Err(error)),
        };
        Ok(rows.iter().filter_map(edit).collect())
    }

    async fn remember(&mut self, keys: &[KeyRow]) -> Result<(), sqlx::Error> {
        let keys = serde_json::to_string(keys).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(
            "INSERT OR REPLACE INTO idempotency (key, body, seqs, at)
             SELECT value ->> 'key', value ->> 'body', value ->> 'seqs', value ->> 'at' FROM json_each(?1)",
        )
        .bind(keys)
        .execute(&mut self.connection)
        .await
        .map(drop)
    }

    /// Forgets keys from before `since`, and all but the newest `most`.
    pub(super) async fn forget(&mut self, since: i64, most: usize) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM idempotency WHERE at < ?1")
            .bind(since)
            .execute(&mut self.connection)
            .await?;
        sqlx::query(
            "DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency ORDER BY at DESC, key LIMIT -1 OFFSET ?1)",
        )
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .execute(&mut self.connection)
        .await
        .map(drop)
    }

    /// Copies the write-ahead log into the database file; the next write begins it anew, in the space that it has.
    pub(super) async fn checkpoint(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut self.connection).await.map(drop)
    }

    /// Closes the file and releases the lock.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        let Self { connection, _lock: lock } = self;
        let closed = connection.close().await;
        drop(lock);
        closed
    }
}

fn operation(row: &SqliteRow) -> Result<Operation, EditError> {
    let failed = |error: sqlx::Error| EditError::storage("read its log", error);
    let seq: i64 = row.try_get(0).map_err(failed)?;
    let op: String = row.try_get(1).map_err(failed)?;
    let id: String = row.try_get(2).map_err(failed)?;
    let id = EditId::new(id).map_err(|error| EditError::storage("read its log", error))?;
    match op.as_str() {
        "add" => Ok(Operation::Add(Edit {
            id,
            seq,
            text: row.try_get(3).map_err(failed)?,
            subject: row.try_get(4).map_err(failed)?,
            created_at: row.try_get(5).map_err(failed)?,
        })),
        "retire" => Ok(Operation::Retire { seq, id }),
        _ => Err(EditError::UnknownOperation { seq, op }),
    }
}

/// Takes the lock file beside the database. The operating system releases it when this process ends, however it does.
fn lock(database: &Path) -> Result<File, EditError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let failed = |error| EditError::storage("make its lock file", error);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EditError::Locked { database: database.to_owned(), lock: path }),
        Err(TryLockError::Error(error)) => Err(EditError::storage("lock its folder", error)),
    }
}
