//! Messages of a conversation.

use super::{
    content::Content,
    fields::{Extra, Known, UnknownFields, empty_list, join, never, sort_out},
    tool::ToolCallObject,
};
use crate::{
    chat::{Message, Role},
    error::ModelError,
};
use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum MessageRole {
    /// Instructions of the application.
    System,
    /// The newer name of `system`.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
    /// The result of a call in the API before tools; refused.
    Function,
}

/// One message of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatMessage {
    /// Who speaks.
    pub role: MessageRole,
    /// What is said: a text or parts of type `text`. An assistant message that calls tools may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// The calls of an assistant message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCallObject>>,
    /// The call that a tool message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

const NAME: Known = Known {
    name: "name",
    harmless: never,
    why: "chat templates know no names of participants; put the name into the content",
};
const REFUSED: [Known; 4] = [
    Known { name: "audio", harmless: never, why: "this server reads and writes text only" },
    Known {
        name: "refusal",
        harmless: never,
        why: "refusals are not known apart; put the text into content",
    },
    Known {
        name: "function_call",
        harmless: never,
        why: "functions have been replaced by tools; use tool_calls",
    },
    Known { name: "annotations", harmless: empty_list, why: "annotations cannot be given to the model" },
];

impl ChatMessage {
    /// The message as the model sees it. `path` is its place in the body, such as `messages[0]`.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) or [`Unsupported`](crate::ErrorKind::Unsupported), with
    /// the place of what is wrong.
    pub fn read(self, path: &str, unknown: &mut UnknownFields) -> Result<Message, ModelError> {
        let Self { role, content, tool_calls, tool_call_id, extra } = self;
        let role = match role {
            MessageRole::System | MessageRole::Developer => Role::System,
            MessageRole::User => Role::User,
            MessageRole::Assistant => Role::Assistant,
            MessageRole::Tool => Role::Tool,
            MessageRole::Function => {
                let path = join(path, "role");
                let message = format!("{path}: functions have been replaced by tools; use the role tool");
                return Err(ModelError::unsupported(path, message));
            }
        };
        check_extra(role, &extra, path, unknown)?;
        let calls = tool_calls.unwrap_or_default();
        if !calls.is_empty() && role != Role::Assistant {
            return Err(misplaced(path, "tool_calls", "only a message of the assistant calls tools"));
        }
        if tool_call_id.is_some() && role != Role::Tool {
            return Err(misplaced(path, "tool_call_id", "only a message of a tool answers a call"));
        }
        if tool_call_id.is_none() && role == Role::Tool {
            return Err(misplaced(path, "tool_call_id", "missing: a message of a tool answers a call"));
        }
        let content = match content {
            Some(content) => content.read(&join(path, "content"), unknown)?,
            None if calls.is_empty() => {
                return Err(misplaced(path, "content", "missing: a message says something"));
            }
            None => String::new(),
        };
        let mut tool_calls = Vec::with_capacity(calls.len());
        for (index, call) in calls.into_iter().enumerate() {
            tool_calls.push(call.read(&format!("{path}.tool_calls[{index}]"), unknown)?);
        }
        Ok(Message { role, content, tool_calls, tool_call_id })
    }
}

fn check_extra(role: Role, extra: &Extra, path: &str, unknown: &mut UnknownFields) -> Result<(), ModelError> {
    let [audio, refusal, call, annotations] = REFUSED;
    match role {
        // A tool's name only repeats what its call id says: leaving it out changes nothing, and it is reported.
        Role::Tool => sort_out(extra, path, &[audio, refusal, call, annotations], unknown),
        Role::System | Role::User | Role::Assistant => {
            sort_out(extra, path, &[NAME, audio, refusal, call, annotations], unknown)
        }
    }
}

fn misplaced(path: &str, field: &str, why: &str) -> ModelError {
    let path = join(path, field);
    let message = format!("{path}: {why}");
    ModelError::invalid(path, message)
}

/// Reads `messages`, of which there are at least one and at most `max`.
///
/// # Errors
/// As [`ChatMessage::read`].
pub(super) fn read_messages(
    messages: Option<Vec<ChatMessage>>,
    max: usize,
    unknown: &mut UnknownFields,
) -> Result<Vec<Message>, ModelError> {
    let messages = messages.unwrap_or_default();
    if messages.is_empty() {
        return Err(ModelError::invalid("messages", "messages must hold at least one message"));
    }
    if messages.len() > max {
        let message = format!("messages may hold {max} messages, not {}", messages.len());
        return Err(ModelError::invalid("messages", message));
    }
    let mut read = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        read.push(message.read(&format!("messages[{index}]"), unknown)?);
    }
    Ok(read)
}

impl From<Message> for ChatMessage {
    fn from(message: Message) -> Self {
        let Message { role, content, tool_calls, tool_call_id } = message;
        let role = match role {
            Role::System => MessageRole::System,
            Role::User => MessageRole::User,
            Role::Assistant => MessageRole::Assistant,
            Role::Tool => MessageRole::Tool,
        };
        let calls: Vec<_> = tool_calls.into_iter().map(ToolCallObject::from).collect();
        Self {
            role,
            content: (!content.is_empty() || calls.is_empty()).then_some(Content::Text(content)),
            tool_calls: (!calls.is_empty()).then_some(calls),
            tool_call_id,
            extra: Extra::new(),
        }
    }
}
