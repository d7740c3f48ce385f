//! How the scope of edits is decided, as it is stored.

use super::{database::Database, reader::Reader};
use crate::{
    error::EditError,
    scope::{ScopePolicy, ScopeRow, ScopeSettings},
    time::Timestamp,
};
use amend_proto::TenantId;
use sqlx::Row;

/// Stands for all tenants; no tenant is called so.
const EVERYONE: &str = "";

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EditError {
    EditError::storage("read its scope settings", error)
}

impl Reader {
    /// What is set, for whom. Settings that cannot be used (another version may have written them) are left out, loudly:
    /// what they would have decided falls to those for all, and that one tenant's are wrong keeps no other from its
    /// edits. They stay in the database until others are set.
    pub(crate) async fn scopes(&self) -> Result<Vec<ScopeRow>, EditError> {
        let rows = sqlx::query("SELECT tenant, settings FROM scope ORDER BY tenant")
            .fetch_all(self.pool())
            .await
            .map_err(failed)?;
        let mut scopes = Vec::with_capacity(rows.len());
        for row in &rows {
            let (tenant, settings): (&str, &str) =
                (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
            match usable(tenant, settings) {
                Ok(scope) => scopes.push(scope),
                Err(error) => {
                    let tenant = if tenant == EVERYONE { "all tenants" } else { tenant };
                    tracing::error!(tenant, %error, "stored scope settings are not usable and are passed over; set them anew");
                }
            }
        }
        Ok(scopes)
    }
}

fn usable(tenant: &str, settings: &str) -> Result<ScopeRow, Box<dyn std::error::Error + Send + Sync>> {
    let tenant = (tenant != EVERYONE).then(|| TenantId::new(tenant)).transpose()?;
    let settings: ScopeSettings = serde_json::from_str(settings)?;
    // Its numbers: whether they are in their ranges does not depend on what they lie over.
    settings.over(&ScopePolicy::default())?;
    Ok((tenant, settings))
}

impl Database {
    /// Stores settings; those that set nothing are forgotten.
    pub(super) async fn set_scope(&mut self, row: &ScopeRow, at: Timestamp) -> Result<(), EditError> {
        let failed = |error: sqlx::Error| EditError::storage("write its scope settings", error);
        let (tenant, settings) = row;
        let tenant = tenant.as_ref().map_or(EVERYONE, TenantId::as_str);
        if *settings == ScopeSettings::default() {
            let query = sqlx::query("DELETE FROM scope WHERE tenant = ?1").bind(tenant);
            return query.execute(&mut self.connection).await.map(drop).map_err(failed);
        }
        let settings = serde_json::to_string(settings)
            .map_err(|error| EditError::storage("write its scope settings", error))?;
        sqlx::query("INSERT OR REPLACE INTO scope (tenant, settings, at) VALUES (?1, ?2, ?3)")
            .bind(tenant)
            .bind(settings)
            .bind(at.seconds())
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(failed)
    }
}
