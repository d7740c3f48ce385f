//! [`EndpointModel`]: the model behind an endpoint.

use super::{
    answer::Reading,
    config::{EndpointConfig, EndpointKey, EndpointLimits, InvalidEndpoint},
    error::{self, Said, lost, odd},
    request,
};
use amend_proto::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, ErrorKind, ModelError, ModelInfo, Provenance, wire::DONE,
};
use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use eventsource_stream::{EventStream, EventStreamError, Eventsource};
use futures::{Stream, StreamExt, stream::BoxStream};
use reqwest::{
    Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap},
    redirect::Policy,
};
use std::{collections::VecDeque, time::Duration};

/// Bytes that are read of a refusal.
const MAX_REFUSAL: usize = 16 << 10;

/// The model behind an OpenAI-compatible endpoint.
#[derive(Clone)]
pub struct EndpointModel {
    pub(super) http: reqwest::Client,
    completions: Url,
    config: EndpointConfig,
    key: Option<EndpointKey>,
    limits: EndpointLimits,
}

impl EndpointModel {
    /// The model that the settings name. Nothing is sent yet.
    ///
    /// # Errors
    /// [`InvalidEndpoint`], when there is no key where the settings name one.
    pub fn new(config: EndpointConfig, limits: EndpointLimits) -> Result<Self, InvalidEndpoint> {
        let key = config.key()?;
        Self::with_key(config, key, limits)
    }

    /// The same, with this key or none.
    ///
    /// # Errors
    /// When there is no HTTP client to be had.
    pub fn with_key(
        config: EndpointConfig,
        key: Option<EndpointKey>,
        limits: EndpointLimits,
    ) -> Result<Self, InvalidEndpoint> {
        if key.is_some() && config.url.is_open() {
            tracing::warn!(url = %config.url, "the endpoint's key is sent over http: whoever is on the way can read it");
        }
        let key_header = key.as_ref().and_then(EndpointKey::header);
        let http = reqwest::Client::builder()
            .connect_timeout(limits.connect)
            .read_timeout(limits.silence)
            .timeout(limits.answer)
            .redirect(Policy::none())
            .user_agent(concat!("amend/", env!("CARGO_PKG_VERSION")))
            .default_headers(
                key_header.into_iter().map(|value| (AUTHORIZATION, value)).collect::<HeaderMap>(),
            )
            .build()?;
        let completions = config.url.route(&["chat", "completions"]);
        Ok(Self { http, completions, config, key, limits })
    }

    /// Asks until there is an answer, or no chance of one.
    async fn ask(&self, body: Bytes) -> Result<Response, ModelError> {
        let EndpointLimits { tries, first_pause, longest_pause, .. } = self.limits;
        let backoff = ExponentialBuilder::default()
            .with_min_delay(first_pause)
            .with_max_delay(longest_pause)
            .with_max_times(tries);
        let once = || self.once(body.clone());
        once.retry(backoff)
            .sleep(tokio::time::sleep)
            .when(|error| may_pass(error, longest_pause))
            .adjust(|error, pause| pause.map(|pause| pause.max(wanted(error).unwrap_or_default())))
            .notify(|error, pause| {
                tracing::debug!(%error, seconds = pause.as_secs_f64(), "the endpoint is asked again after a pause");
            })
            .await
    }

    async fn once(&self, body: Bytes) -> Result<Response, ModelError> {
        let request = self.http.post(self.completions.clone()).header(CONTENT_TYPE, "application/json");
        let response = request.body(body).send().await.map_err(lost)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            return Err(ModelError::new(
                ErrorKind::UnknownModel,
                format!(
                    "the endpoint redirects ({status}), which is not followed; name the address that it means"
                ),
            ));
        }
        let pause = error::pause_wanted(response.headers(), chrono::Utc::now());
        let said = beginning(response, MAX_REFUSAL).await;
        let mut said = Said::in_body(&String::from_utf8_lossy(&said));
        if let Some(key) = &self.key {
            said.message = key.taken_out_of(&said.message);
        }
        Err(error::refused(status, pause, &said))
    }

    fn provenance(&self) -> Provenance {
        let ModelInfo { id, revision, .. } = self.info();
        Provenance { model: id, revision, edits: Vec::new() }
    }
}

/// How long the failure itself says that it lasts.
fn wanted(error: &ModelError) -> Option<Duration> {
    match error.kind() {
        ErrorKind::Overloaded { retry_after } | ErrorKind::NotReady { retry_after } => Some(*retry_after),
        _ => None,
    }
}

/// Whether the same request may succeed after a pause that can be waited for.
fn may_pass(error: &ModelError, longest: Duration) -> bool {
    match error.kind() {
        ErrorKind::Timeout | ErrorKind::Engine => true,
        _ => wanted(error).is_some_and(|pause| pause <= longest),
    }
}

