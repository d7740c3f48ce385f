//! From a body that was understood to the answers of the model, whole or begun.

use super::{Shared, error::ApiError, lifecycle::Phase};
use amend_proto::{
    ChatEvent, ChatRequest, ChatStream, Completion, ErrorKind, ModelError, Prompt, Provenance, RequestId,
    wire::{AmendInfo, Asked, Delivery, UnknownFields},
};
use futures::{StreamExt, future::try_join_all};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::{future::Future, time::Duration};
use tokio::time::Instant;

const EDITS: HeaderName = HeaderName::from_static("x-amend-edits");
const REVISION: HeaderName = HeaderName::from_static("x-amend-revision");
const UNKNOWN_FIELDS: HeaderName = HeaderName::from_static("x-amend-unknown-fields");

/// How long a client waits before it asks a daemon again that is starting or stopping.
const RETRY: Duration = Duration::from_secs(1);

/// What is to be answered, one request to the model for each choice.
pub(super) struct Questions {
    /// In the order of their index: all answers to the first prompt, then those to the second, …
    pub(super) requests: Vec<ChatRequest>,
    /// How many answers to each prompt.
    pub(super) per_prompt: u32,
    pub(super) delivery: Delivery,
    pub(super) unknown_fields: UnknownFields,
    /// When the answer must be whole.
    pub(super) deadline: Instant,
}

/// An answer that has begun.
pub(super) struct Begun {
    pub(super) provenance: Provenance,
    /// What follows `Started`.
    pub(super) events: ChatStream,
}

impl Questions {
    /// Checks that there is a model to ask, and spreads the choices.
    pub(super) fn new(shared: &Shared, asked: Asked) -> Result<Self, ApiError> {
        let Asked { mut request, further_prompts, choices, delivery, store: _, user: _, unknown_fields } =
            asked;
        if shared.state.lifecycle.phase() == Phase::Starting {
            let kind = ErrorKind::NotReady { retry_after: RETRY };
            return Err(ModelError::new(kind, "the model is being loaded; ask again in a moment").into());
        }
        let served = shared.state.model.info().id;
        if let Some(model) = request.model.take_if(|model| *model != served) {
            let message = format!("the model `{model}` is not served here; ask for `{served}` or `default`");
            return Err(ModelError::new(ErrorKind::UnknownModel, message).into());
        }
        if !unknown_fields.is_empty() {
            let count = unknown_fields.names().len();
            tracing::info!(id = %request.id, count, "a request has unknown fields");
        }
        let limits = &shared.state.limits;
        let within = match delivery {
            Delivery::Whole => limits.request_timeout,
            Delivery::Stream | Delivery::StreamWithUsage => limits.stream_timeout,
        };
        let requests = spread(request, further_prompts, choices);
        Ok(Self {
            requests,
            per_prompt: choices,
            delivery,
            unknown_fields,
            deadline: Instant::now() + within,
        })
    }

    /// Waits for whole answers.
    pub(super) async fn complete(&mut self, shared: &Shared) -> Result<Vec<Completion>, ApiError> {
        let requests = std::mem::take(&mut self.requests);
        let answers = try_join_all(requests.into_iter().map(|request| shared.state.model.complete(request)));
        self.in_time(shared, answers).await
    }

    /// Waits until every answer has begun: up to here a failure still has a status of its own.
    pub(super) async fn begin(&mut self, shared: &Shared) -> Result<Vec<Begun>, ApiError> {
        let requests = std::mem::take(&mut self.requests);
        let answers = try_join_all(requests.into_iter().map(|request| begin(shared, request)));
        self.in_time(shared, answers).await
    }

    async fn in_time<T>(
        &self,
        shared: &Shared,
        answers: impl Future<Output = Result<T, ModelError>>,
    ) -> Result<T, ApiError> {
        tokio::select! {
            biased;
            answers = answers => Ok(answers?),
            () = shared.state.lifecycle.reached(Phase::Cutting) => Err(going_down().into()),
            () = tokio::time::sleep_until(self.deadline) => Err(too_slow().into()),
        }
    }
}

