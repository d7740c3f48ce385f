//! `/v1/edit-scope`: what decides which edits concern a question, for one tenant or for all.

use super::{Params, tenant};
use crate::http::{Shared, body, error::ApiError};
use amend_editor::ScopeSettings;
use amend_proto::{
    ErrorKind, ModelError, TenantId,
    wire::{ErrorBody, parse},
};
use axum::{
    Json,
    extract::{Request, State},
};
use http::{HeaderMap, Uri};
use std::sync::Arc;

/// The tenant that is meant; `None` is all of them.
fn whose(shared: &Shared, headers: &HeaderMap, uri: &Uri) -> Result<Option<TenantId>, ApiError> {
    match Params::read(uri, &["tenants"])?.text("tenants") {
        None => tenant(shared, headers).map(Some),
        Some("all") => Ok(None),
        Some(_) => Err(ApiError::invalid("tenants", "tenants may be `all` only")),
    }
}

fn read(bytes: &[u8]) -> Result<ScopeSettings, ModelError> {
    // A list would be read as the fields in their order.
    match bytes.trim_ascii_start().first() {
        Some(b'{') => parse(bytes),
        _ => {
            let kind = ErrorKind::InvalidRequest { param: None };
            Err(ModelError::new(kind, "the body must be a JSON object, such as {\"top_k\": 3}"))
        }
    }
}

/// Gives what was set for the tenant, or with `tenants=all` for every tenant that has no settings of its own; what is not
/// there is as the daemon was started.
#[utoipa::path(
    get,
    path = "/v1/edit-scope",
    tag = "edits",
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("tenants" = Option<String>, Query, description = "`all`: what is set for all tenants"),
    ),
    responses((status = 200, description = "`top_k`, `max_tokens`, `threshold`, and the models `lexical` and `hybrid`", body = Object))
)]
pub(in crate::http) async fn show(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<ScopeSettings>, ApiError> {
    let whose = whose(&shared, &headers, &uri)?;
    Ok(Json(shared.state.edits.editor().scope_settings(whose.as_ref()).unwrap_or_default()))
}

/// Sets it, whole: `{}` takes back what was set. Models are those that `amend edit calibrate` writes.
#[utoipa::path(
    put,
    path = "/v1/edit-scope",
    tag = "edits",
    request_body = Object,
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("tenants" = Option<String>, Query, description = "`all`: for every tenant that has no settings of its own"),
    ),
    responses(
        (status = 200, description = "What is set now", body = Object),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn replace(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Json<ScopeSettings>, ApiError> {
    let whose = whose(&shared, request.headers(), request.uri())?;
    let settings = body::read(&shared, request, read).await?;
    let editor = shared.state.edits.editor();
    editor.set_scope(whose.clone(), settings).await?;
    Ok(Json(editor.scope_settings(whose.as_ref()).unwrap_or_default()))
}
