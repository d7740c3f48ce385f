//! `/v1/revisions`: the versions of the served model.

use super::{
    Route, Shared,
    edits::params::Params,
    error::ApiError,
    ids::{path_id, read_id},
    jobs::{Nothing, optional},
    route,
};
use crate::{
    paging::Page,
    revisions::{Promotion, RevisionError},
};
use amend_proto::{
    ErrorKind, ModelError, RevisionId,
    wire::{
        ErrorBody, ListTag, PromoteRequest, RevisionFileList, RevisionList, RevisionObject,
        RollbackRevisionRequest, SwitchList, SwitchObject, SwitchTag,
    },
};
use axum::{
    Json,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{Uri, header};
use std::{sync::Arc, time::Duration};
use tokio_util::io::ReaderStream;

/// The paths of this module.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/v1/revisions", &["get"], get(list)),
        route("/v1/revisions/rollback", &["post"], post(roll_back)),
        route("/v1/revisions/{id}", &["get"], get(show)),
        route("/v1/revisions/{id}/files", &["get"], get(files)),
        route("/v1/revisions/{id}/files/{*name}", &["get"], get(file)),
        route("/v1/revisions/{id}/promote", &["post"], post(promote)),
        route("/v1/revisions/{id}/retire", &["post"], post(retire)),
        route("/v1/revision-switches", &["get"], get(switches)),
    ]
}

fn switched(done: Promotion) -> Json<SwitchObject> {
    let Promotion { from, to, at, load } = done;
    Json(SwitchObject { object: SwitchTag::Tag, from, to, at, load_seconds: load.as_secs_f64() })
}

