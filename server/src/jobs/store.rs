//! The rows of jobs.

use super::JobError;
use crate::revisions::{from_word, word};
use amend_proto::{
    JobId,
    wire::{JobKind, JobLine, JobLineTag, JobObject, JobProgress, JobState, JobTag},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};

/// Lines that are kept of a job.
const KEPT_LINES: i64 = 1_000;
/// Ended jobs that are kept.
const KEPT_JOBS: i64 = 1_000;
/// A job that takes the daemon down with it must not do so for ever.
const MOST_STARTS: i64 = 5;

const COLUMNS: &str =
    "id, kind, state, progress, created_at, started_at, ended_at, starts, config, result, reason";

type Connection = SqliteConnection;

fn job(row: &SqliteRow) -> Result<JobObject, JobError> {
    let damaged = |error: amend_proto::InvalidId| sqlx::Error::Decode(error.into());
    let result: Option<&str> = row.try_get(9)?;
    Ok(JobObject {
        id: JobId::new(row.try_get::<&str, _>(0)?).map_err(damaged)?,
        object: JobTag::Tag,
        kind: from_word(row.try_get(1)?)?,
        state: from_word(row.try_get(2)?)?,
        progress: serde_json::from_str(row.try_get(3)?)?,
        created_at: row.try_get(4)?,
        started_at: row.try_get(5)?,
        ended_at: row.try_get(6)?,
        starts: u64::try_from(row.try_get::<i64, _>(7)?).unwrap_or_default(),
        config: serde_json::from_str(row.try_get(8)?)?,
        result: result.map(serde_json::from_str).transpose()?,
        reason: row.try_get(10)?,
    })
}

pub(super) async fn insert(
    connection: &mut Connection,
    (id, kind): (&JobId, JobKind),
    config: &Value,
    at: i64,
) -> Result<JobObject, JobError> {
    sqlx::query(
        "INSERT INTO jobs (id, kind, state, created_at, config, progress) VALUES (?1, ?2, 'queued', ?3, ?4, ?5)",
    )
    .bind(id.as_str())
    .bind(word(kind)?)
    .bind(at)
    .bind(config.to_string())
    .bind(serde_json::to_string(&JobProgress::default())?)
    .execute(&mut *connection)
    .await?;
    // What is dropped has ended long ago.
    sqlx::query(
        "DELETE FROM jobs WHERE ended_at IS NOT NULL AND id NOT IN
         (SELECT id FROM jobs ORDER BY id DESC LIMIT ?1)",
    )
    .bind(KEPT_JOBS)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM job_log WHERE job NOT IN (SELECT id FROM jobs)")
        .execute(&mut *connection)
        .await?;
    get(connection, id).await?.ok_or_else(|| JobError::NotFound(id.to_string()))
}

pub(super) async fn get(connection: &mut Connection, id: &JobId) -> Result<Option<JobObject>, JobError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(job).transpose()
}

/// `limit` jobs that are older than one, newest first. Ids ascend in time.
pub(super) async fn list(
    connection: &mut Connection,
    before: Option<&JobId>,
    limit: i64,
) -> Result<Vec<JobObject>, JobError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2");
    let before = before.map(JobId::as_str);
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(before).bind(limit).fetch_all(connection).await?;
    rows.iter().map(job).collect()
}

/// The newest job of a kind.
pub(super) async fn newest(
    connection: &mut Connection,
    kind: JobKind,
) -> Result<Option<JobObject>, JobError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE kind = ?1 ORDER BY id DESC LIMIT 1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(word(kind)?).fetch_optional(connection).await?;
    row.as_ref().map(job).transpose()
}

/// How many wait.
pub(super) async fn waiting(connection: &mut Connection) -> Result<i64, JobError> {
    let row = sqlx::query("SELECT count(*) FROM jobs WHERE state = 'queued'").fetch_one(connection).await?;
    Ok(row.try_get(0)?)
}

