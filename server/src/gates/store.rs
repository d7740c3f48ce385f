//! The rows of gates.

use super::GateError;
use crate::revisions::{from_word, word};
use amend_proto::{
    GateId, JobId, RevisionId,
    wire::{
        GateAction, GateObject, GateOrigin, GatePolicy, GateReason, GateState, GateTag, GateVerdict, JobState,
    },
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};

type Connection = SqliteConnection;

/// A gate that is put on the record; its job is there.
#[derive(Debug, Clone)]
pub(super) struct NewGate {
    pub(super) id: GateId,
    pub(super) line: String,
    pub(super) candidate: RevisionId,
    pub(super) key: GateKey,
    pub(super) on_verdict: GateAction,
    pub(super) origin: GateOrigin,
    pub(super) at: i64,
}

/// What a verdict holds for, besides the two revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateKey {
    /// What decides.
    pub policy: GatePolicy,
    /// The judges and their versions, in the policy's order.
    pub judges: Vec<String>,
}

/// What a gate found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) live: RevisionId,
    pub(super) verdict: GateVerdict,
    pub(super) reasons: Vec<GateReason>,
    pub(super) decision: Value,
    pub(super) at: i64,
}

/// With the state of its job, which may be forgotten by now.
const SELECT: &str =
    "SELECT gates.id, candidate, live, policy_name, policy_fingerprint, judges, on_verdict, verdict,
     reasons, decision, job, gates.created_at, coalesce(gates.ended_at, jobs.ended_at), jobs.state, origin
     FROM gates LEFT JOIN jobs ON jobs.id = gates.job";

fn gate(row: &SqliteRow) -> Result<GateObject, GateError> {
    let damaged = |error: amend_proto::InvalidId| sqlx::Error::Decode(error.into());
    let live: Option<&str> = row.try_get(2)?;
    let verdict: Option<&str> = row.try_get(7)?;
    let verdict: Option<GateVerdict> = verdict.map(from_word).transpose()?;
    let (reasons, decision): (Option<&str>, Option<&str>) = (row.try_get(8)?, row.try_get(9)?);
    let job: Option<&str> = row.try_get(13)?;
    Ok(GateObject {
        id: GateId::new(row.try_get::<&str, _>(0)?).map_err(damaged)?,
        object: GateTag::Tag,
        candidate: RevisionId::new(row.try_get::<&str, _>(1)?).map_err(damaged)?,
        live: live.map(RevisionId::new).transpose().map_err(damaged)?,
        policy: GatePolicy { name: row.try_get(3)?, fingerprint: row.try_get(4)? },
        judges: serde_json::from_str(row.try_get(5)?)?,
        on_verdict: from_word(row.try_get(6)?)?,
        origin: from_word(row.try_get(14)?)?,
        state: state(verdict, job.map(from_word).transpose()?),
        verdict,
        reasons: reasons.map(serde_json::from_str).transpose()?.unwrap_or_default(),
        decision: decision.map(serde_json::from_str).transpose()?,
        job: JobId::new(row.try_get::<&str, _>(10)?).map_err(damaged)?,
        created_at: row.try_get(11)?,
        ended_at: row.try_get(12)?,
    })
}

/// A verdict is the last word; without one it is the job's. A job that has ended, or is forgotten, without a verdict could
/// not measure.
fn state(verdict: Option<GateVerdict>, job: Option<JobState>) -> GateState {
    match (verdict, job) {
        (Some(GateVerdict::Pass), _) => GateState::Pass,
        (Some(GateVerdict::Fail), _) => GateState::Fail,
        (Some(GateVerdict::Inconclusive), _) => GateState::Inconclusive,
        (None, Some(JobState::Queued)) => GateState::Queued,
        (None, Some(JobState::Running | JobState::Paused)) => GateState::Running,
        (None, Some(JobState::Cancelled)) => GateState::Cancelled,
        (None, Some(JobState::Done | JobState::Failed) | None) => GateState::Error,
    }
}

/// The gate of a revision that is under way.
pub(super) async fn under_way(
    connection: &mut Connection,
    line: &str,
    candidate: &RevisionId,
) -> Result<Option<GateId>, GateError> {
    let sql = "SELECT gates.id FROM gates JOIN jobs ON jobs.id = gates.job
               WHERE line = ?1 AND candidate = ?2 AND verdict IS NULL AND jobs.state IN ('queued', 'running', 'paused')";
    let row = sqlx::query(sql).bind(line).bind(candidate.as_str()).fetch_optional(connection).await?;
    let damaged = |error: amend_proto::InvalidId| sqlx::Error::Decode(error.into());
    row.map(|row| Ok(GateId::new(row.try_get::<&str, _>(0)?).map_err(damaged)?)).transpose()
}

