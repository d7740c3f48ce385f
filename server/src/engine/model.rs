//! [`MistralEngine`]: mistralrs as a [`ChatModel`].

use super::{
    EngineConfig, EngineError,
    answer::{Answer, FirstSpace, Shape},
    live::Live,
    load::{Decisions, Loaded, load},
    processor::{Inside, Processor},
    prompt::{Assets, Prepared, is_quick},
    revision::revision,
    running::{Job, Running, StartError, Stopped},
    sampling::Plan,
    simd::warn_of_unused_simd,
};
use crate::{telemetry::names, threads::apart};
use amend_proto::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, ErrorKind, ModelError, ModelId, ModelInfo, Prompt,
    Provenance, RevisionId,
};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

/// How long a request waits for an engine that is being started again before it is told to come back.
const RECOVERY_PATIENCE: Duration = Duration::from_secs(5);

/// A loaded model, answering.
///
/// Cloning gives another handle to the same engine. On a GPU it answers whatever it is sent at once; on CPU one request
/// at a time, the others in order of arrival. Put [`admission`](crate::admission) in front, which bounds who waits.
#[derive(Clone)]
pub struct MistralEngine {
    shared: Arc<Shared>,
}

struct Shared {
    config: EngineConfig,
    decisions: Decisions,
    info: ModelInfo,
    /// A hash of what was loaded, whatever the revision is called.
    files: RevisionId,
    assets: Arc<Assets>,
    running: ArcSwapOption<Running>,
    recovering: Mutex<()>,
    inside: Arc<AtomicUsize>,
    /// One permit, on CPU: there mistralrs 0.8.1 mixes up sequences that step together. Its attention keeps the partial
    /// results of a batch in a buffer that has room for one sequence (`flash_attn_cpu_single_q`), so all that are of
    /// equal length go on as the last of them: wrong answers, and one user's text in another's.
    turns: Option<Arc<Semaphore>>,
}

