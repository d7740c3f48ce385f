//! `/v1/edits`.

use super::{Shared, ask, body, error::ApiError};
use amend_editor::{
    AddEdits, Decision, Edit, EditError, MAX_BATCH, MAX_KEY_BYTES, NewEdit, Page, Preview, ScoredEdit,
};
use amend_proto::{
    EditId, ErrorKind, InvalidId, ModelError,
    wire::{
        DeletedEdit, EditDecision, EditInput, EditList, EditObject, EditPreview, EditPreviewRequest,
        EditScore, EditTag, EditsForm, EditsInput, ErrorBody, parse,
    },
};
use axum::{
    Json,
    extract::{Path, Query, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri};
use std::{sync::Arc, time::Duration};

/// Names a request that creates, so that sending it twice creates once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Edits on a page, unless the client says otherwise.
const DEFAULT_PAGE: usize = 20;
/// Most edits on a page.
const MAX_PAGE: usize = 100;
/// The one id that would stand for another route.
const RESERVED_ID: &str = "preview";

/// Stores one edit or several, all or none. When this answers they are durable, and the next question sees them.
#[utoipa::path(
    post,
    path = "/v1/edits",
    tag = "edits",
    request_body = EditsInput,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "Sent again with the same body this stores nothing and answers the same; with another it is 409")),
    responses(
        (status = 201, description = "The stored edits, in the order of the request", body = EditList),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 409, description = "The id stands for another edit, or the key for another request", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not declared to be JSON", body = ErrorBody),
    )
)]
pub(super) async fn add(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, ApiError> {
    let idempotency_key = idempotency_key(request.headers())?;
    let (form, edits) = body::read(&shared, request, |bytes| {
        let (form, edits) = parse::<EditsInput>(bytes)?.read(MAX_BATCH)?;
        let edits = edits.into_iter().enumerate().map(|(index, edit)| new_edit(form, index, edit));
        Ok((form, edits.collect::<Result<Vec<_>, _>>()?))
    })
    .await?;
    let stored = shared.state.editor.add(AddEdits { edits, idempotency_key }).await;
    let stored = stored.map_err(|error| in_terms_of(form, error))?;
    let list = EditList::new(stored.into_iter().map(object).collect(), false);
    Ok((StatusCode::CREATED, Json(list)).into_response())
}

fn new_edit(form: EditsForm, index: usize, input: EditInput) -> Result<NewEdit, ModelError> {
    // Unknown fields were refused when the body was read.
    let EditInput { text, subject, id, extra: _ } = input;
    let param = match form {
        EditsForm::Single => "id".to_owned(),
        EditsForm::List => format!("edits[{index}].id"),
    };
    let id = match id {
        None => None,
        Some(id) if id == RESERVED_ID => {
            return Err(ModelError::invalid(
                &param,
                format!("{param}: `{RESERVED_ID}` is the name of a route"),
            ));
        }
        Some(id) => {
            Some(EditId::new(id).map_err(|error| ModelError::invalid(&param, format!("{param}: {error}")))?)
        }
    };
    Ok(NewEdit { id, text, subject })
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

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=MAX_KEY_BYTES).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::invalid(
            "Idempotency-Key",
            format!("the header Idempotency-Key must have 1 to {MAX_KEY_BYTES} visible ASCII characters"),
        )),
    }
}

fn object(edit: Edit) -> EditObject {
    let Edit { id, seq, text, subject, created_at } = edit;
    EditObject { id, object: EditTag::Tag, seq, text, subject, created_at }
}

