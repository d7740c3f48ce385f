//! `/v1/preferences`.

use super::{after, key, preferences, transfer};
use crate::{
    http::{Shared, body, edits::Params, error::ApiError, ids::path_id},
    preferences::{hash_of, wire},
};
use amend_proto::{
    PairId,
    wire::{
        DeletedPreference, ErrorBody, PreferenceImport, PreferenceInput, PreferenceList, PreferenceObject,
        parse,
    },
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri};
use std::sync::Arc;

/// Stores which of two answers is better. When this answers it is durable.
///
/// With the content type `application/x-ndjson` or `application/vnd.apache.parquet` it takes pairs in bulk, in the formats
/// of TRL (`prompt`, `chosen`, `rejected`) and UltraFeedback, and of the lines also what `GET` exports. A record that is
/// broken does not keep out the rest; the answer is a report (200, `PreferenceImport`). A pair that is there is left alone.
#[utoipa::path(
    post,
    path = "/v1/preferences",
    tag = "preferences",
    request_body = PreferenceInput,
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "Sent again with the same body this stores nothing more; with another it is 409"),
    ),
    responses(
        (status = 201, description = "The stored preference", body = PreferenceObject),
        (status = 200, description = "What of the file was taken in", body = PreferenceImport),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 404, description = "No such completion is kept", body = ErrorBody),
        (status = 409, description = "The key stands for another request, or there is no more room", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not declared to be JSON", body = ErrorBody),
    )
)]
pub(in crate::http) async fn add(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let preferences = preferences(&shared, request.headers())?;
    Params::read(request.uri(), &[])?;
    if let Some(container) = transfer::sent(request.headers()) {
        return transfer::import(&shared, &preferences, container, request).await;
    }
    let key = key(request.headers())?;
    let most = shared.state.limits.request.max_messages;
    let (said, hash) = body::read(&shared, request, move |bytes| {
        Ok((parse::<PreferenceInput>(bytes)?.read(most)?, hash_of("preference", bytes)))
    })
    .await?;
    let stored = preferences.add(said, key.map(|key| (key, hash))).await?;
    Ok((StatusCode::CREATED, Json(wire::object(stored))).into_response())
}

/// Lists the preferences, oldest first.
///
/// With the header `Accept: application/x-ndjson` or `application/vnd.apache.parquet` it gives all of them as a file. The
/// header `x-amend-left-out` of the answer tells how many do not fit the format.
#[utoipa::path(
    get,
    path = "/v1/preferences",
    tag = "preferences",
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given"),
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given; a page of long ones holds fewer"),
        ("after" = Option<i64>, Query, description = "The former page's `next`"),
        ("format" = Option<String>, Query,
            description = "Of a file: `amend` (all that is known; lines only, and their default), `trl` (conversations; the \
                           default of Parquet), `trl_implicit`, `trl_plain` or `ultrafeedback`"),
    ),
    responses(
        (status = 200, description = "A page", body = PreferenceList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let preferences = preferences(&shared, &headers)?;
    if let Some(container) = transfer::wanted(&headers) {
        return transfer::export(&preferences, container, &uri).await;
    }
    let params = Params::read(&uri, &["limit", "after"])?;
    let listed = preferences.pairs(after(&params)?, params.limit()?).await?;
    body::written(wire::list(listed)).await
}

/// Gives one preference.
#[utoipa::path(
    get,
    path = "/v1/preferences/{id}",
    tag = "preferences",
    params(
        ("id" = String, Path, description = "The preference's id, which may hold slashes"),
        ("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given"),
    ),
    responses(
        (status = 200, description = "The preference", body = PreferenceObject),
        (status = 404, description = "No such preference", body = ErrorBody),
    )
)]
pub(in crate::http) async fn show(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let id: PairId = path_id(id)?;
    Params::read(&uri, &[])?;
    body::written(wire::object(preferences(&shared, &headers)?.pair(&id).await?)).await
}

/// Deletes a preference: nothing learns from it from here on. A revision that learned from it stays as it is.
#[utoipa::path(
    delete,
    path = "/v1/preferences/{id}",
    tag = "preferences",
    params(
        ("id" = String, Path, description = "The preference's id, which may hold slashes"),
        ("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given"),
    ),
    responses(
        (status = 200, description = "It is gone", body = DeletedPreference),
        (status = 404, description = "No such preference", body = ErrorBody),
    )
)]
pub(in crate::http) async fn remove(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<DeletedPreference>, ApiError> {
    let id: PairId = path_id(id)?;
    Params::read(&uri, &[])?;
    preferences(&shared, &headers)?.remove(id.clone()).await?;
    Ok(Json(wire::deleted(id)))
}