impl MistralEngine {
    /// Loads and starts a model.
    pub(super) async fn load(config: EngineConfig) -> Result<Self, EngineError> {
        let decisions = Decisions::new(&config)?;
        if decisions.device.is_cpu() {
            warn_of_unused_simd();
        }
        let Loaded { pipeline, scheduler, assets } = load(config.clone(), decisions.clone()).await?;
        let mut info = describe(&config, &decisions, assets.context_length).await?;
        let files = info.revision.clone();
        if let Some(name) = &config.revision {
            info.revision = name.clone();
        }
        let stopped = Stopped { pipeline, scheduler, priority: config.priority };
        let running = stopped.start().await.map_err(|error| EngineError::Unusable {
            model: config.source.to_string(),
            reason: error.to_string(),
        })?;
        let shared = Shared {
            turns: decisions.device.is_cpu().then(|| Arc::new(Semaphore::new(1))),
            config,
            decisions,
            info,
            files,
            assets: Arc::new(assets),
            running: ArcSwapOption::from_pointee(running),
            recovering: Mutex::new(()),
            inside: Arc::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// How many requests the engine should work on at a time on its device: the slots for
    /// [`admission`](crate::admission).
    #[must_use]
    pub fn slots(&self) -> NonZeroUsize {
        self.shared.decisions.slots
    }

    /// How many answers the engine holds at this moment, cancelled ones that it has not let go of yet included.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.shared.inside.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// mistralrs itself, to compare with.
    pub(crate) fn bare(&self) -> Option<Arc<mistralrs::MistralRs>> {
        self.shared.running.load_full().and_then(|running| running.engine())
    }
}

#[cfg(test)]
impl MistralEngine {
    pub(super) fn running(&self) -> Option<Arc<Running>> {
        self.shared.running.load_full()
    }

    /// As if the engine had died and its weights were unusable.
    pub(super) fn forget_weights(&self) {
        self.shared.running.store(None);
    }

    /// The prompt's tokens.
    pub(super) fn tokens(&self, request: &ChatRequest) -> Result<Vec<u32>, ModelError> {
        self.shared.assets.prepare(request).map(|prepared| prepared.tokens)
    }

    /// The same engine with another tokenizer.
    pub(super) fn clone_with_encode(&self, encode: Box<super::prompt::Encode>) -> Self {
        let Shared { config, decisions, info, files, assets, running, inside, turns, recovering: _ } =
            &*self.shared;
        let assets = Arc::new(Assets { encode, ..assets.clone_without_encode() });
        let shared = Shared {
            config: config.clone(),
            decisions: decisions.clone(),
            info: info.clone(),
            files: files.clone(),
            assets,
            running: ArcSwapOption::new(running.load_full()),
            recovering: Mutex::new(()),
            inside: Arc::clone(inside),
            turns: turns.clone(),
        };
        Self { shared: Arc::new(shared) }
    }
}

/// What the model says of itself. Hashing its files is for a blocking thread.
async fn describe(
    config: &EngineConfig,
    decisions: &Decisions,
    context_length: usize,
) -> Result<ModelInfo, EngineError> {
    let dtype = decisions.dtype_name();
    let id = match &config.model_id {
        Some(id) => id.clone(),
        None => ModelId::new(config.source.name()).map_err(|error| EngineError::Unusable {
            model: config.source.to_string(),
            reason: format!("its name cannot be a model id: {error}"),
        })?,
    };
    let format = config.quantization.map_or_else(|| dtype.clone(), |q| format!("{q:?} of {dtype}"));
    let device = format!("{:?}", decisions.device.location()).to_lowercase();
    let description = format!("{}, {format}, on {device}", config.source.name());
    let hashed = config.clone();
    let hash = move || revision(&hashed, &dtype);
    let revision = apart("amend-hash", config.priority, hash).await.map_err(|_| EngineError::Thread)??;
    Ok(ModelInfo { id, revision, context_length, description })
}

#[async_trait]
impl ChatModel for MistralEngine {
    fn info(&self) -> ModelInfo {
        self.shared.info.clone()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let result = self.shared.stream(request).await;
        if let Err(error) = &result
            && *error.kind() == ErrorKind::Engine
        {
            count_failure();
        }
        result
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        self.shared.assets.count_tokens(text)
    }
}

/// Counts a request that the engine failed.
pub(super) fn count_failure() {
    metrics::counter!(names::ENGINE_FAILURES).increment(1);
}

impl Shared {
    async fn stream(self: &Arc<Self>, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let (request, prepared) = self.prepare(request).await?;
        let Prepared { tokens, max_tokens, tools, grammar } = prepared;
        let vocabulary = &self.assets.vocabulary;
        let chat = matches!(request.prompt, Prompt::Chat(_));
        let shape = Shape {
            stop: &request.sampling.stop,
            tools,
            prompt_tokens: tokens.len(),
            max_tokens,
            first_space: match chat && self.assets.space_before_words {
                true => FirstSpace::Dropped,
                false => FirstSpace::Kept,
            },
        };
        let answer = Answer::new(vocabulary.clone(), shape);
        let plan = Plan::new(&request.sampling, &self.assets.defaults, request.logprobs, rand::random());
        let (report, drawn) = mpsc::unbounded_channel();
        let processor = Processor::builder(plan, tokens.len(), vocabulary.clone())
            .grammar(grammar)
            .report_to(report, Inside::enter(&self.inside, self.turn().await?));
        let job = Job { tokens, max_tokens, processors: vec![Arc::new(processor)] };
        let (running, responses) = self.submit(job).await?;
        let started = ChatEvent::Started(Provenance {
            model: self.info.id.clone(),
            revision: self.info.revision.clone(),
            edits: Vec::new(),
        });
        Ok(Live::new(running, responses, drawn, answer).stream(started))
    }

    /// The right to be in the engine, where only one may be.
    async fn turn(&self) -> Result<Option<OwnedSemaphorePermit>, ModelError> {
        match &self.turns {
            Some(turns) => Arc::clone(turns).acquire_owned().await.map(Some).map_err(ModelError::engine),
            None => Ok(None),
        }
    }

    /// Renders and tokenizes: where it stands when that is a matter of microseconds, else on a blocking thread. What
    /// panics in there (chat templates do) fails this request and nothing else.
    async fn prepare(&self, request: ChatRequest) -> Result<(ChatRequest, Prepared), ModelError> {
        let assets = Arc::clone(&self.assets);
        let quick = is_quick(&request);
        let work = move || {
            let prepared = catch_unwind(AssertUnwindSafe(|| assets.prepare(&request)));
            prepared
                .unwrap_or_else(|_| Err(ModelError::engine("preparing the prompt panicked")))
                .map(|p| (request, p))
        };
        if quick {
            return work();
        }
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|gone| Err(ModelError::engine(gone)))
    }

    /// Hands the job to the engine; starts the engine again, once, when it is dead.
    async fn submit(
        self: &Arc<Self>,
        mut job: Job,
    ) -> Result<(Arc<Running>, mpsc::Receiver<mistralrs::Response>), ModelError> {
        for _ in 0..2 {
            let running = match self.running.load_full() {
                Some(running) if !running.is_dead() => running,
                Some(_) | None => self.recovered().await?,
            };
            match running.submit(job).await {
                Ok(responses) => return Ok((running, responses)),
                Err(refused) => job = refused,
            }
        }
        Err(ModelError::engine("the engine died twice before it took the request"))
    }

    /// A living engine, started again if need be. The work goes on when the request that asked for it is gone.
    async fn recovered(self: &Arc<Self>) -> Result<Arc<Running>, ModelError> {
        let this = Arc::clone(self);
        let work = tokio::spawn(async move { this.recover().await });
        match tokio::time::timeout(RECOVERY_PATIENCE, work).await {
            Ok(Ok(recovered)) => recovered.map_err(ModelError::engine),
            Ok(Err(panic)) => Err(ModelError::engine(panic)),
            Err(_) => Err(ModelError::new(
                ErrorKind::NotReady { retry_after: RECOVERY_PATIENCE },
                "the model is being loaded again after a failure; try again in a few seconds",
            )),
        }
    }

    async fn recover(&self) -> Result<Arc<Running>, EngineError> {
        let _alone = self.recovering.lock().await;
        let current = self.running.load_full();
        if let Some(running) = &current
            && !running.is_dead()
        {
            return Ok(Arc::clone(running));
        }
        let restarted = match current.and_then(|dead| dead.stopped()) {
            Some(stopped) => stopped.start().await.inspect_err(|error| {
                tracing::error!(%error, "the engine died and does not come back on the same weights; reading them again");
            }),
            None => Err(StartError::Panicked),
        };
        let running = match restarted {
            Ok(running) => {
                tracing::warn!("the engine died and was started again on the same weights");
                metrics::counter!(names::ENGINE_RESTARTS, "how" => "reboot").increment(1);
                running
            }
            Err(_) => self.reload().await?,
        };
        let running = Arc::new(running);
        self.running.store(Some(Arc::clone(&running)));
        Ok(running)
    }

    /// Reads the weights again. What is left of the old ones is let go first: there may be no room for both.
    async fn reload(&self) -> Result<Running, EngineError> {
        self.running.store(None);
        let unusable =
            |reason: String| EngineError::Unusable { model: self.config.source.to_string(), reason };
        let now = describe(&self.config, &self.decisions, self.info.context_length).await?;
        if now.revision != self.files {
            return Err(unusable(
                "its files are not those that were served; restart the daemon to serve them".to_owned(),
            ));
        }
        let Loaded { pipeline, scheduler, .. } = load(self.config.clone(), self.decisions.clone()).await?;
        let running = Stopped { pipeline, scheduler, priority: self.config.priority }.start().await;
        metrics::counter!(names::ENGINE_RESTARTS, "how" => "reload").increment(1);
        running.map_err(|error| unusable(error.to_string()))
    }
}
