//! Server-sent events: what their answers have in common.

use super::error::ApiError;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::convert::Infallible;

/// What a client sends that connects again: the last event that it got.
const LAST_EVENT_ID: &str = "last-event-id";

/// Marks an answer as events that nobody on the way stores or holds back.
pub(super) fn mark(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks nginx not to gather them.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
}

/// An answer of events.
pub(super) fn answer(frames: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    let mut response = Body::from_stream(frames).into_response();
    mark(response.headers_mut());
    response
}

/// The number of the event that a client got last: `what` the number counts stands in the error.
pub(super) fn last(headers: &HeaderMap, what: &str) -> Result<Option<i64>, ApiError> {
    let read = |value: &HeaderValue| {
        let number = value.to_str().ok().and_then(|text| text.parse().ok()).filter(|number| *number >= 0);
        number.ok_or_else(|| {
            let message = format!("the header Last-Event-ID must be the number of {what}");
            ApiError::invalid("Last-Event-ID", message)
        })
    };
    headers.get(LAST_EVENT_ID).map(read).transpose()
}
