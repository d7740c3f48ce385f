//! `/v1/edit-scope`: what decides which edits concern a question, for one tenant.

use super::tenant;
use crate::http::{Shared, body, error::ApiError};
use amend_editor::ScopeSettings;
use amend_proto::wire::{ErrorBody, parse};
use axum::{
    Json,
    extract::{Request, State},
};
use http::HeaderMap;
use std::sync::Arc;

/// Gives what was set for the tenant; what is not there is as shipped.
#[utoipa::path(
    get,
    path = "/v1/edit-scope",
    tag = "edits",
    params(("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given")),
    responses((status = 200, description = "`top_k`, `threshold`, and the models `lexical` and `hybrid`", body = Object))
)]
pub(in crate::http) async fn show(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<ScopeSettings>, ApiError> {
    let tenant = tenant(&shared, &headers)?;
    Ok(Json(shared.state.edits.editor().scope_settings(Some(&tenant)).unwrap_or_default()))
}

/// Sets it, whole: `{}` takes back what was set. Models are those that `amend edit calibrate` writes.
#[utoipa::path(
    put,
    path = "/v1/edit-scope",
    tag = "edits",
    request_body = Object,
    params(("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given")),
    responses(
        (status = 200, description = "What is set now", body = Object),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn replace(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Json<ScopeSettings>, ApiError> {
    let tenant = tenant(&shared, request.headers())?;
    let settings = body::read(&shared, request, parse::<ScopeSettings>).await?;
    let editor = shared.state.edits.editor();
    editor.set_scope(Some(tenant.clone()), settings).await?;
    Ok(Json(editor.scope_settings(Some(&tenant)).unwrap_or_default()))
}