pub(super) async fn insert(
    connection: &mut Connection,
    new: &NewGate,
    job: &JobId,
) -> Result<GateObject, GateError> {
    sqlx::query(
        "INSERT INTO gates (id, job, line, candidate, policy_name, policy_fingerprint, judges, on_verdict, created_at,
         origin) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(new.id.as_str())
    .bind(job.as_str())
    .bind(&new.line)
    .bind(new.candidate.as_str())
    .bind(&new.key.policy.name)
    .bind(&new.key.policy.fingerprint)
    .bind(serde_json::to_string(&new.key.judges)?)
    .bind(word(new.on_verdict)?)
    .bind(new.at)
    .bind(word(new.origin)?)
    .execute(&mut *connection)
    .await?;
    get(connection, &new.id).await?.ok_or_else(|| GateError::NotFound(new.id.to_string()))
}

pub(super) async fn get(connection: &mut Connection, id: &GateId) -> Result<Option<GateObject>, GateError> {
    let sql = format!("{SELECT} WHERE gates.id = ?1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(gate).transpose()
}

/// `limit` gates that are older than one, newest first. Ids ascend in time.
pub(super) async fn list(
    connection: &mut Connection,
    line: &str,
    (before, limit): (Option<&GateId>, i64),
) -> Result<Vec<GateObject>, GateError> {
    let sql =
        format!("{SELECT} WHERE line = ?1 AND (?2 IS NULL OR gates.id < ?2) ORDER BY gates.id DESC LIMIT ?3");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(line)
        .bind(before.map(GateId::as_str))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter().map(gate).collect()
}

/// Puts what a gate found on the record. What is there already stays.
pub(super) async fn decide(connection: &mut Connection, id: &GateId, found: &Found) -> Result<(), GateError> {
    sqlx::query(
        "UPDATE gates SET live = ?2, verdict = ?3, reasons = ?4, decision = ?5, ended_at = ?6
         WHERE id = ?1 AND verdict IS NULL",
    )
    .bind(id.as_str())
    .bind(found.live.as_str())
    .bind(word(found.verdict)?)
    .bind(serde_json::to_string(&found.reasons)?)
    .bind(found.decision.to_string())
    .bind(found.at)
    .execute(connection)
    .await?;
    Ok(())
}

/// The newest verdict on a revision, against that live one and by that key.
pub(super) async fn newest_verdict(
    connection: &mut Connection,
    (line, candidate, live): (&str, &RevisionId, &RevisionId),
    key: &GateKey,
) -> Result<Option<(GateId, GateVerdict)>, GateError> {
    let sql = "SELECT id, verdict FROM gates WHERE line = ?1 AND candidate = ?2 AND live = ?3
               AND policy_fingerprint = ?4 AND judges = ?5 AND verdict IS NOT NULL ORDER BY id DESC LIMIT 1";
    let row = sqlx::query(sql)
        .bind(line)
        .bind(candidate.as_str())
        .bind(live.as_str())
        .bind(&key.policy.fingerprint)
        .bind(serde_json::to_string(&key.judges)?)
        .fetch_optional(connection)
        .await?;
    let damaged = |error: amend_proto::InvalidId| sqlx::Error::Decode(error.into());
    let read = |row: SqliteRow| -> Result<(GateId, GateVerdict), GateError> {
        let id = GateId::new(row.try_get::<&str, _>(0)?).map_err(damaged)?;
        Ok((id, from_word(row.try_get(1)?)?))
    };
    row.map(read).transpose()
}

/// The newest verdict on a revision, whatever it was compared with.
pub(super) async fn newest_of(
    connection: &mut Connection,
    (line, candidate): (&str, &RevisionId),
) -> Result<Option<GateVerdict>, GateError> {
    let sql = "SELECT verdict FROM gates WHERE line = ?1 AND candidate = ?2 AND verdict IS NOT NULL
               ORDER BY id DESC LIMIT 1";
    let row = sqlx::query(sql).bind(line).bind(candidate.as_str()).fetch_optional(connection).await?;
    row.map(|row| Ok(from_word(row.try_get(0)?)?)).transpose()
}

/// When the newest gate of a revision was begun on schedule, Unix seconds.
pub(super) async fn newest_scheduled(
    connection: &mut Connection,
    (line, candidate): (&str, &RevisionId),
) -> Result<Option<i64>, GateError> {
    let sql = "SELECT max(created_at) FROM gates WHERE line = ?1 AND candidate = ?2 AND origin = 'schedule'";
    Ok(sqlx::query(sql).bind(line).bind(candidate.as_str()).fetch_one(connection).await?.try_get(0)?)
}
