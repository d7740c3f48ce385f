//! The rows of canaries.

use super::{CanaryError, tally::Counts};
use crate::revisions::{from_word, word};
use amend_proto::{
    CanaryId, GateId, RevisionId,
    wire::{CanaryObject, CanaryState, CanaryTag},
};
use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};

type Connection = SqliteConnection;

const SELECT: &str =
    "SELECT id, candidate, live, share, answers, then_what, gate, state, reason, of_live, of_candidate,
     created_at, ended_at FROM canaries";

fn canary(row: &SqliteRow) -> Result<CanaryObject, CanaryError> {
    let damaged = |error: amend_proto::InvalidId| sqlx::Error::Decode(error.into());
    let gate: Option<&str> = row.try_get(6)?;
    Ok(CanaryObject {
        id: CanaryId::new(row.try_get::<&str, _>(0)?).map_err(damaged)?,
        object: CanaryTag::Tag,
        candidate: RevisionId::new(row.try_get::<&str, _>(1)?).map_err(damaged)?,
        live: RevisionId::new(row.try_get::<&str, _>(2)?).map_err(damaged)?,
        share: row.try_get(3)?,
        answers: u64::try_from(row.try_get::<i64, _>(4)?).unwrap_or_default(),
        then: from_word(row.try_get(5)?)?,
        forced: gate.is_none(),
        gate: gate.map(GateId::new).transpose().map_err(damaged)?,
        state: from_word(row.try_get(7)?)?,
        reason: row.try_get(8)?,
        of_live: serde_json::from_str(row.try_get(9)?)?,
        of_candidate: serde_json::from_str(row.try_get(10)?)?,
        created_at: row.try_get(11)?,
        ended_at: row.try_get(12)?,
    })
}

/// Puts one that runs on the record, unless another one runs.
pub(super) async fn insert(
    connection: &mut Connection,
    line: &str,
    new: &CanaryObject,
) -> Result<(), CanaryError> {
    if let Some(running) = running(connection, line).await? {
        return Err(CanaryError::UnderWay(running.id));
    }
    sqlx::query(
        "INSERT INTO canaries (id, line, candidate, live, share, answers, then_what, gate, state, of_live, of_candidate,
         created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'running', ?9, ?10, ?11)",
    )
    .bind(new.id.as_str())
    .bind(line)
    .bind(new.candidate.as_str())
    .bind(new.live.as_str())
    .bind(new.share)
    .bind(i64::try_from(new.answers).unwrap_or(i64::MAX))
    .bind(word(new.then)?)
    .bind(new.gate.as_ref().map(GateId::as_str))
    .bind(serde_json::to_string(&new.of_live)?)
    .bind(serde_json::to_string(&new.of_candidate)?)
    .bind(new.created_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// The one that runs.
pub(super) async fn running(
    connection: &mut Connection,
    line: &str,
) -> Result<Option<CanaryObject>, CanaryError> {
    let sql = format!("{SELECT} WHERE line = ?1 AND state = 'running'");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(line).fetch_optional(connection).await?;
    row.as_ref().map(canary).transpose()
}

pub(super) async fn get(
    connection: &mut Connection,
    id: &CanaryId,
) -> Result<Option<CanaryObject>, CanaryError> {
    let sql = format!("{SELECT} WHERE id = ?1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(canary).transpose()
}

/// `limit` canaries that are older than one, newest first. Ids ascend in time.
pub(super) async fn list(
    connection: &mut Connection,
    line: &str,
    (before, limit): (Option<&CanaryId>, i64),
) -> Result<Vec<CanaryObject>, CanaryError> {
    let sql = format!("{SELECT} WHERE line = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(line)
        .bind(before.map(CanaryId::as_str))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter().map(canary).collect()
}

/// Keeps what was counted, of one that runs.
pub(super) async fn keep(
    connection: &mut Connection,
    id: &CanaryId,
    counts: &Counts,
) -> Result<(), CanaryError> {
    sqlx::query("UPDATE canaries SET of_live = ?2, of_candidate = ?3 WHERE id = ?1 AND state = 'running'")
        .bind(id.as_str())
        .bind(serde_json::to_string(&counts.live)?)
        .bind(serde_json::to_string(&counts.candidate)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends one that runs. Whether this did it: not when it has ended before.
pub(super) async fn end(
    connection: &mut Connection,
    id: &CanaryId,
    (state, reason, at): (CanaryState, &str, i64),
) -> Result<bool, CanaryError> {
    let sql =
        "UPDATE canaries SET state = ?2, reason = ?3, ended_at = ?4 WHERE id = ?1 AND state = 'running'";
    let done = sqlx::query(sql)
        .bind(id.as_str())
        .bind(word(state)?)
        .bind(reason)
        .bind(at)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}
