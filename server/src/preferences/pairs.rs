//! Pairs in the ledger.

use super::PreferenceError;
use amend_proto::{PairId, TenantId};
use amend_trainer::preference::{Pair, PairSource};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

/// A pair and its place in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPair {
    /// Ascends, with gaps, over all tenants; never used again.
    pub seq: i64,
    /// The pair.
    pub pair: Pair,
}

/// The name of a source, as in JSON and in metrics.
pub(super) fn source(source: PairSource) -> &'static str {
    match source {
        PairSource::Preference => "preference",
        PairSource::Thumb => "thumb",
        PairSource::Rating => "rating",
        PairSource::Correction => "correction",
        PairSource::Choice => "choice",
        PairSource::Import => "import",
        PairSource::Generated => "generated",
    }
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn read(row: &SqliteRow) -> Result<StoredPair, PreferenceError> {
    Ok(StoredPair { seq: row.try_get(0)?, pair: serde_json::from_str(row.try_get(1)?)? })
}

/// Stores a pair whose id is new to its tenant.
pub(super) async fn insert(
    c: &mut SqliteConnection,
    pair: Pair,
    users: [Option<String>; 2],
    most: u64,
) -> Result<StoredPair, PreferenceError> {
    match insert_new(c, &pair, users, most).await? {
        Some(seq) => Ok(StoredPair { seq, pair }),
        None => Err(PreferenceError::invalid("id", "the id stands for another preference")),
    }
}

/// Stores a pair; `None` when its tenant has one of that id.
pub(super) async fn insert_new(
    c: &mut SqliteConnection,
    pair: &Pair,
    [user, other_user]: [Option<String>; 2],
    most: u64,
) -> Result<Option<i64>, PreferenceError> {
    let tenant = pair.provenance.tenant.as_str();
    let held = sqlx::query("SELECT pairs FROM tallies WHERE tenant = ?1").bind(tenant);
    let held: i64 = held.fetch_optional(&mut *c).await?.map_or(Ok(0), |row| row.try_get(0))?;
    let full = held >= i64::try_from(most).unwrap_or(i64::MAX);
    if full && find(c, &pair.provenance.tenant, &pair.id).await?.is_none() {
        return Err(PreferenceError::Full { most });
    }
    let record = serde_json::to_string(pair)?;
    let row = sqlx::query(
        "INSERT INTO pairs (tenant, id, source, user, other_user, author, at, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (tenant, id) DO NOTHING RETURNING seq",
    )
    .bind(tenant)
    .bind(pair.id.as_str())
    .bind(source(pair.provenance.source))
    .bind(user)
    .bind(other_user)
    .bind(pair.provenance.author.as_deref())
    .bind(pair.provenance.created_at.0)
    .bind(record)
    .fetch_optional(c)
    .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

pub(super) async fn find(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    id: &PairId,
) -> Result<Option<StoredPair>, PreferenceError> {
    let row = sqlx::query("SELECT seq, record FROM pairs WHERE tenant = ?1 AND id = ?2")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(c)
        .await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn list(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    (after, limit): (i64, usize),
) -> Result<Vec<StoredPair>, PreferenceError> {
    let sql = "SELECT seq, record FROM pairs WHERE tenant = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let query = sqlx::query(sql).bind(tenant.as_str()).bind(after).bind(rows(limit));
    query.fetch_all(c).await?.iter().map(read).collect()
}

pub(super) async fn all_after(
    c: &mut SqliteConnection,
    seq: i64,
    limit: usize,
) -> Result<Vec<StoredPair>, PreferenceError> {
    let sql = "SELECT seq, record FROM pairs WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    sqlx::query(sql).bind(seq).bind(rows(limit)).fetch_all(c).await?.iter().map(read).collect()
}

pub(super) async fn count_after(c: &mut SqliteConnection, seq: i64) -> Result<u64, PreferenceError> {
    let row = sqlx::query("SELECT count(*) FROM pairs WHERE seq > ?1").bind(seq).fetch_one(c).await?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}

/// The last place that is taken.
pub(super) async fn last(c: &mut SqliteConnection, tenant: &TenantId) -> Result<i64, PreferenceError> {
    let sql = "SELECT coalesce(max(seq), 0) FROM pairs WHERE tenant = ?1";
    Ok(sqlx::query(sql).bind(tenant.as_str()).fetch_one(c).await?.try_get(0)?)
}

pub(super) async fn remove(
    c: &mut SqliteConnection,
    tenant: TenantId,
    id: PairId,
) -> Result<(), PreferenceError> {
    match remove_any(c, &tenant, std::slice::from_ref(&id)).await? {
        0 => Err(PreferenceError::no_pair(id)),
        _ => Ok(()),
    }
}

/// Deletes those of these pairs that are there.
pub(super) async fn remove_any(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    ids: &[PairId],
) -> Result<u64, PreferenceError> {
    let sql = "DELETE FROM pairs WHERE tenant = ?1 AND id IN (SELECT value FROM json_each(?2))";
    let query = sqlx::query(sql).bind(tenant.as_str()).bind(serde_json::to_string(ids)?);
    Ok(query.execute(c).await?.rows_affected())
}
