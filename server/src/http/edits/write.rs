//! Writing edits.

use super::{Params, editor, transfer};
use crate::{
    edits::wire,
    http::{Shared, body, error::ApiError, ids::path_id},
};
use amend_editor::{
    AddEdits, Added, EditError, MAX_BATCH, MAX_KEY_BYTES, NewEdit, RestoreEdit, RetireEdit, SupersedeEdit,
};
use amend_proto::{
    ModelError,
    wire::{
        DeletedEdit, EditChange, EditInput, EditList, EditReplacement, EditsForm, EditsInput, ErrorBody,
        WantedStatus, WrittenEdit, parse,
    },
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri};
use std::sync::Arc;

/// Names a request that creates, so that sending it twice creates once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Stores one edit or several, all or none. When this answers they are durable, and the next question sees them.
///
/// With the content type `application/x-ndjson` it takes edits in bulk: one JSON object a line, of any number. A line
/// that is broken does not keep out the rest; the answer is a report (200, `ImportObject`). An edit that stands as it is
/// sent is left alone; one that was retired or gave way since is added again.
#[utoipa::path(
    post,
    path = "/v1/edits",
    tag = "edits",
    request_body = EditsInput,
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "Sent again with the same body this stores nothing and answers the same, edits and conflicts, \
                           also when their time has passed; with another it is 409"),
        ("on_conflict" = Option<String>, Query, description = "Of lines: keep_both, refuse or supersede"),
        ("author" = Option<String>, Query, description = "Of lines: who wrote those that name nobody"),
        ("reason" = Option<String>, Query, description = "Of lines: why those were written that do not say"),
    ),
    responses(
        (status = 201, description = "The stored edits, in the order of the request", body = EditList),
        (status = 200, description = "What of the lines was taken in", body = amend_proto::wire::ImportObject),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 404, description = "No such tenant", body = ErrorBody),
        (status = 409, description = "The id stands for another edit, or the key for another request", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not declared to be JSON", body = ErrorBody),
    )
)]
pub(in crate::http) async fn add(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let editor = editor(&shared, request.headers())?;
    if transfer::is_lines(request.headers()) {
        return transfer::import(&shared, &editor, request).await;
    }
    Params::read(request.uri(), &[])?;
    let idempotency_key = idempotency_key(request.headers())?;
    let (form, request) = body::read(&shared, request, move |bytes| {
        let body = parse::<EditsInput>(bytes)?.read(MAX_BATCH)?;
        let edits = body.edits.into_iter().enumerate();
        let edits = edits.map(|(at, edit)| new_edit(body.form, at, edit)).collect::<Result<_, _>>()?;
        let on_conflict = wire::on_conflict(body.on_conflict);
        Ok((body.form, AddEdits { edits, idempotency_key, on_conflict }))
    })
    .await?;
    let Added { edits, conflicts } = editor.add(request).await.map_err(|error| in_terms_of(form, error))?;
    let now = shared.state.edits.editor().now();
    let edits = edits.into_iter().map(|edit| wire::object(edit, now)).collect();
    let conflicts = conflicts.into_iter().map(wire::conflict).collect();
    let list = EditList { conflicts, ..EditList::new(edits, None) };
    Ok((StatusCode::CREATED, Json(list)).into_response())
}

fn new_edit(form: EditsForm, index: usize, input: EditInput) -> Result<NewEdit, ModelError> {
    wire::new_edit(input).map_err(|error| {
        let param = match form {
            EditsForm::Single => "id".to_owned(),
            EditsForm::List => format!("edits[{index}].id"),
        };
        ModelError::invalid(&param, format!("{param}: {error}"))
    })
}

