//! Pairs in the ledger.

use super::{
    PreferenceError,
    records::{self, Page, Placed},
};
use amend_proto::{PairId, TenantId};
use amend_trainer::preference::{Pair, PairSource};
use sqlx::{Row, SqliteConnection};

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

/// What records say.
pub(super) async fn read(rows: Vec<Placed>) -> Result<Vec<StoredPair>, PreferenceError> {
    let read = records::read::<Pair>(rows).await?;
    Ok(read.into_iter().map(|(seq, pair)| StoredPair { seq, pair }).collect())
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

/// A pair, read on the calling thread: for writes, which have one of their own.
pub(super) async fn find(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    id: &PairId,
) -> Result<Option<StoredPair>, PreferenceError> {
    let found = record(c, tenant, id).await?;
    found.map(|(seq, record)| Ok(StoredPair { seq, pair: serde_json::from_str(&record)? })).transpose()
}

/// A pair that is not read yet.
pub(super) async fn record(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    id: &PairId,
) -> Result<Option<Placed>, PreferenceError> {
    let row = sqlx::query("SELECT seq, record FROM pairs WHERE tenant = ?1 AND id = ?2")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(c)
        .await?;
    Ok(row.as_ref().map(records::placed).transpose()?)
}

pub(super) async fn list(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    (after, limit): (i64, usize),
) -> Result<Page, PreferenceError> {
    let sql = "SELECT seq, record FROM pairs WHERE tenant = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let query = sqlx::query(sql).bind(tenant.as_str()).bind(after).bind(records::one_more(limit));
    Ok(records::page(query.fetch(c), limit).await?)
}

pub(super) async fn all_after(
    c: &mut SqliteConnection,
    seq: i64,
    limit: usize,
) -> Result<Page, PreferenceError> {
    let sql = "SELECT seq, record FROM pairs WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    Ok(records::page(sqlx::query(sql).bind(seq).bind(records::one_more(limit)).fetch(c), limit).await?)
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
