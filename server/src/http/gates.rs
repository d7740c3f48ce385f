//! `/v1/gates`: may a revision ship?

use super::{
    Route, Shared, body, edits::params::Params, error::ApiError, ids::path_id, jobs::optional, route,
};
use crate::{
    gates::{Begun, GateError, Gates, ReportFormat, ReportWanted},
    paging::Page,
};
use amend_proto::{
    GateId,
    wire::{ErrorBody, GateList, GateObject, GateRequest, GateState, ListTag, parse},
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// The longest that an answer waits for a verdict.
const MOST_WAIT: u64 = 60;
/// When to ask again for a verdict that is not there yet.
const ASK_AGAIN: &str = "5";

/// The paths of this module.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/v1/gates", &["get", "post"], get(list).post(begin)),
        route("/v1/gates/webhook", &["post"], post(webhook)),
        route("/v1/gates/{id}", &["get"], get(show)),
        route("/v1/gates/{id}/report", &["get"], get(report)),
    ]
}

/// Whether the status of an answer tells the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Require {
    Nothing,
    Pass,
}

impl Require {
    fn read(params: &Params) -> Result<Self, ApiError> {
        match params.text("require") {
            None => Ok(Self::Nothing),
            Some("pass") => Ok(Self::Pass),
            Some(_) => Err(ApiError::invalid("require", "require must be `pass`")),
        }
    }

    fn answer(self, gate: GateObject) -> Response {
        let status = match (self, gate.state) {
            (Self::Nothing, _) | (Self::Pass, GateState::Pass) => StatusCode::OK,
            (Self::Pass, GateState::Queued | GateState::Running) => StatusCode::SERVICE_UNAVAILABLE,
            (Self::Pass, _) => StatusCode::PRECONDITION_FAILED,
        };
        let mut response = (status, Json(gate)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(ASK_AGAIN));
        }
        response
    }
}

/// Lists gates, newest first.
#[utoipa::path(
    get,
    path = "/v1/gates",
    tag = "gates",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given"),
        ("after" = Option<String>, Query, description = "The former page's `next`"),
    ),
    responses(
        (status = 200, description = "A page", body = GateList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<GateList>, ApiError> {
    let params = Params::read(&uri, &["limit", "after"])?;
    let (limit, after) = (params.limit()?, params.id::<GateId>("after")?);
    let page = Page::of(gates(&shared).list(after.as_ref(), limit + 1).await?, limit);
    let next = page.next(|gate| gate.id.clone());
    Ok(Json(GateList { object: ListTag::Tag, data: page.items, has_more: page.has_more, next }))
}

/// Begins a gate: the candidate and the live revision are measured on the suites of the policy, when its turn comes. Ask for
/// it until it has a verdict.
#[utoipa::path(
    post,
    path = "/v1/gates",
    tag = "gates",
    request_body = GateRequest,
    responses(
        (status = 200, description = "With `reuse`: the one that stands, or is under way", body = GateObject),
        (status = 201, description = "It waits for its turn", body = GateObject),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 404, description = "No such revision", body = ErrorBody),
        (status = 409, description = "A gate of that revision is under way", body = ErrorBody),
        (status = 429, description = "Too many jobs wait", body = ErrorBody),
    )
)]
pub(super) async fn begin(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<(StatusCode, Json<GateObject>), ApiError> {
    let request = body::read(&shared, request, parse::<GateRequest>).await?;
    Ok(match gates(&shared).begin(request).await? {
        Begun::New(gate) => (StatusCode::CREATED, Json(gate)),
        Begun::Standing(gate) => (StatusCode::OK, Json(gate)),
    })
}

/// Tells of one gate: `state` is queued, running, pass, fail, inconclusive, error or cancelled.
#[utoipa::path(
    get,
    path = "/v1/gates/{id}",
    tag = "gates",
    params(
        ("id" = String, Path, description = "The gate"),
        ("require" = Option<String>, Query, description = "`pass`: the status is 200 for a gate that passed only"),
        ("wait" = Option<u64>, Query, description = "Answer when it has ended, or after so many seconds, up to 60"),
    ),
    responses(
        (status = 200, description = "The gate", body = GateObject),
        (status = 404, description = "No such gate", body = ErrorBody),
        (status = 412, description = "With `require=pass`: it ended, and did not pass", body = GateObject),
        (status = 503, description = "With `require=pass`: it has not ended", body = GateObject),
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let id: GateId = path_id(id)?;
    let params = Params::read(&uri, &["require", "wait"])?;
    let require = Require::read(&params)?;
    let wait = match params.text("wait").map(str::parse) {
        None => 0,
        Some(Ok(seconds)) if seconds <= MOST_WAIT => seconds,
        Some(_) => return Err(ApiError::invalid("wait", format!("wait must be 0 to {MOST_WAIT} seconds"))),
    };
    let gate = gates(&shared).ended(&id, Duration::from_secs(wait)).await?;
    Ok(require.answer(gate))
}

/// What a gate measured: a page to read, or a file for programs.
#[utoipa::path(
    get,
    path = "/v1/gates/{id}/report",
    tag = "gates",
    params(
        ("id" = String, Path, description = "The gate"),
        ("suite" = Option<String>, Query, description = "What the candidate answered to this suite; the verdict, unless given"),
        ("format" = Option<String>, Query, description = "`html` (unless given), `json`, `markdown` or `junit`"),
    ),
    responses(
        (status = 200, description = "The report", body = String, content_type = "text/html"),
        (status = 404, description = "No such gate, or it has measured nothing yet", body = ErrorBody),
    )
)]
pub(super) async fn report(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let id: GateId = path_id(id)?;
    let params = Params::read(&uri, &["format", "suite"])?;
    let format = params.text("format").unwrap_or("html").parse::<ReportFormat>();
    let format = format.map_err(|error| ApiError::invalid("format", error.to_string()))?;
    let wanted = ReportWanted { suite: params.owned("suite"), format };
    let report = gates(&shared).report(&id, wanted).await?;
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        // A page of answers that a model wrote: nothing in it runs or is fetched.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
        ),
    ];
    Ok((headers, report).into_response())
}

