//! Ids in paths and queries.

use super::error::ApiError;
use amend_proto::InvalidId;
use axum::extract::{Path, rejection::PathRejection};
use std::str::FromStr;

/// The id in the path of a request.
pub(super) fn path_id<Id: FromStr<Err = InvalidId>>(
    id: Result<Path<String>, PathRejection>,
) -> Result<Id, ApiError> {
    match id {
        Ok(Path(id)) => read_id("id", &id),
        Err(_) => Err(ApiError::invalid("id", "the id is not valid UTF-8")),
    }
}

/// The id that a parameter holds.
pub(super) fn read_id<Id: FromStr<Err = InvalidId>>(param: &str, id: &str) -> Result<Id, ApiError> {
    id.parse().map_err(|error: InvalidId| ApiError::invalid(param, format!("{param}: {error}")))
}
