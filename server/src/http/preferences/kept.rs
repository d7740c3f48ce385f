//! Completions that are kept, and which are.

use super::{after, preferences};
use crate::{
    http::{Shared, body, edits::Params, error::ApiError, ids::path_id},
    preferences::wire,
};
use amend_proto::{
    CompletionId,
    wire::{DeletedCompletions, ErrorBody, KeptCompletionObject, KeptList, PreferenceSettings, parse},
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    response::Response,
};
use http::{HeaderMap, Uri};
use std::sync::Arc;

/// Lists the completions that are kept, oldest first: those that were asked for with `"store": true`, or all, as the
/// tenant decided.
#[utoipa::path(
    get,
    path = "/v1/chat/completions",
    tag = "preferences",
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given"),
        ("user" = Option<String>, Query, description = "Of this user only"),
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given; a page of long ones holds fewer"),
        ("after" = Option<i64>, Query, description = "The former page's `next`"),
    ),
    responses(
        (status = 200, description = "A page", body = KeptList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let preferences = preferences(&shared, &headers)?;
    let params = Params::read(&uri, &["user", "limit", "after"])?;
    let page = (after(&params)?, params.limit()?);
    body::written(wire::kept_list(preferences.completions(params.text("user"), page).await?)).await
}

/// Gives one completion that is kept.
#[utoipa::path(
    get,
    path = "/v1/chat/completions/{id}",
    tag = "preferences",
    params(
        ("id" = String, Path, description = "The completion's id"),
        ("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given"),
    ),
    responses(
        (status = 200, description = "The completion", body = KeptCompletionObject),
        (status = 404, description = "No such completion is kept", body = ErrorBody),
    )
)]
pub(in crate::http) async fn show(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let id: CompletionId = path_id(id)?;
    Params::read(&uri, &[])?;
    body::written(wire::kept(preferences(&shared, &headers)?.completion(&id).await?)).await
}

/// Deletes a completion and what was said of it. The preferences that were made of it stay.
#[utoipa::path(
    delete,
    path = "/v1/chat/completions/{id}",
    tag = "preferences",
    params(
        ("id" = String, Path, description = "The completion's id"),
        ("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given"),
    ),
    responses(
        (status = 200, description = "It is gone", body = DeletedCompletions),
        (status = 404, description = "No such completion is kept", body = ErrorBody),
    )
)]
pub(in crate::http) async fn forget(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<DeletedCompletions>, ApiError> {
    let id: CompletionId = path_id(id)?;
    Params::read(&uri, &[])?;
    let gone = preferences(&shared, &headers)?.forget(id.clone()).await?;
    Ok(Json(wire::forgotten((Some(id), None), gone)))
}

/// Deletes what is known of a user: the completions that the user asked for, what was said of them, and the preferences
/// that were made of them or that the user is the author of.
#[utoipa::path(
    delete,
    path = "/v1/chat/completions",
    tag = "preferences",
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given"),
        ("user" = String, Query, description = "The user, as the completions' requests named them"),
    ),
    responses(
        (status = 200, description = "They are gone", body = DeletedCompletions),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn forget_user(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<DeletedCompletions>, ApiError> {
    let preferences = preferences(&shared, &headers)?;
    let params = Params::read(&uri, &["user"])?;
    let Some(user) = params.owned("user").filter(|user| !user.is_empty()) else {
        return Err(ApiError::invalid("user", "user is missing: whose completions are to be deleted"));
    };
    let gone = preferences.forget_user(user.clone()).await?;
    Ok(Json(wire::forgotten((None, Some(user)), gone)))
}

/// Tells what the tenant decided about preferences.
#[utoipa::path(
    get,
    path = "/v1/preference-settings",
    tag = "preferences",
    params(("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given")),
    responses((status = 200, description = "What holds", body = PreferenceSettings))
)]
pub(in crate::http) async fn settings(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<PreferenceSettings>, ApiError> {
    Params::read(&uri, &[])?;
    Ok(Json(PreferenceSettings { keep: preferences(&shared, &headers)?.keep_rule() }))
}

/// Decides which completions of the tenant are kept, from the next one on.
#[utoipa::path(
    put,
    path = "/v1/preference-settings",
    tag = "preferences",
    request_body = PreferenceSettings,
    params(("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given")),
    responses(
        (status = 200, description = "What holds now", body = PreferenceSettings),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn set(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Json<PreferenceSettings>, ApiError> {
    let preferences = preferences(&shared, request.headers())?;
    let wanted = body::read(&shared, request, parse::<PreferenceSettings>).await?;
    preferences.set_keep_rule(wanted.keep).await?;
    Ok(Json(wanted))
}