/// Lists the revisions of the served model, newest first.
#[utoipa::path(
    get,
    path = "/v1/revisions",
    tag = "revisions",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given"),
        ("after" = Option<String>, Query, description = "The former page's `next`"),
    ),
    responses(
        (status = 200, description = "A page", body = RevisionList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
        (status = 503, description = "The model is still being loaded", body = ErrorBody),
    )
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Json<RevisionList>, ApiError> {
    let params = Params::read(&uri, &["limit", "after"])?;
    let (limit, after) = (params.limit()?, params.id("after")?);
    let revisions = &shared.state.learning.revisions;
    let page = Page::of(revisions.list(after.as_ref(), limit + 1).await?, limit);
    let (has_more, next) = (page.has_more, page.next(|revision| revision.id.clone()));
    let live = Some(revisions.live().await?.id);
    let data = page.items.into_iter().map(RevisionObject::from).collect();
    Ok(Json(RevisionList { object: ListTag::Tag, live, data, has_more, next }))
}

/// Tells of one revision.
#[utoipa::path(
    get,
    path = "/v1/revisions/{id}",
    tag = "revisions",
    params(("id" = String, Path, description = "The revision")),
    responses(
        (status = 200, description = "The revision", body = RevisionObject),
        (status = 404, description = "No such revision", body = ErrorBody),
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RevisionObject>, ApiError> {
    Ok(Json(shared.state.learning.revisions.get(&path_id(id)?).await?.into()))
}

/// Makes a revision live. It is loaded beside the live one and warmed first; requests under way finish where they began.
#[utoipa::path(
    post,
    path = "/v1/revisions/{id}/promote",
    tag = "revisions",
    request_body = PromoteRequest,
    params(("id" = String, Path, description = "The revision")),
    responses(
        (status = 200, description = "It is live", body = SwitchObject),
        (status = 404, description = "No such revision", body = ErrorBody),
        (status = 409, description = "It is live already, another one is live than expected, no gate has let it through, \
            or it cannot be loaded; the message says which", body = ErrorBody),
    )
)]
pub(super) async fn promote(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<SwitchObject>, ApiError> {
    let id = path_id(id)?;
    let asked: PromoteRequest = optional(&shared, request).await?;
    Ok(switched(shared.state.learning.revisions.promote(id, asked).await?))
}

/// Makes the revision live that was live before this one was promoted.
#[utoipa::path(
    post,
    path = "/v1/revisions/rollback",
    tag = "revisions",
    request_body = RollbackRevisionRequest,
    responses(
        (status = 200, description = "It is live", body = SwitchObject),
        (status = 409, description = "None was live before, another one is live than expected, or it cannot be loaded; \
            the message says which", body = ErrorBody),
    )
)]
pub(super) async fn roll_back(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Json<SwitchObject>, ApiError> {
    let RollbackRevisionRequest { expected_live } = optional(&shared, request).await?;
    Ok(switched(shared.state.learning.revisions.roll_back(expected_live).await?))
}

/// Puts a revision aside that is not live.
#[utoipa::path(
    post,
    path = "/v1/revisions/{id}/retire",
    tag = "revisions",
    request_body(content = Object, description = "Empty"),
    params(("id" = String, Path, description = "The revision")),
    responses(
        (status = 200, description = "It is retired", body = RevisionObject),
        (status = 404, description = "No such revision", body = ErrorBody),
        (status = 409, description = "It is live", body = ErrorBody),
    )
)]
pub(super) async fn retire(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<RevisionObject>, ApiError> {
    let id = path_id(id)?;
    let Nothing {} = optional(&shared, request).await?;
    Ok(Json(shared.state.learning.revisions.retire(&id).await?.into()))
}

/// Lists the changes of the live revision, newest first: what let each through, or that somebody insisted.
#[utoipa::path(
    get,
    path = "/v1/revision-switches",
    tag = "revisions",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given"),
        ("after" = Option<i64>, Query, description = "The former page's `next`"),
    ),
    responses(
        (status = 200, description = "A page", body = SwitchList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(super) async fn switches(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Json<SwitchList>, ApiError> {
    let params = Params::read(&uri, &["limit", "after"])?;
    let limit = params.limit()?;
    let after = match params.text("after").map(str::parse) {
        None => None,
        Some(Ok(seq @ 0..)) => Some(seq),
        Some(_) => return Err(ApiError::invalid("after", "after must be the former page's `next`")),
    };
    let page = Page::of(shared.state.learning.revisions.switches(after, limit + 1).await?, limit);
    let next = page.next(|switch| switch.seq);
    Ok(Json(SwitchList { object: ListTag::Tag, data: page.items, has_more: page.has_more, next }))
}

/// Lists the files of a revision.
#[utoipa::path(
    get,
    path = "/v1/revisions/{id}/files",
    tag = "revisions",
    params(("id" = String, Path, description = "The revision")),
    responses(
        (status = 200, description = "Its files", body = RevisionFileList),
        (status = 404, description = "No such revision, or none with files on that machine", body = ErrorBody),
    )
)]
pub(super) async fn files(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RevisionFileList>, ApiError> {
    let (_, data) = shared.state.learning.revisions.files(&path_id(id)?).await?;
    Ok(Json(RevisionFileList { object: ListTag::Tag, data }))
}

/// One file of a revision.
#[utoipa::path(
    get,
    path = "/v1/revisions/{id}/files/{name}",
    tag = "revisions",
    params(
        ("id" = String, Path, description = "The revision"),
        ("name" = String, Path, description = "The file, as it is listed; may hold slashes"),
    ),
    responses(
        (status = 200, description = "Its bytes", body = String, content_type = "application/octet-stream"),
        (status = 404, description = "No such revision or file", body = ErrorBody),
    )
)]
pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, ApiError> {
    let Ok(Path((id, name))) = path else {
        return Err(ApiError::invalid("name", "the path is not valid UTF-8"));
    };
    let id: RevisionId = read_id("id", &id)?;
    // Only what is listed is given: no name leads out of the folder.
    let (folder, files) = shared.state.learning.revisions.files(&id).await?;
    let listed = files.into_iter().find(|file| file.name == name);
    let listed =
        listed.ok_or_else(|| ApiError::not_found("the revision has no such file; list its files"))?;
    let opened = tokio::fs::File::open(folder.join(&listed.name)).await.map_err(ApiError::internal)?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, listed.bytes.to_string()),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(opened))).into_response())
}

impl From<RevisionError> for ApiError {
    fn from(error: RevisionError) -> Self {
        let message = error.to_string();
        match error {
            RevisionError::NotReady => {
                ModelError::new(ErrorKind::NotReady { retry_after: Duration::from_secs(1) }, message).into()
            }
            RevisionError::NotFound(_) => Self::not_found(message),
            RevisionError::NotLive { .. } => Self::conflict(message).at("expected_live"),
            RevisionError::NotGated { .. } => Self::conflict(message).at("force"),
            RevisionError::Live(_) | RevisionError::NothingBefore(_) => Self::conflict(message),
            RevisionError::Changed(_) | RevisionError::Unusable { .. } => {
                tracing::error!(error = &error as &dyn std::error::Error, "a revision cannot be used");
                Self::conflict(message)
            }
            error => Self::internal(error),
        }
    }
}
