//! `/v1/models` and `/v1/models/{id}`.

use super::{Shared, error::ApiError};
use amend_proto::{
    ErrorKind, ModelError,
    wire::{ErrorBody, ListTag, ModelList, ModelObject},
};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use std::sync::Arc;

fn served(shared: &Shared) -> ModelObject {
    ModelObject::new(shared.state.model.info(), shared.started)
}

/// Lists the served models.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "models",
    responses((status = 200, description = "The models", body = ModelList))
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<ModelList> {
    Json(ModelList { object: ListTag::Tag, data: vec![served(&shared)] })
}

/// Tells of one model.
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    tag = "models",
    params(("id" = String, Path, description = "The model's id, which may hold slashes, or `default`")),
    responses(
        (status = 200, description = "The model", body = ModelObject),
        (status = 404, description = "No such model", body = ErrorBody),
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelObject>, ApiError> {
    let model = served(&shared);
    match id {
        Ok(Path(id)) if id == model.id.as_str() || id == "default" => Ok(Json(model)),
        _ => {
            let message = format!("no such model is served here; there is `{}`", model.id);
            Err(ModelError::new(ErrorKind::UnknownModel, message).into())
        }
    }
}