/// Takes the oldest job that waits.
pub(super) async fn claim(connection: &mut Connection, at: i64) -> Result<Option<JobObject>, JobError> {
    let sql = format!(
        "UPDATE jobs SET state = 'running', starts = starts + 1, started_at = coalesce(started_at, ?1)
         WHERE id = (SELECT id FROM jobs WHERE state = 'queued' ORDER BY id LIMIT 1) RETURNING {COLUMNS}"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(at).fetch_optional(connection).await?;
    row.as_ref().map(job).transpose()
}

/// What was being done when the daemon went down is done again; what was begun too often has failed.
pub(super) async fn recover(connection: &mut Connection, at: i64) -> Result<(), JobError> {
    sqlx::query(
        "UPDATE jobs SET state = 'failed', ended_at = ?1,
         reason = 'the daemon went down while it ran, ' || starts || ' times; it is not tried again'
         WHERE state IN ('running', 'paused') AND starts >= ?2",
    )
    .bind(at)
    .bind(MOST_STARTS)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO job_log (job, at, line)
         SELECT id, ?1, 'the daemon went down while it ran; it goes on' FROM jobs WHERE state IN ('running', 'paused')",
    )
    .bind(at)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE jobs SET state = 'queued' WHERE state IN ('running', 'paused')")
        .execute(connection)
        .await?;
    Ok(())
}

/// How far the running job is.
pub(super) async fn report(
    connection: &mut Connection,
    id: &JobId,
    (state, progress): (JobState, &JobProgress),
) -> Result<(), JobError> {
    sqlx::query("UPDATE jobs SET state = ?2, progress = ?3 WHERE id = ?1 AND state IN ('running', 'paused')")
        .bind(id.as_str())
        .bind(word(state)?)
        .bind(serde_json::to_string(progress)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// How a job ended, or that it waits again.
pub(super) async fn end(
    connection: &mut Connection,
    id: &JobId,
    (state, at): (JobState, i64),
    (result, reason): (Option<&Value>, Option<&str>),
) -> Result<(), JobError> {
    sqlx::query("UPDATE jobs SET state = ?2, ended_at = ?3, result = ?4, reason = ?5 WHERE id = ?1")
        .bind(id.as_str())
        .bind(word(state)?)
        .bind(state.is_final().then_some(at))
        .bind(result.map(Value::to_string))
        .bind(reason)
        .execute(connection)
        .await?;
    Ok(())
}

/// Calls off a job that waits; whether it did.
pub(super) async fn cancel_waiting(
    connection: &mut Connection,
    id: &JobId,
    at: i64,
) -> Result<bool, JobError> {
    let done =
        sqlx::query("UPDATE jobs SET state = 'cancelled', ended_at = ?2 WHERE id = ?1 AND state = 'queued'")
            .bind(id.as_str())
            .bind(at)
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a failed job back in the queue; whether it did.
pub(super) async fn try_again(connection: &mut Connection, id: &JobId, at: i64) -> Result<bool, JobError> {
    let sql =
        "UPDATE jobs SET state = 'queued', ended_at = NULL, reason = NULL WHERE id = ?1 AND state = 'failed'";
    let done = sqlx::query(sql).bind(id.as_str()).execute(&mut *connection).await?;
    let did = done.rows_affected() == 1;
    if did {
        add_lines(connection, id, &[(at, "it is tried again".to_owned())]).await?;
    }
    Ok(did)
}

pub(super) async fn add_lines(
    connection: &mut Connection,
    id: &JobId,
    lines: &[(i64, String)],
) -> Result<(), JobError> {
    for (at, line) in lines {
        sqlx::query("INSERT INTO job_log (job, at, line) VALUES (?1, ?2, ?3)")
            .bind(id.as_str())
            .bind(at)
            .bind(line)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "DELETE FROM job_log WHERE job = ?1 AND seq <=
         (SELECT seq FROM job_log WHERE job = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
    )
    .bind(id.as_str())
    .bind(KEPT_LINES)
    .execute(connection)
    .await?;
    Ok(())
}

/// `limit` lines of a job's log after one.
pub(super) async fn lines(
    connection: &mut Connection,
    id: &JobId,
    (after, limit): (i64, i64),
) -> Result<Vec<JobLine>, JobError> {
    let sql = "SELECT seq, at, line FROM job_log WHERE job = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let rows = sqlx::query(sql).bind(id.as_str()).bind(after).bind(limit).fetch_all(connection).await?;
    let line = |row: &SqliteRow| -> Result<JobLine, JobError> {
        Ok(JobLine {
            object: JobLineTag::Tag,
            seq: row.try_get(0)?,
            at: row.try_get(1)?,
            line: row.try_get(2)?,
        })
    };
    rows.iter().map(line).collect()
}
