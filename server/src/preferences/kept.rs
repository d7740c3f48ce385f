//! Completions that are kept so that feedback can find them.

use super::{
    PreferenceError,
    records::{self, Page, Placed},
};
use amend_proto::{
    CompletionId, FinishReason, ModelId, TenantId,
    wire::{KeepRule, TokenUsage},
};
use amend_trainer::preference::{KeptCompletion, UnixMillis};
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::collections::HashMap;

/// A completion that is kept, with what its answer told besides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What feedback is about.
    pub completion: KeptCompletion,
    /// The model, as clients name it.
    pub model: ModelId,
    /// Why each answer ended.
    pub finish: Vec<FinishReason>,
    /// The token counts.
    pub usage: TokenUsage,
    /// Who asked, as the client named them.
    pub user: Option<String>,
    /// When.
    pub at: UnixMillis,
}

/// How much was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Completions.
    pub completions: u64,
    /// What was said of answers.
    pub feedback: u64,
    /// Pairs.
    pub pairs: u64,
}

const ALL: &str = "all";
const ASKED: &str = "asked";

pub(super) async fn rules(c: &mut SqliteConnection) -> Result<HashMap<TenantId, KeepRule>, PreferenceError> {
    let rows = sqlx::query("SELECT tenant, keep FROM keeping").fetch_all(c).await?;
    let rule = |row: &SqliteRow| -> Result<_, PreferenceError> {
        let tenant = TenantId::new(row.try_get::<&str, _>(0)?).map_err(|e| sqlx::Error::Decode(e.into()))?;
        let keep = if row.try_get::<&str, _>(1)? == ALL { KeepRule::All } else { KeepRule::Asked };
        Ok((tenant, keep))
    };
    rows.iter().map(rule).collect()
}

pub(super) async fn set_rule(
    c: &mut SqliteConnection,
    tenant: TenantId,
    rule: KeepRule,
) -> Result<(), PreferenceError> {
    let keep = match rule {
        KeepRule::Asked => ASKED,
        KeepRule::All => ALL,
    };
    sqlx::query("INSERT OR REPLACE INTO keeping (tenant, keep) VALUES (?1, ?2)")
        .bind(tenant.as_str())
        .bind(keep)
        .execute(c)
        .await?;
    Ok(())
}

pub(super) async fn insert(c: &mut SqliteConnection, kept: &Kept) -> Result<(), PreferenceError> {
    let record = serde_json::to_string(kept)?;
    sqlx::query("INSERT INTO completions (tenant, id, user, at, record) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(kept.completion.tenant.as_str())
        .bind(kept.completion.id.as_str())
        .bind(kept.user.as_deref())
        .bind(kept.at.0)
        .bind(record)
        .execute(c)
        .await?;
    Ok(())
}

/// With what was said of them.
pub(super) async fn remove_older(c: &mut SqliteConnection, since: UnixMillis) -> Result<(), PreferenceError> {
    sqlx::query("DELETE FROM completions WHERE at < ?1").bind(since.0).execute(c).await?;
    Ok(())
}

/// The newest `limit` of all tenants, newest first.
pub(super) async fn newest(
    c: &mut SqliteConnection,
    since: UnixMillis,
    limit: usize,
) -> Result<Vec<Placed>, PreferenceError> {
    let sql = "SELECT seq, record FROM completions WHERE at >= ?1 ORDER BY seq DESC LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sqlx::query(sql).bind(since.0).bind(limit).fetch_all(c).await?;
    Ok(rows.iter().map(records::placed).collect::<Result<_, _>>()?)
}

/// Removes the oldest of a tenant, so that `most` are left.
pub(super) async fn remove_beyond(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    most: u64,
) -> Result<(), PreferenceError> {
    let row = sqlx::query("SELECT completions FROM tallies WHERE tenant = ?1")
        .bind(tenant.as_str())
        .fetch_optional(&mut *c)
        .await?;
    let held: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
    let beyond = held.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX));
    if beyond > 0 {
        sqlx::query(
            "DELETE FROM completions WHERE seq IN
             (SELECT seq FROM completions WHERE tenant = ?1 ORDER BY seq LIMIT ?2)",
        )
        .bind(tenant.as_str())
        .bind(beyond)
        .execute(c)
        .await?;
    }
    Ok(())
}

