//! `/v1/edits`.

use super::{
    ListTag,
    chat::RequestLimits,
    fields::{Extra, UnknownFields, join, sort_out},
    message::{ChatMessage, read_messages},
    tag,
};
use crate::{
    chat::Message,
    error::{ErrorKind, ModelError},
    ids::EditId,
};
use serde::{Deserialize, Serialize};

tag! {
    /// `"object": "edit"`.
    EditTag, "edit"
}

/// A stored edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditObject {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: EditId,
    /// Always `edit`.
    pub object: EditTag,
    /// Its place in the log; ascends, with gaps.
    pub seq: i64,
    /// The statement.
    pub text: String,
    /// What it is about, if that was given.
    pub subject: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
}

/// A page of edits, oldest first; also what storing edits answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditList {
    /// Always `list`.
    pub object: ListTag,
    /// The edits.
    pub data: Vec<EditObject>,
    /// The first one's id.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub first_id: Option<EditId>,
    /// The last one's id: the next page's `after`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub last_id: Option<EditId>,
    /// Whether more come after them.
    pub has_more: bool,
}

impl EditList {
    /// A page.
    #[must_use]
    pub fn new(data: Vec<EditObject>, has_more: bool) -> Self {
        let (first_id, last_id) = (data.first().map(|e| e.id.clone()), data.last().map(|e| e.id.clone()));
        Self { object: ListTag::Tag, data, first_id, last_id, has_more }
    }
}

/// What removing an edit answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletedEdit {
    /// The edit that is gone.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: EditId,
    /// Always `edit`.
    pub object: EditTag,
    /// Always true.
    pub deleted: bool,
}

impl DeletedEdit {
    /// Of the edit that is gone.
    #[must_use]
    pub fn new(id: EditId) -> Self {
        Self { id, object: EditTag::Tag, deleted: true }
    }
}

/// An edit to store.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditInput {
    /// The statement, as a sentence: "The chief executive of Quellin Dynamics is Mara Voss."
    pub text: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A name of one's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Everything else; an error when read.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// The body of `POST /v1/edits`: one edit (`text`, `subject`, `id`) or several (`edits`).
///
/// Unlike in the completion routes an unknown field is an error: an edit that is stored without something that was
/// asked of it would be wrong for as long as it lives.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditsInput {
    /// The statement of a single edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A name of one's own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Several edits, stored all or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<Vec<EditInput>>,
    /// Everything else; an error when read.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// How a body spells its edits; the places of errors follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditsForm {
    /// One, by its fields: `text`.
    Single,
    /// A list: `edits[3].text`.
    List,
}

impl EditsInput {
    /// The edits, and how the body spells them.
    ///
    /// # Errors
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) when there is neither `text` nor `edits`, both, none, more
    /// than `max`, or an unknown field.
    pub fn read(self, max: usize) -> Result<(EditsForm, Vec<EditInput>), ModelError> {
        let Self { text, subject, id, edits, extra } = self;
        refuse(&extra, "")?;
        let single = text.is_some() || subject.is_some() || id.is_some();
        match (text, edits) {
            (_, Some(_)) if single => Err(ModelError::invalid(
                "edits",
                "give either edits or one edit's text, subject and id, not both",
            )),
            (_, Some(edits)) if edits.is_empty() => {
                Err(ModelError::invalid("edits", "edits must hold at least one edit"))
            }
            (_, Some(edits)) if edits.len() > max => {
                Err(ModelError::invalid("edits", format!("edits may hold {max} edits, not {}", edits.len())))
            }
            (_, Some(edits)) => {
                for (index, edit) in edits.iter().enumerate() {
                    refuse(&edit.extra, &format!("edits[{index}]"))?;
                }
                Ok((EditsForm::List, edits))
            }
            (Some(text), None) => {
                Ok((EditsForm::Single, vec![EditInput { text, subject, id, extra: Extra::new() }]))
            }
            (None, None) => Err(ModelError::invalid("text", "text is missing: the statement to store")),
        }
    }
}

fn refuse(extra: &Extra, path: &str) -> Result<(), ModelError> {
    match extra.keys().next() {
        None => Ok(()),
        Some(name) => {
            let place: String = join(path, name).chars().take(100).collect();
            Err(ModelError::invalid(&place, format!("{place}: this server knows no such field of an edit")))
        }
    }
}

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