async fn begin(shared: &Shared, request: ChatRequest) -> Result<Begun, ModelError> {
    let mut events = shared.state.model.stream(request).await?;
    match events.next().await {
        Some(Ok(ChatEvent::Started(provenance))) => Ok(Begun { provenance, events }),
        Some(Ok(ChatEvent::Delta(_) | ChatEvent::Finished(_))) => {
            Err(ModelError::engine("the stream did not begin with a start event"))
        }
        Some(Err(error)) => Err(error),
        None => Err(ModelError::engine("the stream ended before it began")),
    }
}

/// The failure of what is still in flight when the server's deadline for going down has passed.
pub(super) fn going_down() -> ModelError {
    let kind = ErrorKind::NotReady { retry_after: RETRY };
    ModelError::new(kind, "the server is going down; the answer was cut short")
}

/// The failure of what is not whole when its deadline has passed.
pub(super) fn too_slow() -> ModelError {
    ModelError::new(ErrorKind::Timeout, "the answer was not whole within the time that this server allows")
}

fn spread(first: ChatRequest, further_prompts: Vec<Prompt>, choices: u32) -> Vec<ChatRequest> {
    let mut prompts = vec![first.prompt.clone()];
    prompts.extend(further_prompts);
    let mut requests = Vec::new();
    for prompt in prompts {
        for choice in 0..choices {
            let mut request = ChatRequest { prompt: prompt.clone(), ..first.clone() };
            request.sampling.seed = first.sampling.seed.map(|seed| seed.wrapping_add(u64::from(choice)));
            request.id = numbered(&first.id, requests.len());
            requests.push(request);
        }
    }
    requests
}

/// The first choice keeps the request's id, the others get a number behind it.
fn numbered(id: &RequestId, index: usize) -> RequestId {
    if index == 0 {
        return id.clone();
    }
    RequestId::new(format!("{id}.{index}")).unwrap_or_else(|_| RequestId::fresh())
}

/// What to tell of several answers to one request.
pub(super) fn merge(answers: &[Provenance], unknown: &UnknownFields) -> Option<AmendInfo> {
    Some(AmendInfo::new(merged(answers)?, unknown.names().to_vec()))
}

/// Several answers to one request as one: the first one's revision, and every edit that any of them had.
pub(super) fn merged(answers: &[Provenance]) -> Option<Provenance> {
    let (first, others) = answers.split_first()?;
    let mut all = first.clone();
    for edit in others.iter().flat_map(|other| &other.edits) {
        if all.edits.iter().all(|known| known.id != edit.id) {
            all.edits.push(edit.clone());
        }
    }
    Some(all)
}

/// Tells the same in headers.
pub(super) fn add_headers(headers: &mut HeaderMap, amend: &AmendInfo) {
    let mut add = |name: HeaderName, text: String| {
        if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_str(&text)) {
            headers.insert(name, value);
        }
    };
    add(REVISION, amend.revision.to_string());
    add(EDITS, amend.edits.iter().map(|edit| edit.id.as_str()).collect::<Vec<_>>().join(","));
    add(UNKNOWN_FIELDS, header_list(&amend.unknown_fields));
}

/// The names of unknown fields, for requests whose answer has no room for them in the body.
pub(super) fn add_unknown_fields(headers: &mut HeaderMap, unknown: &UnknownFields) {
    if let (false, Ok(value)) = (unknown.is_empty(), HeaderValue::from_str(&header_list(unknown.names()))) {
        headers.insert(UNKNOWN_FIELDS, value);
    }
}

/// Names made of what a header can hold: they are the client's, and may be anything.
fn header_list(names: &[String]) -> String {
    let plain = |c: char| if c.is_ascii_graphic() && c != ',' { c } else { '?' };
    names.iter().map(|name| name.chars().map(plain).collect::<String>()).collect::<Vec<_>>().join(",")
}
