//! What a model is asked: messages, sampling, output constraints.

use crate::ids::{ModelId, RequestId, TenantId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions of the application. The wire's `developer` is read as this.
    System,
    /// The person, or the application in their name.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// The name that chat templates know this role by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One function call that the model asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Ties the tool's result to this call.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// The arguments as the model wrote them: JSON, unless the model erred.
    pub arguments: String,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said; empty for an assistant message that only calls tools.
    pub content: String,
    /// The calls of an assistant message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A message of `role` with no tool calls.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new(), tool_call_id: None }
    }

    /// A system message.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    /// A user message.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// An assistant message.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// What is said in all of them, line by line: a text to compare other texts with.
    #[must_use]
    pub fn joined(messages: &[Self]) -> String {
        let said: Vec<&str> = messages.iter().map(|message| message.content.as_str()).collect();
        said.join("\n")
    }
}

/// What the model continues.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// A conversation, rendered by the model's own chat template.
    Chat(Vec<Message>),
    /// A text to go on with as it stands, no template (`/v1/completions`).
    Text(String),
}

/// How tokens are drawn. `None` leaves the choice to the model's own defaults.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sampling {
    /// Most tokens to generate. The context that is left bounds it as well.
    pub max_tokens: Option<u32>,
    /// Softmax temperature, 0 to 2; 0 is greedy.
    pub temperature: Option<f32>,
    /// Nucleus sampling: the smallest set of tokens with this much probability, 0 < p ≤ 1.
    pub top_p: Option<f32>,
    /// Only the k most probable tokens.
    pub top_k: Option<u32>,
    /// Only tokens with at least this share of the most probable token's probability.
    pub min_p: Option<f32>,
    /// −2 to 2: subtracted once from the logit of a token that has occurred.
    pub presence_penalty: Option<f32>,
    /// −2 to 2: subtracted from a token's logit for each time that it has occurred.
    pub frequency_penalty: Option<f32>,
    /// Added to the logits of these token ids, −100 to 100.
    pub logit_bias: Vec<(u32, f32)>,
    /// Generation ends before any of these texts; they are not part of the answer.
    pub stop: Vec<String>,
    /// The same seed, prompt and settings give the same answer on the same revision.
    pub seed: Option<u64>,
}

impl Sampling {
    /// The most probable token at every step.
    #[must_use]
    pub fn greedy() -> Self {
        Self { temperature: Some(0.0), ..Self::default() }
    }
}

/// Whether log-probabilities of the generated tokens are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Logprobs {
    /// No.
    #[default]
    Off,
    /// Of each generated token, and of the given number (0 to 20) of most probable ones at its position.
    Top(u8),
}

/// What form the answer must have.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ResponseFormat {
    /// Any text.
    #[default]
    Text,
    /// One JSON object.
    JsonObject,
    /// JSON that this schema accepts.
    JsonSchema(Arc<serde_json::Value>),
}

/// A function the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// The function's name.
    pub name: String,
    /// What it does, for the model to read.
    pub description: Option<String>,
    /// JSON schema of its arguments.
    pub parameters: Option<serde_json::Value>,
}

/// Whether tools are called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// No call.
    None,
    /// Some call.
    Required,
    /// A call of this function.
    Function(String),
}

/// Who waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// A user. Served first.
    #[default]
    Live,
    /// A job of the daemon's own. Gives way.
    Background,
}

/// One question to a [`ChatModel`](crate::ChatModel).
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// Names this request in logs, traces and the answer.
    pub id: RequestId,
    /// The model that the client named; `None` takes the default.
    pub model: Option<ModelId>,
    /// What to continue.
    pub prompt: Prompt,
    /// How to draw tokens.
    pub sampling: Sampling,
    /// Whether to report log-probabilities.
    pub logprobs: Logprobs,
    /// The form of the answer.
    pub format: ResponseFormat,
    /// The functions that may be called.
    pub tools: Vec<Tool>,
    /// Whether they are called.
    pub tool_choice: ToolChoice,
    /// Who waits.
    pub priority: Priority,
    /// Whose edits apply.
    pub tenant: TenantId,
    /// Who asks, as the client names them: while two revisions answer, one user is answered by one of them.
    pub user: Option<String>,
}

impl ChatRequest {
    /// A request with a fresh id and everything else at its default.
    #[must_use]
    pub fn new(prompt: Prompt) -> Self {
        Self {
            id: RequestId::fresh(),
            model: None,
            prompt,
            sampling: Sampling::default(),
            logprobs: Logprobs::Off,
            format: ResponseFormat::Text,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            priority: Priority::Live,
            tenant: TenantId::default(),
            user: None,
        }
    }

    /// A conversation, answered greedily.
    #[must_use]
    pub fn greedy(messages: Vec<Message>) -> Self {
        Self { sampling: Sampling::greedy(), ..Self::new(Prompt::Chat(messages)) }
    }

    /// The text of the last user message; the whole prompt when it is a plain text.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        match &self.prompt {
            Prompt::Text(text) => Some(text),
            Prompt::Chat(messages) => {
                messages.iter().rev().find(|m| m.role == Role::User).map(|m| m.content.as_str())
            }
        }
    }
}
