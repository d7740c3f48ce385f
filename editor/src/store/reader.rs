//! Reading the log beside the writer: in WAL mode neither waits for the other.

use super::{
    database::{BUSY_TIMEOUT, count},
    rows::{COLUMNS, EDIT_COLUMNS, operation, operations, versions},
};
use crate::{
    edit::{Edit, Seq},
    error::EditError,
    operation::{Change, Difference, Differences, Operation, Operations, PastEdits},
};
use amend_proto::{EditId, TenantId};
use futures::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Connection, Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow},
};
use std::{collections::HashMap, path::Path, sync::Arc};
use tokio::sync::mpsc;

/// Connections at most. Each is held for one page at a time.
const CONNECTIONS: u32 = 4;

/// Rows that a connection reads ahead.
const ROW_BUFFER: usize = 512;

/// Rows of a part of [`Reader::all_standing`].
const LOAD_PART: usize = 1_000;

/// Makes the last entry of each edit a table of this connection.
const STANDING: [&str; 3] = [
    "PRAGMA temp_store = MEMORY",
    "CREATE TEMP TABLE standing (seq INTEGER PRIMARY KEY)",
    "INSERT INTO temp.standing SELECT max(seq) AS last FROM edit_log GROUP BY tenant, edit_id ORDER BY last",
];

/// Bounds of a part of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Entries after this one.
    pub(crate) after: Seq,
    /// And up to this one.
    pub(crate) through: Seq,
    /// At most so many.
    pub(crate) limit: usize,
}

/// A few connections that only read. Every question is one short query, and is answered the same whenever it is asked,
/// because entries do not change: pages need no open transaction.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pool: SqlitePool,
}

fn failed(error: sqlx::Error) -> EditError {
    match error {
        sqlx::Error::PoolClosed => EditError::Closed,
        error => EditError::storage("read its log", error),
    }
}

