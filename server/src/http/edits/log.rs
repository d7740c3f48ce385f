//! The log: what was done, what differs, and going back.

use super::{Params, editor};
use crate::{
    edits::wire,
    http::{Shared, body, error::ApiError},
};
use amend_editor::{Conflicts, Differences, Operations, RollBack, Seq};
use amend_proto::wire::{
    ConflictList, DifferenceList, ErrorBody, ListTag, OperationList, RollbackObject, RollbackRequest, parse,
};
use axum::{
    Json,
    extract::{Request, State},
};
use http::{HeaderMap, Uri};
use std::sync::Arc;

/// Lists what was done, oldest first: of one edit, or of all.
#[utoipa::path(
    get,
    path = "/v1/edit-log",
    tag = "edit log",
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given"),
        ("after" = Option<i64>, Query, description = "Entries after this one"),
        ("edit" = Option<String>, Query, description = "Of this edit only"),
    ),
    responses(
        (status = 200, description = "A page", body = OperationList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
        (status = 404, description = "No such edit", body = ErrorBody),
    )
)]
pub(in crate::http) async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<OperationList>, ApiError> {
    let params = Params::read(&uri, &["limit", "after", "edit"])?;
    let (after, limit) = (params.seq("after")?.unwrap_or(Seq::START), params.limit()?);
    let editor = editor(&shared, &headers)?;
    let Operations { operations, next } = match params.id("edit")? {
        Some(id) => editor.history(&id, after, limit).await?,
        None => editor.operations(after, limit).await?,
    };
    let now = shared.state.edits.editor().now();
    Ok(Json(OperationList {
        object: ListTag::Tag,
        data: operations.into_iter().map(|entry| wire::operation(entry, now)).collect(),
        has_more: next.is_some(),
        next: next.map(Seq::get),
    }))
}

/// Lists what differs between the states after two entries of the log.
#[utoipa::path(
    get,
    path = "/v1/edit-log/diff",
    tag = "edit log",
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("from" = i64, Query, description = "An entry of the log: the state after it is the first"),
        ("to" = Option<i64>, Query, description = "The second; now, unless given"),
        ("limit" = Option<usize>, Query, description = "1 to 100 edits that were touched between; 20 unless given"),
        ("after" = Option<String>, Query, description = "The former page's `next`"),
    ),
    responses(
        (status = 200, description = "A page; it may be empty and yet have a next one", body = DifferenceList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn diff(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<DifferenceList>, ApiError> {
    let params = Params::read(&uri, &["from", "to", "limit", "after"])?;
    let from = params.required_seq("from")?;
    let to = params.seq("to")?.unwrap_or_else(|| shared.state.edits.editor().last_seq());
    let (after, limit) = (params.id("after")?, params.limit()?);
    let found = editor(&shared, &headers)?.diff((from, to), after.as_ref(), limit).await?;
    let Differences { differences, next } = found;
    let now = shared.state.edits.editor().now();
    Ok(Json(DifferenceList {
        object: ListTag::Tag,
        data: differences.into_iter().map(|difference| wire::difference(difference, now)).collect(),
        has_more: next.is_some(),
        next,
    }))
}

/// Lists the edits that conflict with older ones.
#[utoipa::path(
    get,
    path = "/v1/edit-log/conflicts",
    tag = "edit log",
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("limit" = Option<usize>, Query, description = "1 to 100 edits that are looked at; 20 unless given"),
        ("after" = Option<i64>, Query, description = "The former page's `next`"),
    ),
    responses(
        (status = 200, description = "A page; it may be empty and yet have a next one", body = ConflictList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn conflicts(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<ConflictList>, ApiError> {
    let params = Params::read(&uri, &["limit", "after"])?;
    let (after, limit) = (params.seq("after")?.unwrap_or(Seq::START), params.limit()?);
    let editor = editor(&shared, &headers)?;
    // Going through the conflicts of a whole page is too much for the runtime's threads.
    let found = tokio::task::spawn_blocking(move || editor.conflicts(after, limit));
    let Conflicts { conflicts, next } = found.await.map_err(ApiError::internal)??;
    let pairs = conflicts.into_iter().flat_map(|one| one.conflicts);
    Ok(Json(ConflictList {
        object: ListTag::Tag,
        data: pairs.map(wire::conflict).collect(),
        has_more: next.is_some(),
        next: next.map(Seq::get),
    }))
}

/// Makes the edits stand as they stood after an entry of the log, by appending what it takes: nothing is lost from it.
#[utoipa::path(
    post,
    path = "/v1/edit-log/rollback",
    tag = "edit log",
    request_body = RollbackRequest,
    params(("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given")),
    responses(
        (status = 200, description = "What it took", body = RollbackObject),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 409, description = "There is no room for so many live edits", body = ErrorBody),
    )
)]
pub(in crate::http) async fn roll_back(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Json<RollbackObject>, ApiError> {
    let editor = editor(&shared, request.headers())?;
    let RollbackRequest { to, author, reason, extra: _ } =
        body::read(&shared, request, |bytes| parse::<RollbackRequest>(bytes)?.read()).await?;
    let done = editor.roll_back(RollBack { to: wire::seq(to), by: wire::by(author, reason) }).await?;
    Ok(Json(wire::rolled_back(done)))
}
