//! `POST /v1/chat/completions`: the request.

use super::{
    content::TextList,
    fields::{Extra, Known, UnknownFields, any_text, is_false, is_true, never, sort_out},
    format::{ResponseFormatParam, read_format},
    message::{ChatMessage, read_messages},
    sampling::{SamplingFields, count},
    tool::{ToolChoiceParam, ToolParam, read_tools},
};
use crate::{
    chat::{ChatRequest, Logprobs, Message, Prompt},
    error::{ErrorKind, ModelError},
    ids::{ModelId, RequestId},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The name that stands for whatever model is served.
const DEFAULT_MODEL: &str = "default";
/// Most alternatives per token, as OpenAI has it.
const MAX_TOP_LOGPROBS: i64 = 20;

/// The body of `POST /v1/chat/completions`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatCompletionRequest {
    /// The served model's id, or `default`, which leaving it out also means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The conversation so far; required.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub messages: Option<Vec<ChatMessage>>,
    /// Most tokens to generate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<i64>,
    /// The older name of `max_completion_tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<i64>,
    /// 0 to 2; 0 takes the most probable token at every step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Above 0, to 1: the smallest set of tokens with this much probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Only the k most probable tokens; an extension. 0 and −1 mean all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<i64>,
    /// 0 to 1: only tokens with this share of the most probable one's probability; an extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f32>,
    /// How many answers, 1 to 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
    /// Up to four texts before any of which the answer ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<TextList>,
    /// Makes sampling repeatable; answer `i` of `n` is drawn with `seed + i`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// −2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f32>,
    /// −2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f32>,
    /// Token ids (as texts) with what is added to their logits, −100 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// Whether to tell the log-probability of each token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// How many alternatives to tell for each token, 0 to 20; needs `logprobs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<i64>,
    /// What form the answer must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormatParam>,
    /// The functions that may be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<ToolParam>>,
    /// Whether they are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoiceParam>,
    /// Whether the answer comes as server-sent events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// How it streams; needs `stream`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    /// Who asks, in the client's own terms. The model does not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether the answer is kept, so that feedback can find it; the tenant's own rule, unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<bool>,
    /// The client's own notes. The model does not see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// How an answer streams.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StreamOptions {
    /// Whether a chunk with the token counts comes before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_usage: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// How much one request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Most messages of a conversation.
    pub max_messages: usize,
    /// Most answers (`n`, times the number of prompts).
    pub max_choices: u32,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { max_messages: 4096, max_choices: 8 }
    }
}

/// How the answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As one body.
    Whole,
    /// As events.
    Stream,
    /// As events, with a chunk that tells the usage.
    StreamWithUsage,
}

/// Whether an answer is kept, so that feedback can find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Store {
    /// As the tenant decided.
    #[default]
    ByRule,
    /// Yes.
    Yes,
    /// No.
    No,
}

/// The longest name of a user that is kept, in characters.
const MAX_USER_CHARS: usize = 256;

/// A body that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What the model is asked; of several answers, the first.
    pub request: ChatRequest,
    /// The prompts to answer, all but the first (`/v1/completions` takes several).
    pub further_prompts: Vec<Prompt>,
    /// How many answers to each prompt.
    pub choices: u32,
    /// How they go out.
    pub delivery: Delivery,
    /// Whether they are kept.
    pub store: Store,
    /// Who asks, in the client's own terms.
    pub user: Option<String>,
    /// What had no effect.
    pub unknown_fields: UnknownFields,
}

const NOT_HONOURED: [Known; 13] = [
    Known { name: "audio", harmless: never, why: "this server writes text only" },
    Known {
        name: "function_call",
        harmless: never,
        why: "functions have been replaced by tools; use tool_choice",
    },
    Known { name: "functions", harmless: never, why: "functions have been replaced by tools; use tools" },
    Known { name: "modalities", harmless: only_text, why: "this server writes text only" },
    Known { name: "parallel_tool_calls", harmless: is_true, why: "the number of calls cannot be bounded" },
    Known { name: "prediction", harmless: never, why: "predicted outputs are not supported" },
    Known { name: "prompt_cache_key", harmless: any_text, why: "must be a text" },
    Known { name: "prompt_cache_retention", harmless: any_text, why: "must be a text" },
    Known { name: "reasoning_effort", harmless: never, why: "the effort of reasoning cannot be set" },
    Known { name: "safety_identifier", harmless: any_text, why: "must be a text" },
    Known {
        name: "service_tier",
        harmless: usual_tier,
        why: "there is one tier; leave it out or send \"auto\"",
    },
    Known {
        name: "verbosity",
        harmless: usual_verbosity,
        why: "verbosity cannot be set; ask for it in a message",
    },
    Known { name: "web_search_options", harmless: never, why: "this server does not search the web" },
];

const STREAM_OPTIONS: [Known; 1] =
    [Known { name: "include_obfuscation", harmless: is_false, why: "streams are not padded" }];

fn only_text(value: &Value) -> bool {
    matches!(value.as_array().map(Vec::as_slice), Some([one]) if one == "text")
}

fn usual_tier(value: &Value) -> bool {
    value == "auto" || value == "default"
}

fn usual_verbosity(value: &Value) -> bool {
    value == "medium"
}