/// Lists the edits, oldest first.
#[utoipa::path(
    get,
    path = "/v1/edits",
    tag = "edits",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given"),
        ("after" = Option<String>, Query, description = "The id of an edit: the page begins behind it"),
    ),
    responses(
        (status = 200, description = "A page", body = EditList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<EditList>, ApiError> {
    let listed = shared.state.editor.list(page(&uri)?).await?;
    Ok(Json(EditList::new(listed.edits.into_iter().map(object).collect(), listed.has_more)))
}

fn page(uri: &Uri) -> Result<Page, ApiError> {
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        return Err(ApiError::invalid("limit", "the query cannot be read; it may hold limit and after"));
    };
    let mut page = Page { limit: DEFAULT_PAGE, after: None };
    for (name, value) in pairs {
        match name.as_str() {
            "limit" => match value.parse() {
                Ok(limit) if (1..=MAX_PAGE).contains(&limit) => page.limit = limit,
                _ => return Err(ApiError::invalid("limit", format!("limit must be from 1 to {MAX_PAGE}"))),
            },
            "after" => page.after = Some(wanted("after", &value)?),
            "order" if value == "asc" => {}
            "order" => return Err(ApiError::invalid("order", "edits are listed oldest first (asc) only")),
            _ => return Err(ApiError::invalid("query", "the query may hold limit, after and order only")),
        }
    }
    Ok(page)
}

/// Gives one edit.
#[utoipa::path(
    get,
    path = "/v1/edits/{id}",
    tag = "edits",
    params(("id" = String, Path, description = "The edit's id, which may hold slashes")),
    responses(
        (status = 200, description = "The edit", body = EditObject),
        (status = 404, description = "No such edit", body = ErrorBody),
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<EditObject>, ApiError> {
    let id = path_id(id)?;
    match shared.state.editor.get(&id) {
        Some(edit) => Ok(Json(object(edit))),
        None => Err(EditError::NotFound { id }.into()),
    }
}

/// Removes an edit. When this answers it is gone from the log and from the next question.
#[utoipa::path(
    delete,
    path = "/v1/edits/{id}",
    tag = "edits",
    params(("id" = String, Path, description = "The edit's id, which may hold slashes")),
    responses(
        (status = 200, description = "It is gone", body = DeletedEdit),
        (status = 404, description = "No such edit", body = ErrorBody),
    )
)]
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<DeletedEdit>, ApiError> {
    let removed = shared.state.editor.remove(&path_id(id)?).await?;
    Ok(Json(DeletedEdit::new(removed.id)))
}

fn path_id(id: Result<Path<String>, PathRejection>) -> Result<EditId, ApiError> {
    match id {
        Ok(Path(id)) => wanted("id", &id),
        Err(_) => Err(ApiError::invalid("id", "the id is not valid UTF-8")),
    }
}

fn wanted(param: &str, id: &str) -> Result<EditId, ApiError> {
    EditId::new(id).map_err(|error: InvalidId| ApiError::invalid(param, format!("{param}: {error}")))
}

/// Tells which edits would be put in front of a question, and what the model would read.
#[utoipa::path(
    post,
    path = "/v1/edits/preview",
    tag = "edits",
    request_body = EditPreviewRequest,
    responses(
        (status = 200, description = "What would happen", body = EditPreview),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(super) async fn preview(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let limits = shared.state.limits.request;
    let (messages, unknown) =
        body::read(&shared, request, move |bytes| parse::<EditPreviewRequest>(bytes)?.read(limits)).await?;
    let Preview { decision, edits, prompt } = shared.state.editor.preview_async(messages).await?;
    let decision = match decision {
        Decision::Apply => EditDecision::Apply,
        Decision::None => EditDecision::None,
    };
    let score = |ScoredEdit { id, text, score }| EditScore { id, text, score };
    let edits = edits.into_iter().map(score).collect();
    let mut headers = HeaderMap::new();
    ask::add_unknown_fields(&mut headers, &unknown);
    Ok((headers, Json(EditPreview { decision, edits, prompt })).into_response())
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> Self {
        let message = error.to_string();
        match error {
            EditError::InvalidEdit { param, .. } => Self::invalid(&param, message),
            EditError::NotFound { .. } => Self::not_found(message),
            EditError::Conflict { param, .. } => Self::conflict(message).at(&param),
            EditError::Full { .. } => Self::conflict(message),
            EditError::Closed => {
                let kind = ErrorKind::NotReady { retry_after: Duration::from_secs(1) };
                ModelError::new(kind, "the server is going down").with_source(error).into()
            }
            error => Self::internal(error),
        }
    }
}
