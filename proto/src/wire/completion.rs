//! `POST /v1/completions`: a text to go on with.

use super::{
    answer::{AmendInfo, AnswerHead, TokenUsage},
    chat::{Asked, RequestLimits, Store, StreamOptions, read_delivery, read_model, top_logprobs},
    content::{PromptItem, PromptParam, TextList},
    fields::{Extra, Known, UnknownFields, any_text, is_false, never, sort_out},
    sampling::{SamplingFields, count},
    tag,
};
use crate::{
    chat::{ChatRequest, Logprobs, Prompt},
    error::ModelError,
    event::{Completion, FinishReason, TokenLogprob},
    ids::RequestId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// The body of `POST /v1/completions`. Edits do not apply to it: it has no question that they could be in front of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CompletionRequest {
    /// The served model's id, or `default`, which leaving it out also means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// One text or several; required.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub prompt: Option<PromptParam>,
    /// Most tokens to generate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<i64>,
    /// 0 to 2; 0 takes the most probable token at every step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Above 0, to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Only the k most probable tokens; an extension. 0 and −1 mean all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<i64>,
    /// 0 to 1; an extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f32>,
    /// How many answers to each prompt; times the number of prompts at most 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
    /// Up to four texts before any of which the answer ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<TextList>,
    /// Makes sampling repeatable.
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
    /// How many alternatives to tell for each token, 0 to 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<i64>,
    /// Whether the answer comes as server-sent events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// How it streams; needs `stream`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    /// Who asks, in the client's own terms. The model does not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

const NOT_HONOURED: [Known; 5] = [
    Known { name: "best_of", harmless: is_one, why: "answers are not ranked; use n" },
    Known { name: "echo", harmless: is_false, why: "the prompt is not given back" },
    Known { name: "suffix", harmless: is_empty, why: "a text cannot be filled in before another" },
    Known { name: "prompt_embeds", harmless: never, why: "prompts are texts" },
    Known { name: "safety_identifier", harmless: any_text, why: "must be a text" },
];

fn is_one(value: &Value) -> bool {
    *value == 1
}

fn is_empty(value: &Value) -> bool {
    value == ""
}

impl CompletionRequest {
    /// Checks every value and turns the body into what a [`ChatModel`](crate::ChatModel) is asked.
    ///
    /// # Errors
    /// As [`ChatCompletionRequest::read`](super::ChatCompletionRequest::read).
    pub fn read(self, id: RequestId, limits: RequestLimits) -> Result<Asked, ModelError> {
        let Self {
            model,
            prompt,
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
            stream,
            stream_options,
            user,
            extra,
        } = self;
        let mut unknown = UnknownFields::default();
        sort_out(&extra, "", &NOT_HONOURED, &mut unknown)?;
        let mut prompts = read_prompts(prompt)?.into_iter();
        let choices = n.map_or(Ok(1), |n| count("n", n, limits.max_choices))?;
        check_choices(prompts.len(), choices, limits.max_choices)?;
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
        let first = prompts.next().ok_or_else(no_prompt)?;
        let request = ChatRequest {
            id,
            model: read_model(model)?,
            sampling: sampling.read("max_tokens")?,
            logprobs: logprobs.map_or(Ok(Logprobs::Off), |top| top_logprobs("logprobs", top))?,
            user: user.clone(),
            ..ChatRequest::new(first)
        };
        let delivery = read_delivery(stream, stream_options, &mut unknown)?;
        Ok(Asked {
            request,
            further_prompts: prompts.collect(),
            choices,
            delivery,
            // What goes on with a text is no conversation to learn from.
            store: Store::No,
            user,
            unknown_fields: unknown,
        })
    }
}

fn no_prompt() -> ModelError {
    ModelError::invalid("prompt", "prompt must hold a text to go on with")
}

fn read_prompts(prompt: Option<PromptParam>) -> Result<Vec<Prompt>, ModelError> {
    let PromptParam(items) = prompt.ok_or_else(no_prompt)?;
    let read = |item| match item {
        PromptItem::Text(text) if text.is_empty() => Err(no_prompt()),
        PromptItem::Text(text) => Ok(Prompt::Text(text)),
        PromptItem::Tokens => {
            Err(ModelError::unsupported("prompt", "prompt must be text: this server takes no token ids"))
        }
    };
    items.into_iter().map(read).collect()
}

fn check_choices(prompts: usize, choices: u32, max: u32) -> Result<(), ModelError> {
    match u32::try_from(prompts).map(|prompts| prompts.saturating_mul(choices)) {
        Ok(asked) if asked <= max => Ok(()),
        _ => Err(ModelError::invalid(
            "prompt",
            format!("n times the number of prompts may be {max}, not {choices} times {prompts}"),
        )),
    }
}

tag! {
    /// `"object": "text_completion"`.
    TextCompletionTag, "text_completion"
}

/// The answer of `/v1/completions`, whole or one event of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TextCompletion {
    /// Names the answer.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: Arc<str>,
    /// Always the same.
    pub object: TextCompletionTag,
    /// Unix seconds.
    pub created: u64,
    /// What answered.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub model: Arc<str>,
    /// The revision that answered.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub system_fingerprint: Arc<str>,
    /// The answers, or pieces of them.
    pub choices: Vec<TextChoice>,
    /// The token counts; in a stream as in [`ChatCompletionChunk`](super::ChatCompletionChunk).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<TokenUsage>))]
    pub usage: Option<Option<TokenUsage>>,
    /// What Amend did; in a stream in the last chunk of each answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amend: Option<AmendInfo>,
}

