//! A running engine, and how it comes back after it died.
//!
//! mistralrs runs on one thread; a panic there ends it with everything it was doing. Then its channel is closed, every
//! answer in flight ends with an error, and the next request starts it again: first on the same weights in memory, and
//! if that does not answer a probe, on weights that are read anew.
//!
//! Every start leaves one sleeping thread behind for ever (mistralrs's interval logger, which has no way to end). It is
//! harmless in the tens; `amend_engine_restarts_total` counts them.

use super::{load::SharedPipeline, own_pool::OwnPool};
use crate::threads::apart;
use amend_proto::Priority;
use mistralrs::{
    Constraint, CustomLogitsProcessor, MistralRs, NormalRequest, Request, RequestMessage, Response,
    SamplingParams, SchedulerConfig, core::MistralRsBuilder,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// How long the probe of a started engine may take: one token of a prompt of one token.
const PROBE_LIMIT: Duration = Duration::from_secs(60);

/// Sequences that the prefix cache of a GPU remembers.
const PREFIX_CACHE: usize = 16;

/// A running engine.
///
/// Whoever streams an answer holds one of these: the engine drops what it is doing when the last one goes.
pub(super) struct Running {
    /// `None` only while it is dropped.
    parts: Option<Parts>,
    sender: Sender<Request>,
    next_id: AtomicUsize,
}

#[derive(Clone)]
struct Parts {
    engine: Arc<MistralRs>,
    pipeline: SharedPipeline,
    scheduler: SchedulerConfig,
    priority: Priority,
}

/// Why the engine did not come up.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// Starting it panicked.
    #[error("the engine panicked while it started")]
    Panicked,
    /// It started and does not answer.
    #[error("the engine started and does not answer: {0}")]
    Silent(String),
}

/// One sequence of tokens for the engine to go on with.
pub(super) struct Job {
    pub(super) tokens: Vec<u32>,
    pub(super) max_tokens: usize,
    pub(super) processors: Vec<Arc<dyn CustomLogitsProcessor>>,
}

/// What stays of an engine when it is stopped: enough to start it again.
pub(super) struct Stopped {
    pub(super) pipeline: SharedPipeline,
    pub(super) scheduler: SchedulerConfig,
    /// Of the engine's thread.
    pub(super) priority: Priority,
}

impl Stopped {
    /// Starts the engine's thread, warms it up and makes sure that it answers.
    pub(super) async fn start(self) -> Result<Running, StartError> {
        let Self { pipeline, scheduler, priority } = self;
        let on_cpu = pipeline.lock().await.device().is_cpu();
        let builder = MistralRsBuilder::new(Arc::clone(&pipeline), scheduler.clone(), false, None)
            .with_no_prefix_cache(on_cpu)
            .with_prefix_cache_n(if on_cpu { 0 } else { PREFIX_CACHE });
        // Apart: what panics in there must not take the caller along, and the engine's thread has this one's priority.
        let runtime = tokio::runtime::Handle::current();
        let build = move || runtime.block_on(builder.build());
        let engine = apart("amend-start", priority, build).await.map_err(|_| StartError::Panicked)?;
        let sender = engine.get_sender(None).map_err(|error| StartError::Silent(error.to_string()))?;
        let parts = Some(Parts { engine, pipeline, scheduler, priority });
        let running = Running { parts, sender, next_id: AtomicUsize::new(1) };
        let processors: Vec<Arc<dyn CustomLogitsProcessor>> = match priority {
            Priority::Live => Vec::new(),
            Priority::Background => vec![Arc::new(OwnPool)],
        };
        running.probe(processors).await?;
        Ok(running)
    }
}

impl Running {
    /// Whether the engine's thread has ended.
    pub(super) fn is_dead(&self) -> bool {
        self.sender.is_closed()
    }