/// The beginning of a body; what cannot be read of it is not missed.
async fn beginning(mut response: Response, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Some(frame)) = response.chunk().await {
        bytes.extend_from_slice(&frame);
        if bytes.len() >= most {
            bytes.truncate(most);
            break;
        }
    }
    bytes
}

#[async_trait]
impl ChatModel for EndpointModel {
    fn info(&self) -> ModelInfo {
        let EndpointConfig { url, model, key_env: _ } = &self.config;
        ModelInfo {
            id: model.clone(),
            revision: self.config.revision(),
            // Not known; the endpoint refuses what is too long.
            context_length: usize::MAX,
            description: format!("{model} at {url}"),
        }
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let body = request::body(&self.config.model, request)?;
        let body = serde_json::to_vec(&body).map_err(ModelError::engine)?;
        let response = self.ask(body.into()).await?;
        let declared = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let declared = declared.unwrap_or_default().to_ascii_lowercase();
        let (most, line) = (self.limits.answer_bytes, self.limits.line_bytes);
        let mut answer = Answer { reading: Some(Reading::default()), events: None, waiting: VecDeque::new() };
        answer.waiting.push_back(ChatEvent::Started(self.provenance()));
        if declared.starts_with("text/event-stream") {
            answer.events = Some(bounded(response.bytes_stream(), most, line).boxed().eventsource());
        } else if declared.starts_with("application/json") {
            // It does not stream.
            answer.take_whole(response, most).await?;
        } else {
            return Err(odd("the endpoint answered with what is neither JSON nor a stream of events"));
        }
        Ok(futures::stream::unfold(Some(answer), |answer| async move { answer?.next().await }).boxed())
    }
}

/// Why bytes end before their end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Lost(#[from] reqwest::Error),
    #[error("the endpoint's answer is longer than the {0} bytes that are taken")]
    Answer(usize),
    #[error("a line of the endpoint's answer is longer than the {0} bytes that are taken")]
    Line(usize),
}

impl From<Broken> for ModelError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Lost(error) => lost(error),
            // It would be as long again.
            long => Self::invalid("max_tokens", long.to_string()),
        }
    }
}

/// The bytes as they come; it ends with an error where they are more than may be, together or in one line.
fn bounded(
    bytes: impl Stream<Item = reqwest::Result<Bytes>>,
    most: usize,
    line: usize,
) -> impl Stream<Item = Result<Bytes, Broken>> {
    let (mut taken, mut in_line) = (0_usize, 0_usize);
    bytes.map(move |frame| {
        let frame = frame?;
        taken = taken.saturating_add(frame.len());
        let newline = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let mut longest = 0;
        for (place, part) in frame.split(newline).enumerate() {
            in_line = if place == 0 { in_line.saturating_add(part.len()) } else { part.len() };
            longest = longest.max(in_line);
        }
        match () {
            () if taken > most => Err(Broken::Answer(most)),
            () if longest > line => Err(Broken::Line(line)),
            () => Ok(frame),
        }
    })
}

type Events = EventStream<BoxStream<'static, Result<Bytes, Broken>>>;

/// An answer that is being read.
struct Answer {
    /// None when it was read to its end.
    reading: Option<Reading>,
    /// None when it came whole.
    events: Option<Events>,
    waiting: VecDeque<ChatEvent>,
}

impl Answer {
    async fn next(mut self) -> Option<(Result<ChatEvent, ModelError>, Option<Self>)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((Ok(event), Some(self)));
            }
            let mut reading = self.reading.take()?;
            let taken = match self.events.as_mut()?.next().await {
                // Some end without the word for it.
                None => reading.end().map(|rest| self.waiting.extend(rest)),
                Some(Ok(event)) if event.data == DONE => reading.end().map(|rest| self.waiting.extend(rest)),
                Some(Ok(event)) => reading.take(&event.data).map(|piece| {
                    self.waiting.extend(piece);
                    self.reading = Some(reading);
                }),
                Some(Err(EventStreamError::Transport(broken))) => Err(broken.into()),
                Some(Err(error)) => Err(odd("the endpoint's stream cannot be read")
                    .with_source(std::io::Error::other(error.to_string()))),
            };
            if let Err(error) = taken {
                return Some((Err(error), None));
            }
        }
    }

    async fn take_whole(&mut self, response: Response, most: usize) -> Result<(), ModelError> {
        let mut frames = std::pin::pin!(bounded(response.bytes_stream(), most, most));
        let mut body = Vec::new();
        while let Some(frame) = frames.next().await {
            body.extend_from_slice(&frame?);
        }
        let mut reading = self.reading.take().unwrap_or_default();
        let work = move || {
            let text = String::from_utf8_lossy(&body);
            let piece = reading.take(&text)?;
            Ok::<_, ModelError>((piece, reading.end()?))
        };
        // A body of megabytes takes longer to read than the runtime may be held.
        let (piece, rest) = tokio::task::spawn_blocking(work).await.map_err(ModelError::engine)??;
        self.waiting.extend(piece);
        self.waiting.extend(rest);
        Ok(())
    }
}
