//! `POST /v1/chat/completions` and `POST /v1/completions`.

use super::{
    Shared,
    ask::{self, Questions},
    body, edits,
    error::ApiError,
    preferences::{Keeper, Text},
    shape::Shape,
    stream,
};
use amend_proto::{
    Completion, ModelError, Provenance, RequestId,
    wire::{
        AmendInfo, AnswerHead, Asked, ChatChoice, ChatCompletion, ChatCompletionRequest, CompletionRequest,
        Delivery, ErrorBody, RequestLimits, TextChoice, TextCompletion, TokenUsage, parse,
    },
};
use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Answers a conversation.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "completions",
    request_body = ChatCompletionRequest,
    params(("x-amend-tenant" = Option<String>, Header, description = "Whose edits apply; `default` unless given")),
    responses(
        (status = 200, description = "The answer; with `stream` as server-sent events: `data:` lines with \
            `ChatCompletionChunk` objects, then `data: [DONE]`; a failure on the way is a `data:` line with an \
            `ErrorBody`. The headers x-amend-revision and x-amend-edits name what answered.", body = ChatCompletion),
        (status = 400, description = "A field is wrong or cannot be honoured; `param` names it", body = ErrorBody),
        (status = 404, description = "No such model", body = ErrorBody),
        (status = 408, description = "The body did not arrive in time", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not declared to be JSON", body = ErrorBody),
        (status = 429, description = "The queue is full; see Retry-After", body = ErrorBody),
        (status = 500, description = "The model failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping; see Retry-After", body = ErrorBody),
        (status = 504, description = "The answer did not come in time", body = ErrorBody),
    )
)]
pub(super) async fn chat(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, ApiError> {
    let asked = understand(&shared, request, ChatCompletionRequest::read).await?;
    answer(shared, asked, Shape::Chat).await
}

/// Goes on with a text. Edits do not apply.
#[utoipa::path(
    post,
    path = "/v1/completions",
    tag = "completions",
    request_body = CompletionRequest,
    responses(
        (status = 200, description = "The answer; with `stream` as server-sent events", body = TextCompletion),
        (status = 400, description = "A field is wrong or cannot be honoured; `param` names it", body = ErrorBody),
        (status = 404, description = "No such model", body = ErrorBody),
        (status = 408, description = "The body did not arrive in time", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not declared to be JSON", body = ErrorBody),
        (status = 429, description = "The queue is full; see Retry-After", body = ErrorBody),
        (status = 500, description = "The model failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping; see Retry-After", body = ErrorBody),
        (status = 504, description = "The answer did not come in time", body = ErrorBody),
    )
)]
pub(super) async fn complete(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = understand(&shared, request, CompletionRequest::read).await?;
    answer(shared, asked, Shape::Text).await
}

type Read<T> = fn(T, RequestId, RequestLimits) -> Result<Asked, ModelError>;

async fn understand<T: DeserializeOwned + 'static>(
    shared: &Shared,
    request: Request,
    read: Read<T>,
) -> Result<Asked, ApiError> {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_else(RequestId::fresh);
    let limits = shared.state.limits.request;
    let tenant = edits::tenant(shared, request.headers())?;
    let mut asked = body::read(shared, request, move |bytes| read(parse(bytes)?, id, limits)).await?;
    asked.request.tenant = tenant;
    Ok(asked)
}

async fn answer(shared: Arc<Shared>, asked: Asked, shape: Shape) -> Result<Response, ApiError> {
    let keeper = Keeper::new(&shared, &asked);
    let mut questions = Questions::new(&shared, asked)?;
    match questions.delivery {
        Delivery::Stream | Delivery::StreamWithUsage => {
            stream::answer(&shared, questions, shape, keeper).await
        }
        Delivery::Whole => {
            let answers = questions.complete(&shared).await?;
            let by: Vec<Provenance> = answers.iter().map(|answer| answer.provenance.clone()).collect();
            let amend = by.first().zip(ask::merge(&by, &questions.unknown_fields));
            let Some((first, mut amend)) = amend else {
                return Err(ModelError::engine("no answer was asked for").into());
            };
            let head = AnswerHead::new(shape.id_prefix(), super::unix_seconds(), first);
            let usage = usage(&answers, questions.per_prompt);
            if let (Some(keeper), Some(by)) = (keeper, ask::merged(&by)) {
                let texts = answers.iter();
                let texts =
                    texts.map(|answer| Text { text: answer.text.clone(), reason: answer.finish.reason });
                amend.kept = Some(keeper.keep(&head, by, texts.collect(), usage).await);
            }
            Ok(whole(&head, shape, answers, usage, amend))
        }
    }
}

fn usage(answers: &[Completion], per_prompt: u32) -> TokenUsage {
    let mut usage = TokenUsage::default();
    for (index, answer) in (0..).zip(answers) {
        usage.add(index, per_prompt, answer.finish.usage);
    }
    usage
}

fn whole(
    head: &AnswerHead,
    shape: Shape,
    answers: Vec<Completion>,
    usage: TokenUsage,
    amend: AmendInfo,
) -> Response {
    let mut headers = http::HeaderMap::new();
    ask::add_headers(&mut headers, &amend);
    let answers = (0..).zip(answers);
    match shape {
        Shape::Chat => {
            let choices = answers.map(|(index, answer)| ChatChoice::whole(index, answer)).collect();
            (headers, Json(ChatCompletion::new(head.clone(), choices, usage, amend))).into_response()
        }
        Shape::Text => {
            let choices = answers.map(|(index, answer)| TextChoice::whole(index, answer)).collect();
            let body = TextCompletion::new(head, choices);
            (headers, Json(TextCompletion { usage: Some(Some(usage)), amend: Some(amend), ..body }))
                .into_response()
        }
    }
}
