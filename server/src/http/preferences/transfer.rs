//! Preferences in bulk, as JSON lines and as Parquet.

use crate::{
    http::{
        Shared,
        edits::{
            Params,
            transfer::{is_lines, names_one_of, wants_lines},
        },
        error::ApiError,
    },
    preferences::{ImportStopped, TenantPreferences, wire},
};
use amend_proto::{ErrorKind, ModelError};
use amend_trainer::preference::format::{Container, Layout};
use axum::{
    Json,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use std::{io, time::Duration};
use tokio_util::io::ReaderStream;

const LINES: &str = "application/x-ndjson";
const PARQUET: &str = "application/vnd.apache.parquet";
/// Pairs that the format of an export cannot hold.
const LEFT_OUT: HeaderName = HeaderName::from_static("x-amend-left-out");

/// What holds the pairs of a body, if it is a file of pairs.
pub(super) fn sent(headers: &HeaderMap) -> Option<Container> {
    if names_one_of(headers.get(header::CONTENT_TYPE), &[PARQUET]) {
        return Some(Container::Parquet);
    }
    is_lines(headers).then_some(Container::JsonLines)
}

/// What is to hold the pairs of the answer, if a file is asked for.
pub(super) fn wanted(headers: &HeaderMap) -> Option<Container> {
    if names_one_of(headers.get(header::ACCEPT), &[PARQUET]) {
        return Some(Container::Parquet);
    }
    wants_lines(headers).then_some(Container::JsonLines)
}

/// Takes in a file of pairs.
pub(super) async fn import(
    shared: &Shared,
    preferences: &TenantPreferences,
    container: Container,
    request: Request,
) -> Result<Response, ApiError> {
    let Ok(_permit) = shared.imports.try_acquire() else {
        let kind = ErrorKind::Overloaded { retry_after: Duration::from_secs(1) };
        return Err(ModelError::new(kind, "too many imports are under way; send this one again later").into());
    };
    let frames = request.into_body().into_data_stream().map_err(io::Error::other);
    let frames = tokio_stream::StreamExt::timeout(frames, shared.state.limits.body_timeout)
        .map(|frame| frame.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())));
    let file = preferences.receive(frames).await?;
    match preferences.import(file, container).await {
        Ok(imported) => Ok(Json(wire::imported(imported)).into_response()),
        Err(stopped) => {
            let more = wire::after(&stopped);
            let ImportStopped { done: _, source } = *stopped;
            Err(ApiError::from(source).after(more))
        }
    }
}

fn layout(params: &Params, container: Container) -> Result<Layout, ApiError> {
    match (params.text("format"), container) {
        (None | Some("amend"), Container::JsonLines) | (Some("amend"), Container::Parquet) => {
            Ok(Layout::Amend)
        }
        (None, Container::Parquet) | (Some("trl"), _) => Ok(Layout::TrlConversational),
        (Some("trl_implicit"), _) => Ok(Layout::TrlImplicit),
        (Some("trl_plain"), _) => Ok(Layout::TrlPlain),
        (Some("ultrafeedback"), _) => Ok(Layout::UltraFeedback),
        (Some(_), _) => {
            let message = "format must be amend, trl, trl_implicit, trl_plain or ultrafeedback";
            Err(ApiError::invalid("format", message))
        }
    }
}

/// All pairs, as a file. It is whole before the first byte goes out.
pub(super) async fn export(
    preferences: &TenantPreferences,
    container: Container,
    uri: &Uri,
) -> Result<Response, ApiError> {
    let params = Params::read(uri, &["format"])?;
    let (file, report) = preferences.export(layout(&params, container)?, container).await?;
    let content_type = match container {
        Container::JsonLines => LINES,
        Container::Parquet => PARQUET,
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (LEFT_OUT, HeaderValue::from(report.unfit.values().sum::<u64>())),
    ];
    let bytes = ReaderStream::new(tokio::fs::File::from_std(file));
    Ok((headers, Body::from_stream(bytes)).into_response())
}