/// A completion and its place, unless it is from before `since`; read on the calling thread: for writes, which have one of
/// their own.
pub(super) async fn find(
    c: &mut SqliteConnection,
    (tenant, id): (&TenantId, &CompletionId),
    since: UnixMillis,
) -> Result<Option<(i64, Kept)>, PreferenceError> {
    let found = record(c, (tenant, id), since).await?;
    found.map(|(seq, record)| Ok((seq, serde_json::from_str(&record)?))).transpose()
}

/// The same, not read yet.
pub(super) async fn record(
    c: &mut SqliteConnection,
    (tenant, id): (&TenantId, &CompletionId),
    since: UnixMillis,
) -> Result<Option<Placed>, PreferenceError> {
    let row = sqlx::query("SELECT seq, record FROM completions WHERE tenant = ?1 AND id = ?2 AND at >= ?3")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .bind(since.0)
        .fetch_optional(c)
        .await?;
    Ok(row.as_ref().map(records::placed).transpose()?)
}

pub(super) async fn list(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    user: Option<&str>,
    since: UnixMillis,
    (after, limit): (i64, usize),
) -> Result<Page, PreferenceError> {
    let query = sqlx::query(
        "SELECT seq, record FROM completions
         WHERE tenant = ?1 AND (?2 IS NULL OR user = ?2) AND at >= ?3 AND seq > ?4 ORDER BY seq LIMIT ?5",
    )
    .bind(tenant.as_str())
    .bind(user)
    .bind(since.0)
    .bind(after)
    .bind(records::one_more(limit));
    Ok(records::page(query.fetch(c), limit).await?)
}

pub(super) async fn forget(
    c: &mut SqliteConnection,
    tenant: TenantId,
    id: CompletionId,
) -> Result<Forgotten, PreferenceError> {
    let row = sqlx::query(
        "SELECT seq, (SELECT count(*) FROM feedback WHERE completion = completions.seq) FROM completions
         WHERE tenant = ?1 AND id = ?2",
    )
    .bind(tenant.as_str())
    .bind(id.as_str())
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = row else { return Err(PreferenceError::no_completion(id)) };
    let (seq, feedback): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    sqlx::query("DELETE FROM completions WHERE seq = ?1").bind(seq).execute(c).await?;
    Ok(Forgotten { completions: 1, feedback: feedback.unsigned_abs(), pairs: 0 })
}

pub(super) async fn forget_user(
    c: &mut SqliteConnection,
    tenant: TenantId,
    user: String,
) -> Result<Forgotten, PreferenceError> {
    let (tenant, user) = (tenant.as_str(), user.as_str());
    let sql = "DELETE FROM pairs WHERE tenant = ?1 AND (user = ?2 OR other_user = ?2 OR author = ?2)";
    let pairs = sqlx::query(sql).bind(tenant).bind(user).execute(&mut *c).await?.rows_affected();
    // Also what the user said of the answers of others.
    let sql = "DELETE FROM feedback WHERE tenant = ?1 AND (record ->> 'author' = ?2
               OR completion IN (SELECT seq FROM completions WHERE tenant = ?1 AND user = ?2))";
    let feedback = sqlx::query(sql).bind(tenant).bind(user).execute(&mut *c).await?.rows_affected();
    let sql = "DELETE FROM completions WHERE tenant = ?1 AND user = ?2";
    let completions = sqlx::query(sql).bind(tenant).bind(user).execute(c).await?.rows_affected();
    Ok(Forgotten { completions, feedback, pairs })
}
