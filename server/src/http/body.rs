//! From a request to what its body says, within bounds of size, time and memory; and from a long answer to a body.

use super::{Shared, error::ApiError};
use amend_proto::{ErrorKind, ModelError};
use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, header};
use serde::Serialize;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// Bytes that one permit of the memory budget stands for: permits are counted in 32 bits.
const PERMIT_BYTES: usize = 1 << 10;
/// A body's share grows by so much at a time.
const SHARE_BYTES: usize = 128 << 10;

/// Reads the body and lets `understand` make sense of it, off the runtime when it is large.
///
/// # Errors
/// 415 when the body is not declared to be JSON, 413, 408, 429 when too many large bodies wait, and whatever
/// `understand` says.
pub(super) async fn read<T, F>(shared: &Shared, request: Request, understand: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&[u8]) -> Result<T, ModelError> + Send + 'static,
{
    let limits = &shared.state.limits;
    let (parts, body) = request.into_parts();
    check_type(&parts.headers)?;
    let announced = announced(&parts.headers);
    if announced.is_some_and(|bytes| bytes > limits.max_body_bytes) {
        return Err(ApiError::too_large(limits.max_body_bytes));
    }
    let mut share = None;
    let arriving = collect(shared, body, announced.unwrap_or(0), &mut share);
    let Ok(arrived) = tokio::time::timeout(limits.body_timeout, arriving).await else {
        return Err(ApiError::slow_body(limits.body_timeout));
    };
    let bytes = arrived?;
    if bytes.len() <= limits.off_runtime_bytes {
        return Ok(understand(&bytes)?);
    }
    let understood = tokio::task::spawn_blocking(move || understand(&bytes)).await;
    Ok(understood.map_err(ApiError::internal)??)
}

/// Writes an answer that may be long, off the runtime.
///
/// # Errors
/// 500 when it cannot be written, which the wire's types always can.
pub(super) async fn written<T: Serialize + Send + 'static>(answer: T) -> Result<Response, ApiError> {
    let written = tokio::task::spawn_blocking(move || serde_json::to_vec(&answer)).await;
    let bytes = written.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// Whether the body is declared to be JSON.
///
/// Not a formality: without it any web page could post an edit to a daemon on its reader's machine, since browsers
/// send forms and plain texts anywhere without asking.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let declared =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json =
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    if json { Ok(()) } else { Err(ApiError::not_json()) }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A share of the memory for large bodies that is enough for so many bytes, as soon as there is room.
async fn reserve<'a>(
    shared: &'a Shared,
    share: &mut Option<SemaphorePermit<'a>>,
    bytes: usize,
) -> Result<(), ApiError> {
    let held = share.as_ref().map_or(0, |share| share.num_permits());
    let missing = bytes.div_ceil(SHARE_BYTES) * (SHARE_BYTES / PERMIT_BYTES);
    let missing = missing.saturating_sub(held);
    if missing == 0 {
        return Ok(());
    }
    let permits = u32::try_from(missing).unwrap_or(u32::MAX);
    let room = shared.large_bodies.acquire_many(permits);
    match tokio::time::timeout(shared.state.limits.body_timeout / 2, room).await {
        Ok(Ok(permit)) => {
            match share {
                Some(share) => share.merge(permit),
                None => *share = Some(permit),
            }
            Ok(())
        }
        Ok(Err(closed)) => Err(ApiError::internal(closed)),
        Err(_) => {
            let kind = ErrorKind::Overloaded { retry_after: Duration::from_secs(1) };
            Err(ModelError::new(kind, "too many large bodies are being read; send this one again later")
                .into())
        }
    }
}

/// How many permits stand for this much memory.
pub(super) fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT_BYTES).min(tokio::sync::Semaphore::MAX_PERMITS)
}

/// Reads to the end. A large body takes its `share` as its bytes come: what was announced is the client's word.
async fn collect<'a>(
    shared: &'a Shared,
    body: Body,
    expected: usize,
    share: &mut Option<SemaphorePermit<'a>>,
) -> Result<Bytes, ApiError> {
    let limits = &shared.state.limits;
    let mut frames = body.into_data_stream();
    let mut bytes = BytesMut::new();
    while let Some(frame) = frames.next().await {
        let frame = frame.map_err(ApiError::broken_body)?;
        let length = bytes.len() + frame.len();
        if length > limits.max_body_bytes {
            return Err(ApiError::too_large(limits.max_body_bytes));
        }
        if length > limits.off_runtime_bytes {
            reserve(shared, share, length).await?;
        }
        if length == expected && bytes.is_empty() {
            return Ok(frame);
        }
        // Beyond a first allotment, memory is taken as bytes come.
        bytes.reserve(frame.len().max(expected.min(limits.off_runtime_bytes).saturating_sub(bytes.len())));
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes.freeze())
}