impl ChatCompletionRequest {
    /// A request that asks `messages` and leaves everything else to the server.
    #[must_use]
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages: Some(messages.into_iter().map(ChatMessage::from).collect()), ..Self::default() }
    }

    /// Checks every value and turns the body into what a [`ChatModel`](crate::ChatModel) is asked.
    ///
    /// # Errors
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) or [`Unsupported`](ErrorKind::Unsupported) with the field that
    /// is wrong; [`UnknownModel`](ErrorKind::UnknownModel) when the model's name cannot be one.
    pub fn read(self, id: RequestId, limits: RequestLimits) -> Result<Asked, ModelError> {
        let Self {
            model,
            messages,
            max_completion_tokens,
            max_tokens,
            temperature,
            top_p,
            top_k,
            min_p,
            n,
            stop,
            seed,
            presence_penalty,
            frequency_penalty,
            logit_bias,
            logprobs,
            top_logprobs,
            response_format,
            tools,
            tool_choice,
            stream,
            stream_options,
            user,
            store,
            // Notes of the client to itself: nothing in the answer depends on them.
            metadata: _,
            extra,
        } = self;
        let mut unknown = UnknownFields::default();
        sort_out(&extra, "", &NOT_HONOURED, &mut unknown)?;
        let messages = read_messages(messages, limits.max_messages, &mut unknown)?;
        let (max_tokens, max_tokens_name) = one_of(max_completion_tokens, max_tokens)?;
        let (tools, tool_choice) = read_tools(tools, tool_choice, &mut unknown)?;
        let sampling = SamplingFields {
            max_tokens,
            temperature,
            top_p,
            top_k,
            min_p,
            presence_penalty,
            frequency_penalty,
            logit_bias,
            stop,
            seed,
        };
        let request = ChatRequest {
            id,
            model: read_model(model)?,
            sampling: sampling.read(max_tokens_name)?,
            logprobs: read_logprobs(logprobs, top_logprobs)?,
            format: read_format(response_format, &mut unknown)?,
            tools,
            tool_choice,
            user: user.clone(),
            ..ChatRequest::new(Prompt::Chat(messages))
        };
        let choices = n.map_or(Ok(1), |n| count("n", n, limits.max_choices))?;
        let delivery = read_delivery(stream, stream_options, &mut unknown)?;
        let store = read_store(store, user.as_deref())?;
        let further_prompts = Vec::new();
        Ok(Asked { request, further_prompts, choices, delivery, store, user, unknown_fields: unknown })
    }
}

fn read_store(store: Option<bool>, user: Option<&str>) -> Result<Store, ModelError> {
    let long = user.is_some_and(|user| user.chars().count() > MAX_USER_CHARS);
    match store {
        Some(true) if long => {
            let message = format!("user may have {MAX_USER_CHARS} characters when the answer is kept");
            Err(ModelError::invalid("user", message))
        }
        Some(true) => Ok(Store::Yes),
        Some(false) => Ok(Store::No),
        // Not known by name it could not be forgotten by name.
        None if long => Ok(Store::No),
        None => Ok(Store::ByRule),
    }
}

fn one_of(newer: Option<i64>, older: Option<i64>) -> Result<(Option<i64>, &'static str), ModelError> {
    match (newer, older) {
        (Some(newer), Some(older)) if newer != older => Err(ModelError::invalid(
            "max_tokens",
            "max_tokens and max_completion_tokens are two names of one field and must not differ",
        )),
        (Some(newer), _) => Ok((Some(newer), "max_completion_tokens")),
        (None, older) => Ok((older, "max_tokens")),
    }
}

/// The model, unless it is the default.
pub(super) fn read_model(model: Option<String>) -> Result<Option<ModelId>, ModelError> {
    match model.as_deref() {
        None | Some(DEFAULT_MODEL) => Ok(None),
        Some(name) => ModelId::new(name).map(Some).map_err(|error| {
            ModelError::new(
                ErrorKind::UnknownModel,
                format!("no model can have the name that was given: {error}"),
            )
        }),
    }
}

fn read_logprobs(wanted: Option<bool>, top: Option<i64>) -> Result<Logprobs, ModelError> {
    match (wanted, top) {
        (Some(true), None) => Ok(Logprobs::Top(0)),
        (Some(true), Some(top)) => top_logprobs("top_logprobs", top),
        (None | Some(false), None | Some(0)) => Ok(Logprobs::Off),
        (None | Some(false), Some(_)) => {
            Err(ModelError::invalid("top_logprobs", "top_logprobs needs logprobs to be true"))
        }
    }
}

pub(super) fn top_logprobs(name: &str, top: i64) -> Result<Logprobs, ModelError> {
    match u8::try_from(top) {
        Ok(count) if top <= MAX_TOP_LOGPROBS => Ok(Logprobs::Top(count)),
        _ => {
            Err(ModelError::invalid(name, format!("{name} must be from 0 to {MAX_TOP_LOGPROBS}, not {top}")))
        }
    }
}

pub(super) fn read_delivery(
    stream: Option<bool>,
    options: Option<StreamOptions>,
    unknown: &mut UnknownFields,
) -> Result<Delivery, ModelError> {
    let usage = match options {
        None => None,
        Some(StreamOptions { include_usage, extra }) => {
            sort_out(&extra, "stream_options", &STREAM_OPTIONS, unknown)?;
            if stream != Some(true) {
                return Err(ModelError::invalid("stream_options", "stream_options needs stream to be true"));
            }
            include_usage
        }
    };
    Ok(match (stream, usage) {
        (None | Some(false), _) => Delivery::Whole,
        (Some(true), Some(true)) => Delivery::StreamWithUsage,
        (Some(true), None | Some(false)) => Delivery::Stream,
    })
}
