//! Edits in bulk, as JSON lines.

use super::{Params, editor};
use crate::{
    edits::{as_of, wire},
    http::{Shared, error::ApiError},
};
use amend_editor::{EditError, ImportOptions, ImportStopped, TenantEditor};
use amend_proto::{ErrorKind, ModelError, wire::ConflictRule};
use axum::{
    Json,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue, Uri, header};
use std::{io, time::Duration};
use tokio_util::io::StreamReader;

/// The media types of JSON lines: what is sent, and what others call it.
const LINES: [&str; 3] = ["application/x-ndjson", "application/jsonl", "application/x-jsonlines"];
/// The entry of the log whose state an export gives.
const SEQ: &str = "x-amend-seq";

/// Whether the body is JSON lines.
pub(in crate::http) fn is_lines(headers: &HeaderMap) -> bool {
    names_lines(headers.get(header::CONTENT_TYPE))
}

/// Whether JSON lines are asked for.
pub(in crate::http) fn wants_lines(headers: &HeaderMap) -> bool {
    names_lines(headers.get(header::ACCEPT))
}

/// Whether one of the media ranges of a header is JSON lines.
fn names_lines(value: Option<&HeaderValue>) -> bool {
    names_one_of(value, &LINES)
}

/// Whether one of the media ranges of a header is one of these.
pub(in crate::http) fn names_one_of(value: Option<&HeaderValue>, types: &[&str]) -> bool {
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    value
        .split(',')
        .filter_map(|range| range.split(';').next())
        .any(|essence| types.iter().any(|known| essence.trim().eq_ignore_ascii_case(known)))
}

/// Takes in the lines of a body as they come; memory is bounded whatever its size.
pub(super) async fn import(
    shared: &Shared,
    editor: &TenantEditor,
    request: Request,
) -> Result<Response, ApiError> {
    let params = Params::read(request.uri(), &["on_conflict", "author", "reason"])?;
    let options = ImportOptions {
        on_conflict: wire::on_conflict(rule(&params)?),
        by: wire::by(params.owned("author"), params.owned("reason")),
    };
    let Ok(_permit) = shared.imports.try_acquire() else {
        let kind = ErrorKind::Overloaded { retry_after: Duration::from_secs(1) };
        return Err(ModelError::new(kind, "too many imports are under way; send this one again later").into());
    };
    let patience = shared.state.limits.body_timeout;
    let frames = request.into_body().into_data_stream().map_err(io::Error::other);
    let frames = tokio_stream::StreamExt::timeout(frames, patience)
        .map(|frame| frame.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())));
    let lines = StreamReader::new(Box::pin(frames));
    match editor.import(lines, options).await {
        Ok(report) => Ok(Json(wire::import(report)).into_response()),
        Err(stopped) => Err(told(stopped)),
    }
}

fn rule(params: &Params) -> Result<ConflictRule, ApiError> {
    match params.text("on_conflict") {
        None | Some("keep_both") => Ok(ConflictRule::KeepBoth),
        Some("refuse") => Ok(ConflictRule::Refuse),
        Some("supersede") => Ok(ConflictRule::Supersede),
        Some(_) => {
            Err(ApiError::invalid("on_conflict", "on_conflict must be keep_both, refuse or supersede"))
        }
    }
}

/// What was done before is in the log, so the client is told how much.
fn told(stopped: ImportStopped) -> ApiError {
    let ImportStopped { report, source } = stopped;
    let stored = report.added + report.superseded + report.unchanged;
    let error = ApiError::from(source);
    error.after(format!("; {stored} edits are stored, and sending all of it again stores the rest"))
}

/// All edits of a state, one a line.
pub(super) fn export(shared: &Shared, headers: &HeaderMap, uri: &Uri) -> Result<Response, ApiError> {
    let params = Params::read(uri, &["as_of"])?;
    let editor = editor(shared, headers)?;
    let seq = params.seq("as_of")?.unwrap_or_else(|| shared.state.edits.editor().last_seq());
    let lines = editor.export(Some(seq)).map_err(as_of)?;
    // An error breaks the body off: a list that only looks whole would be worse.
    let lines = lines.inspect_err(|error: &EditError| tracing::error!(%error, "an export broke off"));
    let headers = [
        (header::CONTENT_TYPE.as_str(), HeaderValue::from_static(LINES[0])),
        (SEQ, HeaderValue::from(seq.get())),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}