/// One answer, or a piece of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TextChoice {
    /// Which answer: those to the first prompt, then those to the second, …
    pub index: u32,
    /// The text.
    pub text: String,
    /// Of its tokens, when asked for.
    pub logprobs: Option<TextLogprobs>,
    /// Why it ended; `null` in a piece.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub finish_reason: Option<FinishReason>,
}

/// Log-probabilities in the older shape: parallel lists.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TextLogprobs {
    /// The tokens' texts.
    pub tokens: Vec<String>,
    /// Natural logarithms of their probabilities.
    pub token_logprobs: Vec<f32>,
    /// The most probable tokens at each place.
    pub top_logprobs: Vec<BTreeMap<String, f32>>,
    /// Where each token begins in the text, in characters.
    pub text_offset: Vec<usize>,
}

impl TextLogprobs {
    /// The lists of some tokens, of which the first begins at `offset` characters; `None` when there are none.
    #[must_use]
    pub fn new(tokens: &[TokenLogprob], mut offset: usize) -> Option<Self> {
        let mut lists = Self::default();
        for TokenLogprob { token, bytes: _, logprob, top } in tokens {
            lists.text_offset.push(offset);
            offset += token.chars().count();
            lists.tokens.push(token.clone());
            lists.token_logprobs.push(super::choice::finite(*logprob));
            let top = top.iter().map(|other| (other.token.clone(), super::choice::finite(other.logprob)));
            lists.top_logprobs.push(top.collect());
        }
        (!tokens.is_empty()).then_some(lists)
    }
}

impl TextCompletion {
    /// A body or an event with these choices.
    #[must_use]
    pub fn new(head: &AnswerHead, choices: Vec<TextChoice>) -> Self {
        let AnswerHead { id, created, model, revision } = head;
        Self {
            id: Arc::clone(id),
            object: TextCompletionTag::Tag,
            created: *created,
            model: Arc::clone(model),
            system_fingerprint: Arc::clone(revision),
            choices,
            usage: None,
            amend: None,
        }
    }
}

impl TextChoice {
    /// The whole answer `index`.
    #[must_use]
    pub fn whole(index: u32, completion: Completion) -> Self {
        let Completion { provenance: _, text, logprobs, tool_calls: _, finish } = completion;
        let logprobs = TextLogprobs::new(&logprobs, 0);
        Self { index, text, logprobs, finish_reason: Some(finish.reason) }
    }
}
