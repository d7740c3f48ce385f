//! Idempotency keys: a request that is sent twice is done once.

use super::PreferenceError;
use amend_proto::TenantId;
use amend_trainer::preference::{IdempotencyKey, UnixMillis};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use sqlx::{Row, SqliteConnection};
use std::fmt::Write;

/// SHA-256 of a request in hexadecimal digits: what a key that is used again is compared by. `of` tells requests of
/// different kinds apart.
#[must_use]
pub fn hash_of(of: &str, request: &[u8]) -> String {
    let hash = Sha256::new().chain_update(of).chain_update([0]).chain_update(request).finalize();
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One request's key, if it has one, with the hash of the request.
pub(super) struct Once<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) key: Option<(IdempotencyKey, String)>,
    pub(super) now: UnixMillis,
}

impl Once<'_> {
    pub(super) fn key(&self) -> Option<IdempotencyKey> {
        self.key.as_ref().map(|(key, _)| key.clone())
    }

    /// What was answered when it came before.
    pub(super) async fn answered<T: DeserializeOwned>(
        &self,
        c: &mut SqliteConnection,
    ) -> Result<Option<T>, PreferenceError> {
        let Some((key, hash)) = &self.key else { return Ok(None) };
        let row = sqlx::query("SELECT body, answer FROM answered WHERE tenant = ?1 AND key = ?2")
            .bind(self.tenant.as_str())
            .bind(key.as_str())
            .fetch_optional(c)
            .await?;
        let Some(row) = row else { return Ok(None) };
        match row.try_get::<&str, _>(0)? == hash.as_str() {
            true => Ok(Some(serde_json::from_str(row.try_get(1)?)?)),
            false => Err(PreferenceError::KeyTaken),
        }
    }

    /// Remembers what is answered.
    pub(super) async fn remember(
        &self,
        c: &mut SqliteConnection,
        answer: &impl Serialize,
    ) -> Result<(), PreferenceError> {
        let Some((key, hash)) = &self.key else { return Ok(()) };
        let answer = serde_json::to_string(answer)?;
        sqlx::query("INSERT INTO answered (tenant, key, body, answer, at) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(self.tenant.as_str())
            .bind(key.as_str())
            .bind(hash)
            .bind(answer)
            .bind(self.now.0)
            .execute(c)
            .await?;
        Ok(())
    }
}

/// Forgets keys from before `since`, and all but the newest `most`.
pub(super) async fn forget(
    c: &mut SqliteConnection,
    since: UnixMillis,
    most: i64,
) -> Result<(), PreferenceError> {
    sqlx::query("DELETE FROM answered WHERE at < ?1").bind(since.0).execute(&mut *c).await?;
    sqlx::query(
        "DELETE FROM answered WHERE at <= (SELECT at FROM answered ORDER BY at DESC LIMIT 1 OFFSET ?1)",
    )
    .bind(most)
    .execute(c)
    .await?;
    Ok(())
}
