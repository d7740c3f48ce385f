//! How the scope of edits is decided, as it is stored.

use super::{database::Database, reader::Reader};
use crate::{
    error::EditError,
    scope::{ScopeRow, ScopeSettings},
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
    /// What is set, for whom.
    pub(crate) async fn scopes(&self) -> Result<Vec<ScopeRow>, EditError> {
        let rows = sqlx::query("SELECT tenant, settings FROM scope ORDER BY tenant")
            .fetch_all(self.pool())
            .await
            .map_err(failed)?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> Result<ScopeRow, EditError> {
            let (tenant, settings): (&str, &str) =
                (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
            let tenant = (tenant != EVERYONE).then(|| TenantId::new(tenant)).transpose().map_err(failed)?;
            Ok((tenant, serde_json::from_str(settings).map_err(failed)?))
        };
        rows.iter().map(read).collect()
    }
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
