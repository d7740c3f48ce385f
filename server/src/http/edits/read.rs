//! Reading edits, and what they would do.

use super::{Params, editor, transfer};
use crate::{
    edits::{MAX_CONSIDERED, as_of, wire},
    http::{Shared, ask, body, error::ApiError, ids::path_id},
};
use amend_editor::{EditError, ListAfter, Page, PastEdits, Seq, TenantEditor, Timestamp};
use amend_proto::wire::{
    EditCursor, EditList, EditPreview, EditPreviewRequest, ErrorBody, KnownEdit, PreviewDetail, parse,
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Uri};
use std::sync::Arc;

/// Lists the edits that stand, the oldest version first; with `as_of` those that stood after an entry of the log.
///
/// Pages that go on with the former one's `next` list every edit that stands all the while, whatever is written between
/// them; one that gets a new version meanwhile comes again, as that version.
///
/// With the header `Accept: application/x-ndjson` it gives all of them, one JSON object a line, as `POST` takes them.
#[utoipa::path(
    get,
    path = "/v1/edits",
    tag = "edits",
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given"),
        ("after" = Option<String>, Query,
            description = "The former page's `next`; without `as_of` also the id of an edit, behind whose last version \
                           the page begins then"),
        ("as_of" = Option<i64>, Query, description = "An entry of the log: the state after it"),
    ),
    responses(
        (status = 200, description = "A page", body = EditList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    if transfer::wants_lines(&headers) {
        return transfer::export(&shared, &headers, &uri);
    }
    let editor = editor(&shared, &headers)?;
    let params = Params::read(&uri, &["limit", "after", "order", "as_of"])?;
    if params.text("order").is_some_and(|order| order != "asc") {
        return Err(ApiError::invalid("order", "edits are listed oldest first (asc) only"));
    }
    let now = shared.state.edits.editor().now();
    let object = |edit| wire::object(edit, now);
    let list = match params.seq("as_of")? {
        None => {
            let page = Page { limit: params.limit()?, after: params.list_after()? };
            let listed = editor.list(page).await?;
            let next = listed.next.map(|next| EditCursor::Text(ListAfter::from(next).to_string()));
            EditList::new(listed.edits.into_iter().map(object).collect(), next)
        }
        Some(seq) => {
            let after = params.seq("after")?.unwrap_or(Seq::START);
            let past = editor.state_as_of(seq, after, params.limit()?).await.map_err(as_of)?;
            let PastEdits { edits, next } = past;
            let next = next.map(|next| EditCursor::Version(next.get()));
            EditList::new(edits.into_iter().map(object).collect(), next)
        }
    };
    Ok(Json(list).into_response())
}

/// Gives one edit that stands; with `as_of` as it stood after an entry of the log, with `status=any` also one that was
/// taken back or gave way.
#[utoipa::path(
    get,
    path = "/v1/edits/{id}",
    tag = "edits",
    params(
        ("id" = String, Path, description = "The edit's id, which may hold slashes"),
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("as_of" = Option<i64>, Query, description = "An entry of the log: the state after it"),
        ("status" = Option<String>, Query, description = "`any`: also an edit that does not stand"),
    ),
    responses(
        (status = 200, description = "The edit", body = KnownEdit),
        (status = 404, description = "No such edit", body = ErrorBody),
    )
)]
pub(in crate::http) async fn show(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<KnownEdit>, ApiError> {
    let id = path_id(id)?;
    let params = Params::read(&uri, &["as_of", "status"])?;
    let editor = editor(&shared, &headers)?;
    let now = shared.state.edits.editor().now();
    let found = match (params.seq("as_of")?, params.text("status")) {
        (None, Some("any")) => editor.find(&id).await?.map(wire::known),
        (Some(seq), None) => standing(editor.get_as_of(&id, seq).await.map_err(as_of)?, now),
        (None, None) => standing(editor.get(&id), now),
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("status", "give either as_of or status, not both"));
        }
        (None, Some(_)) => return Err(ApiError::invalid("status", "status may be `any` only")),
    };
    found.map(Json).ok_or_else(|| EditError::NotFound { id }.into())
}

fn standing(edit: Option<amend_editor::Edit>, now: Timestamp) -> Option<KnownEdit> {
    edit.map(|edit| KnownEdit { edit: wire::object(edit, now), superseded_by: None })
}

/// Tells which edits would be put in front of a question, and what the model would read.
#[utoipa::path(
    post,
    path = "/v1/edits/preview",
    tag = "edits",
    request_body = EditPreviewRequest,
    params(("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given")),
    responses(
        (status = 200, description = "What would happen", body = EditPreview),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn preview(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let editor: TenantEditor = editor(&shared, request.headers())?;
    let limits = shared.state.limits.request;
    let (messages, detail, unknown) =
        body::read(&shared, request, move |bytes| parse::<EditPreviewRequest>(bytes)?.read(limits)).await?;
    let why = match detail {
        PreviewDetail::Explained => Some(editor.explain_async(messages.clone(), MAX_CONSIDERED).await?),
        PreviewDetail::Outcome => None,
    };
    let preview = wire::preview(editor.preview_async(messages).await?, why);
    let mut headers = HeaderMap::new();
    ask::add_unknown_fields(&mut headers, &unknown);
    Ok((headers, Json(preview)).into_response())
}
