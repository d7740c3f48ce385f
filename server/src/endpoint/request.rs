//! What the endpoint is sent.

use amend_proto::{
    ChatRequest, Logprobs, Message, ModelError, ModelId, Prompt, ResponseFormat, Sampling, Tool,
    wire::{
        ChatCompletionRequest, Extra, FormatType, FunctionDef, JsonSchemaFormat, ResponseFormatParam,
        StreamOptions, TextList, ToolChoiceParam, ToolParam, ToolType,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// The name of a schema, which the endpoint may ask for.
const SCHEMA_NAME: &str = "answer";

/// The body for a request.
///
/// # Errors
/// [`Unsupported`](amend_proto::ErrorKind::Unsupported) for a plain text to go on with.
pub(super) fn body(model: &ModelId, request: ChatRequest) -> Result<ChatCompletionRequest, ModelError> {
    let ChatRequest { prompt, sampling, logprobs, format, tools, tool_choice, .. } = request;
    let Prompt::Chat(messages) = prompt else {
        return Err(ModelError::unsupported("prompt", "an endpoint is asked conversations only"));
    };
    let (logprobs, top_logprobs) = match logprobs {
        Logprobs::Off => (None, None),
        Logprobs::Top(top) => (Some(true), Some(i64::from(top))),
    };
    let tool_choice = (!tools.is_empty()).then_some(ToolChoiceParam::Mode(tool_choice));
    Ok(ChatCompletionRequest {
        model: Some(model.to_string()),
        logprobs,
        top_logprobs,
        response_format: response_format(format),
        tools: (!tools.is_empty()).then(|| tools.into_iter().map(tool).collect()),
        tool_choice,
        stream: Some(true),
        stream_options: Some(StreamOptions { include_usage: Some(true), extra: Extra::new() }),
        ..sampled(messages, sampling)
    })
}

fn sampled(messages: Vec<Message>, sampling: Sampling) -> ChatCompletionRequest {
    let Sampling {
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
    } = sampling;
    let bias = logit_bias.into_iter().map(|(token, value)| (token.to_string(), value));
    let bias: BTreeMap<String, f32> = bias.collect();
    ChatCompletionRequest {
        // The name that every server of this kind knows; OpenAI's newer one is known to few others.
        max_tokens: max_tokens.map(i64::from),
        temperature,
        top_p,
        top_k: top_k.map(i64::from),
        min_p,
        presence_penalty,
        frequency_penalty,
        logit_bias: Some(bias).filter(|bias| !bias.is_empty()),
        stop: Some(TextList(stop)).filter(|TextList(stop)| !stop.is_empty()),
        seed: seed.map(u64::cast_signed),
        ..ChatCompletionRequest::new(messages)
    }
}

fn response_format(format: ResponseFormat) -> Option<ResponseFormatParam> {
    let (kind, json_schema) = match format {
        ResponseFormat::Text => return None,
        ResponseFormat::JsonObject => (FormatType::JsonObject, None),
        ResponseFormat::JsonSchema(schema) => {
            let schema = JsonSchemaFormat {
                name: Some(SCHEMA_NAME.to_owned()),
                description: None,
                schema: Some(Arc::unwrap_or_clone(schema)),
                strict: Some(true),
                extra: Extra::new(),
            };
            (FormatType::JsonSchema, Some(schema))
        }
    };
    Some(ResponseFormatParam { kind, json_schema, extra: Extra::new() })
}

fn tool(tool: Tool) -> ToolParam {
    let Tool { name, description, parameters } = tool;
    let function = FunctionDef { name, description, parameters, extra: Extra::new() };
    ToolParam { kind: ToolType::Function, function: Some(function), extra: Extra::new() }
}