/// What Flagger sends; what is not needed is not looked at.
#[derive(Debug, Default, Deserialize)]
struct WebhookCall {
    #[serde(default)]
    metadata: WebhookMetadata,
}

#[derive(Debug, Default, Deserialize)]
struct WebhookMetadata {
    candidate: Option<String>,
}

/// For Flagger's webhooks, whose `metadata` names the `candidate` (the newest candidate, unless given): 200 when it passed
/// against what is live, 412 when it did not, and 503 while that is not known. The first call begins the gate.
#[utoipa::path(
    post,
    path = "/v1/gates/webhook",
    tag = "gates",
    request_body(content = Object, description = "`{\"metadata\": {\"candidate\": \"sha256:…\"}}`; further fields are not looked at"),
    responses(
        (status = 200, description = "It passed", body = GateObject),
        (status = 404, description = "No such revision", body = ErrorBody),
        (status = 412, description = "It did not pass", body = GateObject),
        (status = 503, description = "It has not ended", body = GateObject),
    )
)]
pub(super) async fn webhook(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let WebhookCall { metadata } = optional(&shared, request).await?;
    let gates = gates(&shared);
    let candidate = match metadata.candidate {
        Some(candidate) => candidate,
        None => gates.newest_candidate().await?.to_string(),
    };
    let request = GateRequest { reuse: true, ..GateRequest::of(candidate) };
    Ok(Require::Pass.answer(gates.begin(request).await?.into_gate()))
}

fn gates(shared: &Shared) -> &Gates {
    &shared.state.learning.gates
}

impl From<GateError> for ApiError {
    fn from(error: GateError) -> Self {
        let message = error.to_string();
        match error {
            GateError::NotFound(_) | GateError::NoReport(_) | GateError::NoCandidate => {
                Self::not_found(message)
            }
            GateError::Invalid { param, .. } => Self::invalid(param, message),
            GateError::UnderWay { .. } => Self::conflict(message).at("candidate"),
            GateError::Revision(error) => error.into(),
            GateError::Job(error) => error.into(),
            error => Self::internal(error),
        }
    }
}
