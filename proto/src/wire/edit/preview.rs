//! `POST /v1/edits/preview`.

use crate::{
    chat::Message,
    error::{ErrorKind, ModelError},
    ids::EditId,
    wire::{
        chat::RequestLimits,
        fields::{Extra, UnknownFields, sort_out},
        message::{ChatMessage, read_messages},
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The body of `POST /v1/edits/preview`: `query` or `messages`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditPreviewRequest {
    /// One question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// A conversation that ends in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<ChatMessage>>,
    /// `true`: also which edits were considered, and why each is applied or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<bool>,
    /// Everything else; reported, without effect.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// How much a preview tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewDetail {
    /// What would be done.
    Outcome,
    /// And why.
    Explained,
}

impl EditPreviewRequest {
    /// The conversation, how much is to be told of it, and what of the request had no effect.
    ///
    /// # Errors
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) unless there is exactly one of the two, and as the messages of
    /// a chat completion.
    pub fn read(
        self,
        limits: RequestLimits,
    ) -> Result<(Vec<Message>, PreviewDetail, UnknownFields), ModelError> {
        let Self { query, messages, explain, extra } = self;
        let mut unknown = UnknownFields::default();
        sort_out(&extra, "", &[], &mut unknown)?;
        let messages = match (query, messages) {
            (Some(query), None) => vec![Message::user(query)],
            (None, Some(messages)) => read_messages(Some(messages), limits.max_messages, &mut unknown)?,
            (Some(_), Some(_)) | (None, None) => {
                let kind = ErrorKind::InvalidRequest { param: Some("query".to_owned()) };
                return Err(ModelError::new(kind, "give either query or messages"));
            }
        };
        let detail = match explain {
            Some(true) => PreviewDetail::Explained,
            _ => PreviewDetail::Outcome,
        };
        Ok((messages, detail, unknown))
    }
}

/// Whether edits would be put in front of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EditDecision {
    /// These edits.
    Apply,
    /// None: the question is out of every edit's scope.
    None,
}

/// An edit with its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditScore {
    /// Which edit.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: EditId,
    /// Its statement.
    pub text: String,
    /// How well it matches the question; higher is closer.
    pub score: f32,
}

/// What `POST /v1/edits/preview` answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditPreview {
    /// Whether edits would be applied.
    pub decision: EditDecision,
    /// Those that are applied, as they stand in the prompt: the best last.
    pub edits: Vec<EditScore>,
    /// Those in scope that are not applied because their tokens exceed the budget, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<EditScore>,
    /// With `explain`: from this probability on an edit is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// With `explain`: the edits that were considered, best first, near misses among them; at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub considered: Option<Vec<EditConsidered>>,
    /// The last user message as the model would see it.
    pub prompt: String,
}

/// What became of an edit that was considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EditVerdict {
    /// It goes in front of the question.
    Applied,
    /// Its probability is below the threshold.
    Unlikely,
    /// The question names something longer at that place: Equatorial Guinea, not Guinea.
    LongerName,
    /// Nothing tells what is asked, and another edit of the same name fits.
    BetterFit,
    /// It is in scope, but as many as are allowed fit better.
    Beyond,
    /// It is in scope, but its tokens exceed what the better ones left.
    OverBudget,
}

/// An edit that was considered for a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditConsidered {
    /// Which edit, and its score.
    #[serde(flatten)]
    pub edit: EditScore,
    /// The probability of its own that it is in scope; its score may be that of an edit that states the same of the same.
    pub probability: f32,
    /// What became of it.
    pub verdict: EditVerdict,
    /// What the probability was made of, by name: each from −1 to 1.
    pub features: BTreeMap<String, f32>,
}