impl Reader {
    /// Of the database at `path`, which is open for writing.
    pub(crate) fn new(path: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT)
            // Rows that wait for whoever reads them: each time there are none, two threads change places.
            .row_buffer_size(ROW_BUFFER);
        Self { pool: SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_lazy_with(options) }
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Waits for the queries that run, and refuses later ones.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// All edits that stand, in the order of the entries that made them stand: rows of the log, a part at a time. Ends early
    /// when nobody takes them any more.
    ///
    /// Which entry of an edit is its last is read off the index over all edits, in one pass; looking it up for each entry
    /// reads that index at a million random places.
    pub(crate) async fn all_standing(&self, parts: mpsc::Sender<Vec<SqliteRow>>) -> Result<(), EditError> {
        let mut connection = self.pool.acquire().await.map_err(failed)?.detach();
        for statement in STANDING {
            sqlx::query(statement).execute(&mut connection).await.map_err(failed)?;
        }
        let sql = format!(
            "SELECT {EDIT_COLUMNS} FROM temp.standing s CROSS JOIN edit_log l ON l.seq = s.seq
             WHERE l.op IN ('add', 'supersede', 'restore') ORDER BY s.seq"
        );
        {
            let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut connection);
            let mut part = Vec::with_capacity(LOAD_PART);
            while let Some(row) = rows.try_next().await.map_err(failed)? {
                part.push(row);
                if part.len() == LOAD_PART {
                    let full = std::mem::replace(&mut part, Vec::with_capacity(LOAD_PART));
                    if parts.send(full).await.is_err() {
                        break;
                    }
                }
            }
            // Whoever takes no more has failed, and says so.
            drop(parts.send(part).await);
        }
        connection.close().await.map_err(failed)
    }

    /// Fails on the first entry that this version does not know.
    pub(crate) async fn check(&self) -> Result<(), EditError> {
        let strange = sqlx::query(
            "SELECT seq, op FROM edit_log
             WHERE op NOT IN ('add', 'supersede', 'restore', 'retire', 'displace') ORDER BY seq LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?;
        match strange {
            None => Ok(()),
            Some(row) => Err(EditError::UnknownOperation {
                seq: Seq::new(row.try_get(0).map_err(failed)?),
                op: row.try_get(1).map_err(failed)?,
            }),
        }
    }

    /// The last entry of the log.
    pub(crate) async fn through(&self) -> Result<Seq, EditError> {
        let row = sqlx::query("SELECT coalesce(max(seq), 0) FROM edit_log")
            .fetch_one(&self.pool)
            .await
            .map_err(failed)?;
        Ok(Seq::new(row.try_get(0).map_err(failed)?))
    }

    /// Entries in order, of one tenant or of all.
    pub(crate) async fn operations(
        &self,
        part: Part,
        tenant: Option<&TenantId>,
    ) -> Result<Operations, EditError> {
        let Part { after, through, limit } = part;
        let of = if tenant.is_some() { "tenant = ?4 AND " } else { "" };
        let sql = format!(
            "SELECT {COLUMNS} FROM edit_log l WHERE {of}seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3"
        );
        let mut query =
            sqlx::query(AssertSqlSafe(sql)).bind(after.get()).bind(through.get()).bind(count(limit));
        if let Some(tenant) = tenant {
            query = query.bind(tenant.as_str());
        }
        let rows = query.fetch_all(&self.pool).await.map_err(failed)?;
        let operations = operations(rows).await?;
        let next = operations.last().map(|last| last.seq).filter(|_| operations.len() == limit);
        Ok(Operations { operations, next })
    }

    /// Entries about one edit, in order.
    pub(crate) async fn history(
        &self,
        tenant: &TenantId,
        id: &EditId,
        part: Part,
    ) -> Result<Operations, EditError> {
        let Part { after, through, limit } = part;
        let sql = format!(
            "SELECT {COLUMNS} FROM edit_log l
             WHERE tenant = ?1 AND edit_id = ?2 AND seq > ?3 AND seq <= ?4 ORDER BY seq LIMIT ?5"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(tenant.as_str()).bind(id.as_str());
        let query = query.bind(after.get()).bind(through.get()).bind(count(limit));
        let rows = query.fetch_all(&self.pool).await.map_err(failed)?;
        let operations = operations(rows).await?;
        let next = operations.last().map(|last| last.seq).filter(|_| operations.len() == limit);
        Ok(Operations { operations, next })
    }

    /// The edits of a tenant that stood after `part.through`, the oldest version first: those whose versions come after
    /// `part.after`.
    pub(crate) async fn standing(&self, part: Part, tenant: &TenantId) -> Result<PastEdits, EditError> {
        let Part { after, through, limit } = part;
        let query = sqlx::query(AssertSqlSafe(standing())).bind(after.get()).bind(through.get());
        let query = query.bind(count(limit)).bind(tenant.as_str());
        let rows = query.fetch_all(&self.pool).await.map_err(failed)?;
        let edits = versions(operations(rows).await?);
        let next = edits.last().map(|last| last.seq).filter(|_| edits.len() == limit);
        Ok(PastEdits { edits, next })
    }

    /// The last entry about an edit up to `through`, and the last one that made a version stand.
    pub(crate) async fn last_of(
        &self,
        tenant: &TenantId,
        id: &EditId,
        through: Seq,
    ) -> Result<Option<(Operation, Operation)>, EditError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM edit_log l WHERE seq IN (
                 SELECT max(seq) FROM edit_log WHERE tenant = ?1 AND edit_id = ?2 AND seq <= ?3
                 UNION SELECT max(seq) FROM edit_log WHERE tenant = ?1 AND edit_id = ?2 AND seq <= ?3
                       AND op IN ('add', 'supersede', 'restore'))
             ORDER BY seq"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(tenant.as_str()).bind(id.as_str());
        let rows = query.bind(through.get()).fetch_all(&self.pool).await.map_err(failed)?;
        let found: Vec<Operation> = rows.iter().map(operation).collect::<Result<_, _>>()?;
        Ok(found.first().cloned().zip(found.last().cloned()).map(|(version, last)| (last, version)))
    }

    /// What tells the state after `to` from that after `from`, for `limit` edits that were changed between them.
    pub(crate) async fn differences(
        &self,
        tenant: &TenantId,
        (from, to): (Seq, Seq),
        (limit, after): (usize, Option<&EditId>),
    ) -> Result<Differences, EditError> {
        let rows = sqlx::query(
            "SELECT edit_id,
                    (SELECT max(seq) FROM edit_log s WHERE s.tenant = ?1 AND s.edit_id = touched.edit_id
                            AND s.seq <= ?2),
                    (SELECT max(seq) FROM edit_log s WHERE s.tenant = ?1 AND s.edit_id = touched.edit_id
                            AND s.seq <= ?3)
             FROM (SELECT DISTINCT edit_id FROM edit_log WHERE tenant = ?1 AND edit_id > ?4
                          AND seq > min(?2, ?3) AND seq <= max(?2, ?3) ORDER BY edit_id LIMIT ?5) AS touched
             ORDER BY edit_id",
        )
        .bind(tenant.as_str())
        .bind(from.get())
        .bind(to.get())
        .bind(after.map_or("", EditId::as_str))
        .bind(count(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        let mut touched = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = EditId::new(row.try_get::<&str, _>(0).map_err(failed)?)
                .map_err(|error| EditError::storage("read its log", error))?;
            let seq = |column| row.try_get::<Option<i64>, _>(column).map_err(failed);
            touched.push((id, seq(1)?, seq(2)?));
        }
        let next = touched.last().map(|(id, ..)| id.clone()).filter(|_| touched.len() == limit);
        let wanted = touched.iter().flat_map(|(_, a, b)| [*a, *b]).flatten().collect();
        let entries = self.entries(wanted).await?;
        let stood = |seq: Option<i64>| seq.and_then(|seq| entries.get(&seq)).cloned();
        let differences = touched.iter().filter_map(|(_, a, b)| difference(stood(*a), stood(*b))).collect();
        Ok(Differences { differences, next })
    }

    /// The versions that these entries made stand.
    async fn entries(&self, seqs: Vec<i64>) -> Result<HashMap<i64, Arc<Edit>>, EditError> {
        let seqs = serde_json::to_string(&seqs).map_err(|error| EditError::storage("read its log", error))?;
        let sql = format!("SELECT {COLUMNS} FROM edit_log l WHERE seq IN (SELECT value FROM json_each(?1))");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(seqs).fetch_all(&self.pool).await.map_err(failed)?;
        let stands = |operation: Operation| match operation.change {
            Change::Add(edit) | Change::Supersede(edit) | Change::Restore(edit) => {
                Some((operation.seq.get(), edit))
            }
            Change::Retire | Change::Displace { .. } => None,
        };
        Ok(operations(rows).await?.into_iter().filter_map(stands).collect())
    }
}

/// The entries that made versions of tenant ?4 stand which stood after entry ?2 and come after ?1, in the order of versions
/// (not of entries: what was restored is as old as it was). The order is that of an index, so a page reads what it gives
/// and what is gone in between.
fn standing() -> String {
    format!(
        "SELECT {COLUMNS} FROM edit_log l
         WHERE l.tenant = ?4 AND coalesce(l.version, l.seq) > ?1 AND l.seq <= ?2
               AND l.op IN ('add', 'supersede', 'restore')
               AND NOT EXISTS (SELECT 1 FROM edit_log later WHERE later.tenant = l.tenant
                               AND later.edit_id = l.edit_id AND later.seq > l.seq AND later.seq <= ?2)
         ORDER BY coalesce(l.version, l.seq) LIMIT ?3"
    )
}

fn difference(before: Option<Arc<Edit>>, after: Option<Arc<Edit>>) -> Option<Difference> {
    match (before, after) {
        (None, Some(edit)) => Some(Difference::Added(edit)),
        (Some(edit), None) => Some(Difference::Removed(edit)),
        (Some(before), Some(after)) if before.seq != after.seq => Some(Difference::Changed { before, after }),
        _ => None,
    }
}
