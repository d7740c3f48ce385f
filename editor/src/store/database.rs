//! The database file: opened, locked, migrated; and what the writer asks of it.

use super::rows::{COLUMNS, ROWS, append, operation};
use crate::{conflict::Conflict, edit::Seq, error::EditError, operation::Operation, time::Timestamp};
use amend_proto::{EditId, TenantId};
use serde::Serialize;
use sqlx::{
    AssertSqlSafe, Connection, Row, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a statement waits for another connection (a backup tool's) before it fails.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The writer's cache of pages, in KiB, negative as SQLite wants it.
const WRITER_CACHE: &str = "-65536";

/// The schema's history. Each entry is applied once, in order, and checked against its hash at every start.
const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "edit log", include_str!("../../migrations/0001_edit_log.sql")),
    (2, "full log", include_str!("../../migrations/0002_full_log.sql")),
    (3, "scope", include_str!("../../migrations/0003_scope.sql")),
    (4, "answers", include_str!("../../migrations/0004_answers.sql")),
];

/// The answer that an idempotency key stands for.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Answered {
    /// SHA-256 of the request, in hexadecimal digits.
    pub(super) body: String,
    /// The log entries that it gave.
    pub(super) seqs: Vec<Seq>,
    /// The conflicts that it told of.
    pub(super) conflicts: Vec<Conflict>,
}

/// A key to remember.
#[derive(Debug, Serialize)]
pub(super) struct KeyRow {
    pub(super) tenant: TenantId,
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) answered: Answered,
    pub(super) at: Timestamp,
}

/// The open database, and the lock that keeps other processes away from it.
#[derive(Debug)]
pub(crate) struct Database {
    pub(super) connection: SqliteConnection,
    pub(super) path: PathBuf,
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
            .pragma("wal_autocheckpoint", "0")
            // In KiB. The index over ids is written at random places; what does not fit is read again for each entry.
            .pragma("cache_size", WRITER_CACHE);
        let failed = |error: sqlx::Error| EditError::storage("open its database", error);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        migrate(&mut connection, &MIGRATIONS).await?;
        // A new file is there after a power cut only once its folder is on disk.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| EditError::storage("sync its folder", error))?;
        Ok(Self { connection, path: path.to_owned(), _lock: lock })
    }

    /// `limit` operations after `seq`, in order.
    pub(super) async fn operations_after(
        &mut self,
        seq: Seq,
        limit: usize,
    ) -> Result<Vec<Operation>, EditError> {
        let sql = format!("SELECT {COLUMNS} FROM edit_log l WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(seq.get())
            .bind(count(limit))
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| EditError::storage("read its log", error))?;
        rows.iter().map(operation).collect()
    }

    /// The last entry that made a version of an edit stand: that version, or any.
    pub(super) async fn last_version(
        &mut self,
        (tenant, id): (&TenantId, &EditId),
        version: Option<Seq>,
    ) -> Result<Result<Option<Operation>, EditError>, sqlx::Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM edit_log l
             WHERE tenant = ?1 AND edit_id = ?2 AND op IN ('add', 'supersede', 'restore')
                   AND coalesce(version, seq) = coalesce(?3, version, seq)
             ORDER BY seq DESC LIMIT 1"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(id.as_str())
            .bind(version.map(Seq::get))
            .fetch_optional(&mut self.connection)
            .await?;
        Ok(row.as_ref().map(operation).transpose())
    }

    /// Appends operations and remembers keys: all of it or nothing, on disk when this returns.
    pub(super) async fn write(
        &mut self,
        operations: &[&Operation],
        keys: &[KeyRow],
    ) -> Result<(), sqlx::Error> {
        match (operations.len(), keys.is_empty()) {
            (0, true) => Ok(()),
            // One statement is a transaction of its own, in one trip to SQLite's thread instead of three.
            (1..=ROWS, true) => append(&mut self.connection, operations).await,
            _ => {
                sqlx::query("BEGIN IMMEDIATE").execute(&mut self.connection).await?;
                append(&mut self.connection, operations).await?;
                if !keys.is_empty() {
                    self.remember(keys).await?;
                }
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

    pub(super) async fn answered(
        &mut self,
        tenant: &TenantId,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<Answered>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT body, seqs, conflicts FROM idempotency WHERE tenant = ?1 AND key = ?2 AND at >= ?3",
        )
        .bind(tenant.as_str())
        .bind(key)
        .bind(since.seconds())
        .fetch_optional(&mut self.connection)
        .await?;
        let failed = |error: serde_json::Error| sqlx::Error::Decode(error.into());
        row.map(|row| {
            let seqs = serde_json::from_str(row.try_get(1)?).map_err(failed)?;
            let conflicts = serde_json::from_str(row.try_get(2)?).map_err(failed)?;
            Ok(Answered { body: row.try_get(0)?, seqs, conflicts })
        })
        .transpose()
    }

    /// The entries of these numbers, which must be there, in this order. The inner error is the log's content.
    pub(super) async fn entries(
        &mut self,
        seqs: &[Seq],
    ) -> Result<Result<Vec<Operation>, EditError>, sqlx::Error> {
        let seqs = serde_json::to_string(seqs).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let sql = format!(
            "SELECT {COLUMNS} FROM json_each(?1) AS wanted JOIN edit_log l ON l.seq = wanted.value
             ORDER BY wanted.key"
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(seqs).fetch_all(&mut self.connection).await?;
        Ok(rows.iter().map(operation).collect())
    }

    async fn remember(&mut self, keys: &[KeyRow]) -> Result<(), sqlx::Error> {
        let keys = serde_json::to_string(keys).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(
            "INSERT OR REPLACE INTO idempotency (tenant, key, body, seqs, conflicts, at)
             SELECT value ->> 'tenant', value ->> 'key', value ->> 'body', value ->> 'seqs',
                    value ->> 'conflicts', value ->> 'at'
             FROM json_each(?1)",
        )
        .bind(keys)
        .execute(&mut self.connection)
        .await
        .map(drop)
    }

    /// Forgets keys from before `since`, and all but the newest `most`.
    pub(super) async fn forget(&mut self, since: Timestamp, most: usize) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM idempotency WHERE at < ?1")
            .bind(since.seconds())
            .execute(&mut self.connection)
            .await?;
        sqlx::query(
            "DELETE FROM idempotency WHERE (tenant, key) IN
             (SELECT tenant, key FROM idempotency ORDER BY at DESC, tenant, key LIMIT -1 OFFSET ?1)",
        )
        .bind(count(most))
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
        let Self { connection, path: _, _lock: lock } = self;
        let closed = connection.close().await;
        drop(lock);
        closed
    }
}

/// A number of rows as SQLite takes it.
pub(super) fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    migrations: &[(i64, &'static str, &'static str)],
) -> Result<(), EditError> {
    let migrations = migrations.iter().map(|(version, name, sql)| {
        let sql = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(*sql));
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
        .run_direct(None, connection, false)
        .await
        .map_err(|error| EditError::storage("bring its database up to date", error))
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
