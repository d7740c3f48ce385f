//! The composition root: what an operator decided, put together into a running daemon.
//!
//! `admission( EditedModel( Registry( MistralEngine ) ) )`, every layer a [`ChatModel`], behind the HTTP routes. The
//! listener is open before the model is loaded, so that probes see a living process; until then requests are refused
//! with 503.

use crate::{
    admission::AdmissionConfig,
    edit_template::TemplateSearch,
    edits::{EditService, Tenants},
    engine::{EngineConfig, EngineError, InvalidModel, ModelSource},
    gates::GateSettings,
    grpc::{self, GrpcError},
    http::{self, Drained, Hosts, HttpLimits, HttpState, Lifecycle, ServeLimits},
    jobs::JobError,
    learning::{EngineLoader, Learning, LearningConfig},
    ledger::{Ledger, LedgerError},
    preferences::{PreferenceError, PreferenceService, PreferenceSettings},
    registry::Registry,
    revisions::RevisionError,
    synth::SynthSettings,
    telemetry::{MetricsError, MetricsHandle},
    training::TrainingSettings,
};
use amend_editor::{
    EditError, EditedModel, Editor, EditorOptions, EncoderError, EncoderOptions, EncoderSetup, ScopePolicy,
    SentenceEncoder, locate_model,
};
use amend_eval::gate::Policy;
use amend_proto::{ChatModel, InvalidId, ModelId, ModelInfo};
use amend_trainer::atlas::builtin;
use std::{
    collections::BTreeSet,
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::net::TcpListener;

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// Holds the database and unpacked models.
    pub data_dir: PathBuf,
    /// What to load, and how.
    pub engine: EngineConfig,
    /// Requests that may wait.
    pub queue: usize,
    /// Goes before the template of the model's folder.
    pub edit_template: Option<PathBuf>,
    /// Which edits go in front of a question, and how many.
    pub policy: ScopePolicy,
    /// A sentence encoder that finds edits by what they mean: a folder or a hub id; without one only words find them.
    pub encoder: Option<String>,
    /// Whose edits are served.
    pub tenants: Tenants,
    /// What is kept to learn from, and for how long.
    pub preferences: PreferenceSettings,
    /// How and when it trains.
    pub training: TrainingSettings,
    /// What a revision has to show before it goes live; the default is for the model's kind.
    pub gates: GateSettings,
    /// What jobs may make training data from, and how.
    pub synth: SynthSettings,
    /// Names that it may be asked under besides `localhost` when it listens on a loopback address; in lower case.
    pub allowed_hosts: BTreeSet<String>,
    /// Bounds on each request.
    pub http: HttpLimits,
    /// Bounds on connections, and on going down.
    pub serve: ServeLimits,
}

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The model's name cannot be read.
    #[error(transparent)]
    Model(#[from] InvalidModel),
    /// The model's name cannot be asked for by clients.
    #[error("the model's name cannot be a model id; give one with --model-id")]
    Name(#[from] InvalidId),
    /// The model cannot be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The built-in model cannot be laid out.
    #[error("failed to unpack the built-in model")]
    Unpack(#[from] amend_trainer::Error),
    /// The sentence encoder cannot be read.
    #[error("failed to load the sentence encoder")]
    Encoder(#[from] EncoderError),
    /// The edits cannot be read.
    #[error("failed to open the edits")]
    Edits(#[from] EditError),
    /// The preferences cannot be read.
    #[error("failed to open the preferences")]
    Preferences(#[from] PreferenceError),
    /// The database of what is learned from cannot be read.
    #[error("failed to open the ledger")]
    Ledger(#[from] LedgerError),
    /// The jobs cannot be read.
    #[error("failed to open the jobs")]
    Jobs(#[from] JobError),
    /// The live revision cannot be loaded.
    #[error("failed to load the live revision")]
    Revision(#[from] RevisionError),
    /// The edit template cannot be read, or used.
    #[error("failed to use the edit template {}", path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No metrics.
    #[error("failed to set up the metrics")]
    Metrics(#[from] MetricsError),
    /// The listener broke.
    #[error("failed to serve")]
    Serve(#[from] io::Error),
    /// The gRPC listener broke, or could not be set up.
    #[error(transparent)]
    Grpc(#[from] GrpcError),
}

impl AppConfig {
    /// The defaults, for the model that `model` names.
    ///
    /// # Errors
    /// When `model` names none.
    pub fn new(data_dir: PathBuf, model: &str) -> Result<Self, AppError> {
        let source = ModelSource::parse(model, &data_dir.join("models"))?;
        let policy = match source {
            ModelSource::Builtin { .. } => Policy::atlas(),
            _ => Policy::default(),
        };
        Ok(Self {
            data_dir,
            engine: EngineConfig::new(source),
            queue: crate::admission::DEFAULT_CAPACITY,
            edit_template: None,
            policy: ScopePolicy::default(),
            encoder: None,
            tenants: Tenants::default(),
            preferences: PreferenceSettings::default(),
            training: TrainingSettings::default(),
            gates: GateSettings { policy, ..GateSettings::default() },
            synth: SynthSettings::default(),
            allowed_hosts: BTreeSet::new(),
            http: HttpLimits::default(),
            serve: ServeLimits::default(),
        })
    }
}

/// Where a daemon is asked.
#[derive(Debug)]
pub struct Listeners {
    /// The HTTP API.
    pub http: TcpListener,
    /// The gRPC API, if it is served.
    pub grpc: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    /// HTTP alone.
    fn from(http: TcpListener) -> Self {
        Self { http, grpc: None }
    }
}

/// A daemon.
#[derive(Clone)]
pub struct App {
    engine: EngineConfig,
    serve: ServeLimits,
    registry: Arc<Registry>,
    state: HttpState,
}

impl App {
    /// Opens the data folder and puts the layers together. Nothing is live yet: see [`load`](Self::load).
    ///
    /// # Errors
    /// [`AppError`] says what could not be opened.
    pub async fn start(config: AppConfig) -> Result<Self, AppError> {
        let AppConfig {
            data_dir,
            mut engine,
            queue,
            edit_template,
            policy,
            encoder,
            tenants,
            preferences,
            training,
            gates,
            synth,
            allowed_hosts,
            http,
            serve,
        } = config;
        // Before anything measures: a gauge that is set earlier is lost.
        let metrics = MetricsHandle::install()?;
        let mut options = EditorOptions::new(data_dir.join("amend.db"));
        engine = unpacked(engine).await?;
        let templates = TemplateSearch { chosen: edit_template, data_dir, model: engine.source.clone() };
        options.template = templates.find()?;
        options.policy = policy;
        if let Some(encoder) = encoder {
            options.encoder = Some(open_encoder(encoder).await?);
        }
        let editor = Editor::open(options).await?;
        // After the editor, which locks the data folder: a second daemon must touch nothing.
        let data_dir = templates.data_dir.clone();
        let ledger = Ledger::open(data_dir.join("learning.db")).await?;
        let preferences = PreferenceService::open(ledger.clone(), preferences, &data_dir).await?;
        let name = served_name(&engine)?;
        let registry = Arc::new(Registry::loading(name.clone()));
        let edited = EditedModel::new(editor.clone(), Arc::clone(&registry) as Arc<dyn ChatModel>);
        let admission = AdmissionConfig { capacity: queue, ..AdmissionConfig::new(engine.slots()?) };
        let admission = admission.build(Arc::new(edited));
        let loader = EngineLoader { engine: engine.clone(), templates, editor: editor.clone(), name };
        let learning = Learning::open(LearningConfig {
            data_dir: &data_dir,
            ledger,
            preferences: preferences.clone(),
            settings: training,
            gates,
            synth,
            registry: Arc::clone(&registry),
            loader,
            busy: admission.busy(),
        })
        .await?;
        let model: Arc<dyn ChatModel> = Arc::new(admission);
        let edits = EditService::new(editor, Arc::clone(&model), tenants);
        let (lifecycle, hosts, limits) = (Lifecycle::starting(), Hosts::Local(allowed_hosts), http);
        let state = HttpState { edits, model, preferences, learning, lifecycle, hosts, limits, metrics };
        Ok(Self { engine, serve, registry, state })
    }

    /// Loads the model, or the live revision of it, and makes it live.
    ///
    /// # Errors
    /// [`AppError::Revision`], whose sources name the file and what to do.
    pub async fn load(&self) -> Result<ModelInfo, AppError> {
        self.state.learning.revisions.begin().await?;
        if let Err(error) = self.state.learning.canaries.resume().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a canary cannot go on: nobody is answered by it"
            );
        }
        self.state.lifecycle.ready();
        Ok(self.state.model.info())
    }

    /// What answers: the whole stack, as the HTTP routes see it.
    #[must_use]
    pub fn model(&self) -> Arc<dyn ChatModel> {
        Arc::clone(&self.state.model)
    }

    /// The live revision without edits and without a queue, for measuring it.
    #[must_use]
    pub fn unedited(&self) -> Arc<dyn ChatModel> {
        Arc::clone(&self.registry) as Arc<dyn ChatModel>
    }

    /// The folder of the model's files, if it is one on this machine.
    #[must_use]
    pub fn model_folder(&self) -> Option<&Path> {
        self.engine.source.local_files().filter(|files| files.is_dir())
    }

    /// An engine whose model is laid out, if it is the built-in one.
    ///
    /// # Errors
    /// When it cannot be.
    pub async fn unpacked(engine: EngineConfig) -> Result<EngineConfig, AppError> {
        unpacked(engine).await
    }

    /// What is edited.
    #[must_use]
    pub fn editor(&self) -> &Editor {
        self.state.edits.editor()
    }

    /// Serves until `shutdown` resolves and what is in flight has ended.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(
        &self,
        listeners: impl Into<Listeners>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Drained, AppError> {
        let Listeners { http, grpc } = listeners.into();
        let _upkeep = self.state.metrics.keep_up();
        let _sweeping = self.state.preferences.keep_up();
        let mut state = self.state.clone();
        if !http.local_addr()?.ip().is_loopback() {
            state.hosts = Hosts::Any;
        }
        let router = http::router(state);
        let lifecycle = self.state.lifecycle.clone();
        let limits = self.serve;
        let services = grpc::Services {
            edits: self.state.edits.clone(),
            preferences: self.state.preferences.clone(),
            learning: self.state.learning.clone(),
        };
        let asked = (self.editor().clone(), self.model());
        let learning = self.state.learning.keep_going(lifecycle.clone(), asked);
        let grpc = grpc.map(|grpc| tokio::spawn(grpc::serve(grpc, services, lifecycle.clone(), limits)));
        let drained = http::serve(http, router, lifecycle.clone(), limits, shutdown).await?;
        if let Some(mut grpc) = grpc {
            let ended = tokio::time::timeout(limits.drain_deadline, &mut grpc).await;
            lifecycle.cut();
            let ended = match ended {
                Ok(ended) => ended,
                Err(_) => grpc.await,
            };
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        }
        learning.abort();
        self.state.learning.close().await?;
        // Last, since the lock on the data folder goes with it.
        self.state.edits.editor().close().await?;
        Ok(drained)
    }
}

/// The name that clients ask for.
fn served_name(engine: &EngineConfig) -> Result<ModelId, AppError> {
    Ok(match &engine.model_id {
        Some(id) => id.clone(),
        None => ModelId::new(engine.source.name())?,
    })
}

/// Where Hugging Face's tools keep what they download.
pub(crate) fn hub_folder() -> PathBuf {
    let home = std::env::var_os("HF_HOME").map(PathBuf::from);
    let home = home.or_else(|| dirs::home_dir().map(|home| home.join(".cache/huggingface")));
    home.unwrap_or_default().join("hub")
}

async fn open_encoder(name: String) -> Result<EncoderSetup, AppError> {
    let open = move || {
        let folder = locate_model(&name, &hub_folder())?;
        SentenceEncoder::open(folder, EncoderOptions::default())
    };
    let opened = tokio::task::spawn_blocking(open).await;
    let encoder = opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    Ok(EncoderSetup::new(Arc::new(encoder)))
}

/// Lays out the built-in model, if that is the one.
async fn unpacked(mut engine: EngineConfig) -> Result<EngineConfig, AppError> {
    if let ModelSource::Builtin { folder } = &engine.source {
        let parent = folder.clone();
        let unpack = tokio::task::spawn_blocking(move || builtin::unpack(&parent)).await;
        let folder = unpack.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        engine.source = ModelSource::Builtin { folder };
    }
    Ok(engine)
}
