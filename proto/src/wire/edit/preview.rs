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
    /// Everything else; reported, without effect.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

impl EditPreviewRequest {
    /// The conversation, and what of it had no effect.
    ///
    /// # Errors
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) unless there is exactly one of the two, and as the messages of
    /// a chat completion.
    pub fn read(self, limits: RequestLimits) -> Result<(Vec<Message>, UnknownFields), ModelError> {
        let Self { query, messages, extra } = self;
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
        Ok((messages, unknown))
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
    /// Those that came into question, best first.
    pub edits: Vec<EditScore>,
    /// The last user message as the model would see it.
    pub prompt: String,
}
