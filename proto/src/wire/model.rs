//! `/v1/models`, `/livez`, `/readyz`.

use super::{ListTag, tag};
use crate::{ids::ModelId, ids::RevisionId, model::ModelInfo};
use serde::{Deserialize, Serialize};

tag! {
    /// `"object": "model"`.
    ModelTag, "model"
}

/// The models that are served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelList {
    /// Always `list`.
    pub object: ListTag,
    /// The models.
    pub data: Vec<ModelObject>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelObject {
    /// The name to ask for.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: ModelId,
    /// Always `model`.
    pub object: ModelTag,
    /// When it was loaded, in Unix seconds.
    pub created: u64,
    /// Who serves it: always `amend`.
    pub owned_by: OwnerTag,
    /// What Amend says of it.
    pub amend: ModelDetails,
}

tag! {
    /// `"owned_by": "amend"`.
    OwnerTag, "amend"
}

/// What Amend says of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelDetails {
    /// The revision that answers now.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub revision: RevisionId,
    /// Most tokens of prompt and answer together.
    pub context_length: usize,
    /// Where it comes from.
    pub description: String,
}

impl ModelObject {
    /// Of a model that was loaded at `created`, in Unix seconds.
    #[must_use]
    pub fn new(info: ModelInfo, created: u64) -> Self {
        let ModelInfo { id, revision, context_length, description } = info;
        let amend = ModelDetails { revision, context_length, description };
        Self { id, object: ModelTag::Tag, created, owned_by: OwnerTag::Tag, amend }
    }
}

/// The body of `/livez` and `/readyz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// How the daemon is.
    pub status: HealthStatus,
}

/// How the daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum HealthStatus {
    /// It runs.
    Live,
    /// It runs and loads its model.
    Starting,
    /// It answers.
    Ready,
    /// It finishes what it began and takes nothing new.
    Draining,
}
