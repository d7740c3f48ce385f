//! `/v1/edits` and `/v1/edit-log`, for the tenant that the header `x-amend-tenant` names.

pub(super) mod log;
pub(super) mod params;
pub(super) mod read;
pub(super) mod scope;
pub(super) mod transfer;
pub(super) mod watch;
pub(super) mod write;

use super::{Route, Shared, error::ApiError, route};
use crate::edits::{TENANT_HEADER, TenantError};
use amend_editor::{EditError, TenantEditor};
use amend_proto::{ErrorKind, ModelError, TenantId};
use axum::{
    extract::Path,
    routing::{MethodRouter, get, post},
};
use http::HeaderMap;
pub(super) use params::Params;
use std::{io, sync::Arc, time::Duration};

/// The paths of this module.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/v1/edits", &["get", "post"], get(read::list).post(write::add)),
        route(
            "/v1/edits/{*id}",
            &["delete", "get", "patch", "put"],
            get(read::show).delete(write::remove).patch(write::change).put(write::replace),
        ),
        route("/v1/edits/preview", &["post"], preview_route()),
        route("/v1/edit-scope", &["get", "put"], get(scope::show).put(scope::replace)),
        route("/v1/edit-log", &["get"], get(log::list)),
        route("/v1/edit-log/conflicts", &["get"], get(log::conflicts)),
        route("/v1/edit-log/diff", &["get"], get(log::diff)),
        route("/v1/edit-log/rollback", &["post"], post(log::roll_back)),
        route("/v1/edit-log/watch", &["get"], get(watch::watch)),
    ]
}

/// The tenant that a request is about.
pub(super) fn tenant(shared: &Shared, headers: &HeaderMap) -> Result<TenantId, ApiError> {
    Ok(shared.state.edits.tenant(headers.get_all(TENANT_HEADER).iter().map(http::HeaderValue::as_bytes))?)
}

/// The edits that a request is about.
fn editor(shared: &Shared, headers: &HeaderMap) -> Result<TenantEditor, ApiError> {
    Ok(shared.state.edits.of(tenant(shared, headers)?))
}

/// `POST /v1/edits/preview`; with any other method the path names the edit `preview`, as `/v1/edits/{id}` would.
fn preview_route() -> MethodRouter<Arc<Shared>> {
    let id = || Ok(Path("preview".to_owned()));
    post(read::preview)
        .get(move |state, headers, uri| read::show(state, id(), headers, uri))
        .delete(move |state, headers, uri| write::remove(state, id(), headers, uri))
        .patch(move |state, request| write::change(state, id(), request))
        .put(move |state, request| write::replace(state, id(), request))
}

impl From<TenantError> for ApiError {
    fn from(error: TenantError) -> Self {
        let message = error.to_string();
        match error {
            TenantError::Invalid(_) | TenantError::Repeated => Self::invalid(TENANT_HEADER, message),
            TenantError::Unknown(_) => Self::not_found(message).at(TENANT_HEADER),
        }
    }
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> Self {
        let message = error.to_string();
        match error {
            EditError::InvalidEdit { param, .. } => Self::invalid(&param, message),
            EditError::NotFound { .. } => Self::not_found(message),
            EditError::Conflict { param, .. } => Self::conflict(message).at(&param),
            EditError::Full { .. } => Self::conflict(message),
            EditError::Input { source } if source.kind() == io::ErrorKind::TimedOut => Self::slow_lines(),
            EditError::Input { source } => Self::broken_body(source),
            EditError::Closed => {
                let kind = ErrorKind::NotReady { retry_after: Duration::from_secs(1) };
                ModelError::new(kind, "the server is going down").with_source(error).into()
            }
            error => Self::internal(error),
        }
    }
}
