//! The database file: locked, opened, migrated.

use super::LedgerError;
use sqlx::{
    AssertSqlSafe, Connection, SqliteConnection, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a statement waits for another connection (a backup tool's) before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Reads side by side.
const READERS: u32 = 4;
/// How long a read waits for one of them.
const READER_TIMEOUT: Duration = Duration::from_secs(10);

/// The connection that writes, and the lock that keeps other processes away.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: SqliteConnection,
    /// Held, never read: the lock goes with it.
    lock: File,
}

impl Database {
    pub(super) async fn open(
        path: &Path,
        migrations: &[(i64, &'static str, &'static str)],
    ) -> Result<Self, LedgerError> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| LedgerError::storage("make its folder", error))?;
        let lock = lock(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let failed = |error: sqlx::Error| LedgerError::storage("open its database", error);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        migrate(&mut connection, migrations).await?;
        // A new file is there after a power cut only once its folder is on disk.
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| LedgerError::storage("sync its folder", error))?;
        Ok(Self { connection, lock })
    }

    /// Closes the file and releases the lock.
    pub(super) async fn close(self) -> Result<(), LedgerError> {
        let Self { connection, lock } = self;
        let closed = connection.close().await;
        drop(lock);
        closed.map_err(|error| LedgerError::storage("close its database", error))
    }
}

/// Connections that only read, opened when they are needed.
pub(super) fn readers(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY_TIMEOUT);
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_TIMEOUT)
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

async fn migrate(
    connection: &mut SqliteConnection,
    migrations: &[(i64, &'static str, &'static str)],
) -> Result<(), LedgerError> {
    let migrations = migrations.iter().map(|(version, name, sql)| {
        let sql = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(*sql));
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
        .run_direct(None, connection, false)
        .await
        .map_err(|error| LedgerError::storage("bring its database up to date", error))
}

/// Takes the lock file beside the database. The operating system releases it when this process ends, however it does.
fn lock(database: &Path) -> Result<File, LedgerError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let failed = |error| LedgerError::storage("make its lock file", error);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(LedgerError::Locked { database: database.to_owned(), lock: path })
        }
        Err(TryLockError::Error(error)) => Err(LedgerError::storage("lock its file", error)),
    }
}
