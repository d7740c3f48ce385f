//! `/v1/canaries`: a candidate answers a share of the users, watched.

use super::{Route, Shared, body, edits::params::Params, error::ApiError, ids::path_id, route};
use crate::{
    canary::{Canaries, CanaryError},
    paging::Page,
};
use amend_proto::{
    CanaryId,
    wire::{CanaryList, CanaryObject, CanaryRequest, ErrorBody, ListTag, parse},
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    routing::{get, post},
};
use http::{StatusCode, Uri};
use std::sync::Arc;

/// The paths of this module.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/v1/canaries", &["get", "post"], get(list).post(begin)),
        route("/v1/canaries/{id}", &["get"], get(show)),
        route("/v1/canaries/{id}/stop", &["post"], post(stop)),
    ]
}

/// Lists canaries, newest first.
#[utoipa::path(
    get,
    path = "/v1/canaries",
    tag = "canaries",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given"),
        ("after" = Option<String>, Query, description = "The former page's `next`"),
    ),
    responses(
        (status = 200, description = "A page", body = CanaryList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<CanaryList>, ApiError> {
    let params = Params::read(&uri, &["limit", "after"])?;
    let (limit, after) = (params.limit()?, params.id::<CanaryId>("after")?);
    let page = Page::of(canaries(&shared).list(after.as_ref(), limit + 1).await?, limit);
    let next = page.next(|canary| canary.id.clone());
    Ok(Json(CanaryList { object: ListTag::Tag, data: page.items, has_more: page.has_more, next }))
}

/// Begins a canary: the candidate is loaded beside the live revision and answers a share of the users, until it does worse or
/// has answered enough. A gate must have let it through against what is live, as for promotion.
#[utoipa::path(
    post,
    path = "/v1/canaries",
    tag = "canaries",
    request_body = CanaryRequest,
    responses(
        (status = 201, description = "It runs", body = CanaryObject),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 404, description = "No such revision", body = ErrorBody),
        (status = 409, description = "Another one runs, the revision is live already, another one is live than expected, no \
            gate has let it through, or it cannot be loaded; the message says which", body = ErrorBody),
    )
)]
pub(super) async fn begin(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<(StatusCode, Json<CanaryObject>), ApiError> {
    let request = body::read(&shared, request, parse::<CanaryRequest>).await?;
    Ok((StatusCode::CREATED, Json(canaries(&shared).begin(request).await?)))
}

/// Tells of one canary: what both revisions did, and how it ended.
#[utoipa::path(
    get,
    path = "/v1/canaries/{id}",
    tag = "canaries",
    params(("id" = String, Path, description = "The canary")),
    responses(
        (status = 200, description = "The canary", body = CanaryObject),
        (status = 404, description = "No such canary", body = ErrorBody),
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<CanaryObject>, ApiError> {
    Ok(Json(canaries(&shared).get(&path_id(id)?).await?))
}

/// Takes the candidate off: the live revision answers everybody.
#[utoipa::path(
    post,
    path = "/v1/canaries/{id}/stop",
    tag = "canaries",
    request_body(content = Object, description = "Empty"),
    params(("id" = String, Path, description = "The canary")),
    responses(
        (status = 200, description = "It is stopped", body = CanaryObject),
        (status = 404, description = "No such canary", body = ErrorBody),
        (status = 409, description = "It has ended", body = ErrorBody),
    )
)]
pub(super) async fn stop(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<CanaryObject>, ApiError> {
    Ok(Json(canaries(&shared).stop(&path_id(id)?).await?))
}

fn canaries(shared: &Shared) -> &Canaries {
    &shared.state.learning.canaries
}

impl From<CanaryError> for ApiError {
    fn from(error: CanaryError) -> Self {
        let message = error.to_string();
        match error {
            CanaryError::NotFound(_) => Self::not_found(message),
            CanaryError::Invalid { param, .. } => Self::invalid(param, message),
            CanaryError::UnderWay(_) | CanaryError::Ended(_) => Self::conflict(message),
            CanaryError::Revision(error) => error.into(),
            error => Self::internal(error),
        }
    }
}