/// The editor knows batches only; a body that spells one edit by its fields has no `edits[0]`.
fn in_terms_of(form: EditsForm, error: EditError) -> EditError {
    let local = |param: String| match form {
        EditsForm::Single => param.strip_prefix("edits[0].").map(str::to_owned).unwrap_or(param),
        EditsForm::List => param,
    };
    match error {
        EditError::InvalidEdit { param, reason } => EditError::InvalidEdit { param: local(param), reason },
        EditError::Conflict { param, message } => EditError::Conflict { param: local(param), message },
        error => error,
    }
}

pub(in crate::http) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=MAX_KEY_BYTES).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::invalid(
            "Idempotency-Key",
            format!("the header Idempotency-Key must have 1 to {MAX_KEY_BYTES} visible ASCII characters"),
        )),
    }
}

/// Gives an edit that stands a new content, whole. Its former versions stay in the log.
#[utoipa::path(
    put,
    path = "/v1/edits/{id}",
    tag = "edits",
    request_body = EditReplacement,
    params(
        ("id" = String, Path, description = "The edit's id, which may hold slashes"),
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
    ),
    responses(
        (status = 200, description = "The edit as it stands now", body = WrittenEdit),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 404, description = "No such edit stands", body = ErrorBody),
        (status = 409, description = "Somebody else wrote a version after `seen`, or it conflicts", body = ErrorBody),
    )
)]
pub(in crate::http) async fn replace(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<WrittenEdit>, ApiError> {
    let (id, editor) = (path_id(id)?, editor(&shared, request.headers())?);
    let (input, seen, rule) =
        body::read(&shared, request, |bytes| parse::<EditReplacement>(bytes)?.read()).await?;
    let mut request = SupersedeEdit::new(id, wire::content(input)).on_conflict(wire::on_conflict(rule));
    request.seen = seen.map(wire::seq);
    let written = editor.supersede(request).await?;
    Ok(Json(wire::written(written, shared.state.edits.editor().now())))
}

/// Takes an edit back (`"status": "retired"`), or makes it stand again (`"live"`), also in an older `version`.
#[utoipa::path(
    patch,
    path = "/v1/edits/{id}",
    tag = "edits",
    request_body = EditChange,
    params(
        ("id" = String, Path, description = "The edit's id, which may hold slashes"),
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
    ),
    responses(
        (status = 200, description = "The edit, as it stands or stood", body = WrittenEdit),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 404, description = "No such edit", body = ErrorBody),
    )
)]
pub(in crate::http) async fn change(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<WrittenEdit>, ApiError> {
    let (id, editor) = (path_id(id)?, editor(&shared, request.headers())?);
    let EditChange { status, version, author, reason, extra: _ } =
        body::read(&shared, request, |bytes| parse::<EditChange>(bytes)?.read()).await?;
    let by = wire::by(author, reason);
    let now = shared.state.edits.editor().now();
    match status {
        WantedStatus::Live => {
            let request = RestoreEdit { id, version: version.map(wire::seq), by };
            Ok(Json(wire::written(editor.restore(request).await?, now)))
        }
        WantedStatus::Retired => {
            let edit = editor.retire(RetireEdit { id, by }).await?;
            Ok(Json(WrittenEdit { edit: wire::retired(edit), conflicts: Vec::new() }))
        }
    }
}

/// Takes an edit back: when this answers, no question sees it. It stays in the log, and can be restored.
#[utoipa::path(
    delete,
    path = "/v1/edits/{id}",
    tag = "edits",
    params(
        ("id" = String, Path, description = "The edit's id, which may hold slashes"),
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("author" = Option<String>, Query, description = "Who asks for it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    responses(
        (status = 200, description = "It is gone", body = DeletedEdit),
        (status = 404, description = "No such edit", body = ErrorBody),
    )
)]
pub(in crate::http) async fn remove(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<DeletedEdit>, ApiError> {
    let (id, params) = (path_id(id)?, Params::read(&uri, &["author", "reason"])?);
    let by = wire::by(params.owned("author"), params.owned("reason"));
    let removed = editor(&shared, &headers)?.retire(RetireEdit { id, by }).await?;
    Ok(Json(DeletedEdit::new(removed.id)))
}