    /// What it takes to start the engine again on the same weights.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.parts.as_ref().map(|Parts { pipeline, scheduler, priority, .. }| Stopped {
            pipeline: Arc::clone(pipeline),
            scheduler: scheduler.clone(),
            priority: *priority,
        })
    }

    /// The engine itself, for comparisons with it.
    pub(super) fn engine(&self) -> Option<Arc<MistralRs>> {
        self.parts.as_ref().map(|parts| Arc::clone(&parts.engine))
    }

    /// Hands a job to the engine; gives its responses, or the job back when the engine is dead.
    ///
    /// Streaming always: an answer that is not streamed is not cancelled when nobody waits for it any more. The channel
    /// has room for every token of the answer, because the engine waits for room with everybody else's tokens.
    pub(super) async fn submit(&self, job: Job) -> Result<Receiver<Response>, Job> {
        let Job { tokens, max_tokens, processors } = job;
        let (response, responses) = mpsc::channel(max_tokens.saturating_add(8));
        let request = Request::Normal(Box::new(NormalRequest {
            messages: RequestMessage::CompletionTokens(tokens),
            // Greedy, because the processor has already chosen. Not `deterministic()`, which leaves the temperature
            // open, and the engine reads that as 1.
            sampling_params: SamplingParams {
                temperature: Some(0.0),
                max_len: Some(max_tokens),
                ..SamplingParams::neutral()
            },
            response,
            return_logprobs: false,
            is_streaming: true,
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            constraint: Constraint::None,
            suffix: None,
            tools: None,
            tool_choice: None,
            logits_processors: Some(processors),
            return_raw_logits: false,
            web_search_options: None,
            model_id: None,
            truncate_sequence: false,
        }));
        match self.sender.send(request).await {
            Ok(()) => Ok(responses),
            Err(mpsc::error::SendError(request)) => Err(job_of(request, max_tokens)),
        }
    }

    /// One token, with these processors.
    async fn probe(&self, processors: Vec<Arc<dyn CustomLogitsProcessor>>) -> Result<(), StartError> {
        let job = Job { tokens: vec![0], max_tokens: 1, processors };
        let Ok(mut responses) = self.submit(job).await else {
            return Err(StartError::Silent("its thread has ended".to_owned()));
        };
        match tokio::time::timeout(PROBE_LIMIT, responses.recv()).await {
            Err(_) => Err(StartError::Silent(format!("no token in {} s", PROBE_LIMIT.as_secs()))),
            Ok(Some(response)) => failure(&response).map_or(Ok(()), |reason| Err(StartError::Silent(reason))),
            // A token with no text makes no response: the engine let go of the job, and lives.
            Ok(None) if !self.is_dead() => Ok(()),
            Ok(None) => Err(StartError::Silent("it died of the first token".to_owned())),
        }
    }
}

impl Drop for Running {
    /// Frees the weights, which can take a while, on a thread that nobody waits for.
    fn drop(&mut self) {
        let parts = self.parts.take();
        if let Err(error) =
            std::thread::Builder::new().name("amend-unload".to_owned()).spawn(move || drop(parts))
        {
            tracing::warn!(%error, "no thread to free the weights on; they were freed in place");
        }
    }
}

/// What the engine says went wrong, if this is such a response.
pub(super) fn failure(response: &Response) -> Option<String> {
    match response {
        Response::InternalError(error) | Response::ValidationError(error) => Some(error.to_string()),
        Response::ModelError(reason, _) | Response::CompletionModelError(reason, _) => Some(reason.clone()),
        Response::Done(_)
        | Response::Chunk(_)
        | Response::CompletionDone(_)
        | Response::CompletionChunk(_)
        | Response::ImageGeneration(_)
        | Response::Speech { .. }
        | Response::Raw { .. }
        | Response::Embeddings { .. } => None,
    }
}

/// The job in a request that could not be sent.
fn job_of(request: Request, max_tokens: usize) -> Job {
    let empty = Job { tokens: Vec::new(), max_tokens, processors: Vec::new() };
    let Request::Normal(request) = request else { return empty };
    let RequestMessage::CompletionTokens(tokens) = request.messages else { return empty };
    Job { tokens, processors: request.logits_processors.unwrap_or_default(), ..empty }
}
