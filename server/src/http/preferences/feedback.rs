//! `POST /v1/feedback`.

use super::{key, preferences};
use crate::{
    http::{Shared, body, edits::Params, error::ApiError},
    preferences::{hash_of, wire},
};
use amend_proto::{
    ModelError,
    wire::{ErrorBody, FeedbackInput, FeedbackObject, parse},
};
use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use std::sync::Arc;

/// Says of a kept completion how good it is. A correction makes a preference, a choice one with each other answer; a
/// thumb or a rating makes one together with an opposite one on the same question.
///
/// When this answers, what was said is durable. Of each answer the newest thumb or rating, and the newest correction,
/// count: saying something else takes the place of what was said and of the preferences that it made.
#[utoipa::path(
    post,
    path = "/v1/feedback",
    tag = "preferences",
    request_body = FeedbackInput,
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose; `default` unless given"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "Sent again with the same body this does nothing more; with another it is 409"),
    ),
    responses(
        (status = 201, description = "What became of it", body = FeedbackObject),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 404, description = "No such completion is kept", body = ErrorBody),
        (status = 409, description = "The key stands for another request, or there is no more room", body = ErrorBody),
    )
)]
pub(in crate::http) async fn give(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<(StatusCode, Json<FeedbackObject>), ApiError> {
    let preferences = preferences(&shared, request.headers())?;
    Params::read(request.uri(), &[])?;
    let key = key(request.headers())?;
    let (said, hash) = body::read(&shared, request, |bytes| {
        let hash = hash_of("feedback", bytes);
        let said = wire::feedback(parse::<FeedbackInput>(bytes)?.read()?);
        let said = said.ok_or_else(|| ModelError::invalid("rating", "rating must be from 1 to 5"))?;
        Ok((said, hash))
    })
    .await?;
    let judged = preferences.judge(said, key.map(|key| (key, hash))).await?;
    Ok((StatusCode::CREATED, Json(wire::judged(judged))))
}
