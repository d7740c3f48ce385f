//! `/v1/preferences`, `/v1/feedback`, and the completions that are kept for them, for the tenant that the header
//! `x-amend-tenant` names.

pub(super) mod feedback;
mod keep;
pub(super) mod kept;
pub(super) mod pairs;
mod transfer;

pub(super) use keep::{Keeper, Text};

use super::{Route, Shared, edits, error::ApiError, route};
use crate::preferences::{PreferenceError, TenantPreferences};
use amend_proto::{ErrorKind, ModelError};
use amend_trainer::preference::IdempotencyKey;
use axum::routing::{get, post};
use http::HeaderMap;
use std::{io, time::Duration};

/// The paths of this module.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/v1/chat/completions/{*id}", &["delete", "get"], get(kept::show).delete(kept::forget)),
        route("/v1/preferences", &["get", "post"], get(pairs::list).post(pairs::add)),
        route("/v1/preferences/{*id}", &["delete", "get"], get(pairs::show).delete(pairs::remove)),
        route("/v1/feedback", &["post"], post(feedback::give)),
        route("/v1/preference-settings", &["get", "put"], get(kept::settings).put(kept::set)),
    ]
}

/// The preferences that a request is about.
fn preferences(shared: &Shared, headers: &HeaderMap) -> Result<TenantPreferences, ApiError> {
    Ok(shared.state.preferences.of(edits::tenant(shared, headers)?))
}

/// The key of a request that creates.
fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let key = edits::write::idempotency_key(headers)?.map(IdempotencyKey::new).transpose();
    key.map_err(|error| ApiError::invalid("Idempotency-Key", format!("the header Idempotency-Key: {error}")))
}

/// Where a page begins.
fn after(params: &edits::Params) -> Result<i64, ApiError> {
    match params.text("after").map(str::parse) {
        None => Ok(0),
        Some(Ok(place @ 0..)) => Ok(place),
        Some(_) => Err(ApiError::invalid("after", "after must be the former page's `next`")),
    }
}

impl From<PreferenceError> for ApiError {
    fn from(error: PreferenceError) -> Self {
        let message = error.to_string();
        match error {
            PreferenceError::Invalid { param, .. } => Self::invalid(&param, message),
            PreferenceError::NotFound { .. } => Self::not_found(message),
            PreferenceError::KeyTaken | PreferenceError::KeyOfDeleted => {
                Self::conflict(message).at("Idempotency-Key")
            }
            PreferenceError::Full { .. } => Self::conflict(message),
            PreferenceError::TooLong { most } => Self::too_large(usize::try_from(most).unwrap_or(usize::MAX)),
            PreferenceError::Input(source) if source.kind() == io::ErrorKind::TimedOut => Self::slow_lines(),
            PreferenceError::Input(source) => Self::broken_body(source),
            PreferenceError::Closed => {
                let kind = ErrorKind::NotReady { retry_after: Duration::from_secs(1) };
                ModelError::new(kind, message).with_source(PreferenceError::Closed).into()
            }
            error => Self::internal(error),
        }
    }
}
