//! How the daemon learns: its ledger, its revisions and its jobs, put together.

use crate::{
    app::AppError,
    canary::{Canaries, CanariesConfig},
    edit_template::TemplateSearch,
    engine::{EngineConfig, ModelSource},
    gates::{GateSettings, GateWork, Gates, GatesConfig, LedgerGatekeeper, keep_gating},
    http::{Lifecycle, Phase},
    jobs::{Ended, JobContext, JobError, Jobs, JobsConfig, Work},
    ledger::Ledger,
    preferences::PreferenceService,
    registry::Registry,
    revisions::{Load, LoadError, Loadable, Names, Revisions, RevisionsConfig},
    synth::{SynthSettings, SynthWork},
    training::{
        BmcWork, BmcWorkConfig, CollectedPairs, FilePairs, PairSource, Pairs, TrainingSettings, keep_training,
    },
};
use amend_editor::Editor;
use amend_proto::{
    ChatModel, ModelId, Priority,
    wire::{JobKind, JobObject, JobRequest},
};
use async_trait::async_trait;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

/// How long a job may take to write its checkpoint when the daemon goes down.
const JOB_PATIENCE: Duration = Duration::from_secs(20);

/// What the daemon learns with. Clones share it.
#[derive(Clone)]
pub struct Learning {
    /// What is kept of it.
    pub ledger: Ledger,
    /// The versions of the served model.
    pub revisions: Revisions,
    /// What is done in the background.
    pub jobs: Jobs,
    /// What may go live.
    pub gates: Gates,
    /// What is tried on users.
    pub canaries: Canaries,
    /// What is learned from.
    pub pairs: Pairs,
    preferences: PreferenceService,
    users: watch::Receiver<usize>,
    settings: TrainingSettings,
    synth: SynthSettings,
    /// Where sets of rows are put.
    sets: PathBuf,
}

/// Why a job was not begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// A setting makes no sense; the text names it.
    #[error(transparent)]
    Settings(amend_trainer::Error),
    /// The pairs to learn from cannot be counted.
    #[error("the pairs to learn from cannot be counted")]
    Pairs(#[source] anyhow::Error),
    /// There are too many jobs, or the database fails.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// What it is made of.
pub(crate) struct LearningConfig<'a> {
    pub(crate) data_dir: &'a Path,
    pub(crate) ledger: Ledger,
    pub(crate) preferences: PreferenceService,
    pub(crate) settings: TrainingSettings,
    pub(crate) gates: GateSettings,
    pub(crate) synth: SynthSettings,
    pub(crate) registry: Arc<Registry>,
    pub(crate) loader: EngineLoader,
    pub(crate) busy: watch::Receiver<usize>,
}

impl Learning {
    pub(crate) async fn open(config: LearningConfig<'_>) -> Result<Self, AppError> {
        let LearningConfig { data_dir, ledger, preferences, settings, gates, synth, registry, loader, busy } =
            config;
        let key = gates.key(&gates.policy);
        let revisions = Revisions::new(RevisionsConfig {
            ledger: ledger.clone(),
            folder: data_dir.join("revisions"),
            registry: Arc::clone(&registry),
            loader: Arc::new(loader),
            gatekeeper: Arc::new(LedgerGatekeeper { ledger: ledger.clone(), key }),
        });
        let folder = data_dir.join("jobs");
        let users = busy.clone();
        let jobs = JobsConfig { ledger: ledger.clone(), folder, busy, quiet: settings.quiet };
        let jobs = Jobs::open(jobs).await?;
        let canaries = Canaries::new(CanariesConfig {
            ledger: ledger.clone(),
            revisions: revisions.clone(),
            registry,
            preferences: preferences.clone(),
        });
        let mut sources: Vec<Arc<dyn PairSource>> = vec![Arc::new(CollectedPairs::new(preferences.clone()))];
        if !settings.files.is_empty() {
            sources.push(Arc::new(FilePairs::new(settings.files.clone())));
        }
        let gates = Gates::new(GatesConfig {
            ledger: ledger.clone(),
            jobs: jobs.clone(),
            revisions: revisions.clone(),
            folder: data_dir.join("gates"),
            settings: gates,
        });
        let pairs = Pairs::new(sources);
        let sets = data_dir.join("synth");
        Ok(Self {
            ledger,
            revisions,
            jobs,
            gates,
            canaries,
            pairs,
            preferences,
            users,
            settings,
            synth,
            sets,
        })
    }

    /// Begins a job: as the request says, and as the operator set it where the request says nothing.
    ///
    /// # Errors
    /// [`BeginError`]; then there is no job.
    pub async fn begin(&self, request: &JobRequest) -> Result<JobObject, BeginError> {
        if let JobKind::Lion | JobKind::Webr = request.kind {
            let config = serde_json::to_value(self.synth.with(request)).map_err(JobError::from)?;
            return Ok(self.jobs.submit(request.kind, config).await?);
        }
        let mut config = self.settings.config.clone().with(request).map_err(BeginError::Settings)?;
        config.pairs_seen = self.pairs.count().await.map_err(BeginError::Pairs)?;
        let config = serde_json::to_value(config).map_err(JobError::from)?;
        Ok(self.jobs.submit(request.kind, config).await?)
    }

    /// Does jobs, and begins them as the operator set it, from the moment when the model answers until the task is aborted.
    pub(crate) fn keep_going(
        &self,
        lifecycle: Lifecycle,
        (editor, model): (Editor, Arc<dyn ChatModel>),
    ) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            lifecycle.reached(Phase::Ready).await;
            let Self { revisions, jobs, gates, canaries, pairs, preferences, users, settings, sets, .. } =
                this;
            let again = gates.clone();
            let gate = GateWork {
                gates: gates.clone(),
                canaries,
                pairs: pairs.clone(),
                sets: sets.clone(),
                preferences,
                editor: editor.clone(),
                model: Arc::clone(&model),
                users: users.clone(),
            };
            let synth =
                SynthWork { revisions: revisions.clone(), model: Arc::clone(&model), users, folder: sets };
            let bmc = BmcWorkConfig { revisions, pairs: pairs.clone(), jobs: jobs.clone(), editor, model };
            let works = Works { bmc: BmcWork::new(bmc), gate, synth, automatic: gates };
            if let Err(error) = jobs.start(Arc::new(works)) {
                tracing::error!(%error, "no thread for jobs: none is done");
                return;
            }
            tokio::join!(keep_training(jobs, pairs, settings), keep_gating(again));
        })
    }

    pub(crate) async fn close(&self) -> Result<(), AppError> {
        self.jobs.close(JOB_PATIENCE).await;
        Ok(self.ledger.close().await?)
    }
}

/// Does every kind of job.
struct Works {
    bmc: BmcWork,
    gate: GateWork,
    synth: SynthWork,
    /// Begins the gate of what was trained, where that is wanted.
    automatic: Gates,
}

impl Work for Works {
    fn run(&self, job: &JobContext) -> anyhow::Result<Ended> {
        match job.kind {
            JobKind::Bmc | JobKind::Lion | JobKind::Webr => {
                let ended = match job.kind {
                    JobKind::Bmc => self.bmc.run(job)?,
                    _ => self.synth.run(job)?,
                };
                if let Ended::Done(result) = &ended {
                    self.judge(job, result);
                }
                Ok(ended)
            }
            JobKind::Gate => self.gate.run(job),
        }
    }
}

impl Works {
    /// A training whose gate cannot be begun is done all the same: somebody can begin it later.
    fn judge(&self, job: &JobContext, result: &Value) {
        let Some(candidate) = result["revision"].as_str() else { return };
        match job.runtime.block_on(self.automatic.begin_automatic(candidate)) {
            Ok(Some(gate)) => job.say(format!("its gate is {}", gate.id)),
            Ok(None) => {}
            Err(error) => job.say(format!("its gate could not be begun: {error}")),
        }
    }
}

/// Revisions as engines: the operator's settings, with another model folder.
pub(crate) struct EngineLoader {
    pub(crate) engine: EngineConfig,
    pub(crate) templates: TemplateSearch,
    pub(crate) editor: Editor,
    /// What clients ask for, whichever revision answers.
    pub(crate) name: ModelId,
}

#[async_trait]
impl Load for EngineLoader {
    async fn names(&self) -> Result<Option<Names>, LoadError> {
        let names = self.engine.revisions().await?;
        Ok(names.map(|(files, base)| Names { line: files.to_string(), base }))
    }

    fn base(&self) -> String {
        self.engine.source.to_string()
    }

    fn base_folder(&self) -> Option<PathBuf> {
        self.engine.source.local_files().filter(|files| files.is_dir()).map(Path::to_owned)
    }

    fn copies_for_jobs(&self) -> bool {
        self.engine.is_small_on_cpu()
    }

    async fn load(&self, what: &Loadable, priority: Priority) -> Result<Box<dyn ChatModel>, LoadError> {
        let mut engine = EngineConfig { priority, ..self.engine.clone() };
        if let Loadable::Folder { id, model } = what {
            engine.source = ModelSource::Folder(model.clone());
            engine.revision = Some(id.clone());
        }
        engine.model_id = Some(self.name.clone());
        Ok(Box::new(engine.build().await?))
    }

    fn goes_live(&self, what: &Loadable) {
        let mut templates = self.templates.clone();
        if let Loadable::Folder { model, .. } = what {
            templates.model = ModelSource::Folder(model.clone());
        }
        match templates.find() {
            Ok(template) => self.editor.set_template(template),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the edit template of the new revision cannot be used; the former one stays"
            ),
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::preferences::PreferenceSettings;
    use amend_proto::{RevisionId, testing::ScriptedModel};

    /// Every revision is this model.
    struct Scripted(ScriptedModel);

    #[async_trait]
    impl Load for Scripted {
        async fn names(&self) -> Result<Option<Names>, LoadError> {
            let base = RevisionId::new("scripted-1")?;
            Ok(Some(Names { line: "scripted".to_owned(), base }))
        }

        fn base(&self) -> String {
            "a script".to_owned()
        }

        fn base_folder(&self) -> Option<PathBuf> {
            None
        }

        fn copies_for_jobs(&self) -> bool {
            false
        }

        async fn load(&self, _: &Loadable, _: Priority) -> Result<Box<dyn ChatModel>, LoadError> {
            Ok(Box::new(self.0.clone()))
        }

        fn goes_live(&self, _: &Loadable) {}
    }

    impl Learning {
        /// Over a scripted model that is live.
        pub(crate) async fn scripted(data_dir: &Path, model: ScriptedModel) -> Self {
            Self::scripted_with(data_dir, model, GateSettings::default()).await
        }

        /// The same, with these decisions about gates.
        pub(crate) async fn scripted_with(
            data_dir: &Path,
            model: ScriptedModel,
            settings: GateSettings,
        ) -> Self {
            let ledger = Ledger::open(data_dir.join("learning.db")).await.unwrap();
            let registry = Arc::new(Registry::loading(ModelId::new("scripted").unwrap()));
            let key = settings.key(&settings.policy);
            let revisions = Revisions::new(RevisionsConfig {
                ledger: ledger.clone(),
                folder: data_dir.join("revisions"),
                registry: Arc::clone(&registry),
                loader: Arc::new(Scripted(model)),
                gatekeeper: Arc::new(LedgerGatekeeper { ledger: ledger.clone(), key }),
            });
            revisions.begin().await.unwrap();
            let (folder, busy) = (data_dir.join("jobs"), watch::Sender::new(0).subscribe());
            let users = busy.clone();
            let jobs =
                Jobs::open(JobsConfig { ledger: ledger.clone(), folder, busy, quiet: None }).await.unwrap();
            let gates = Gates::new(GatesConfig {
                ledger: ledger.clone(),
                jobs: jobs.clone(),
                revisions: revisions.clone(),
                folder: data_dir.join("gates"),
                settings,
            });
            let preferences = PreferenceSettings::default();
            let preferences = PreferenceService::open(ledger.clone(), preferences, data_dir).await.unwrap();
            let canaries = Canaries::new(CanariesConfig {
                ledger: ledger.clone(),
                revisions: revisions.clone(),
                registry,
                preferences: preferences.clone(),
            });
            let (pairs, settings) = (Pairs::default(), TrainingSettings::default());
            Self {
                ledger,
                revisions,
                jobs,
                gates,
                canaries,
                pairs,
                preferences,
                users,
                settings,
                synth: SynthSettings::default(),
                sets: data_dir.join("synth"),
            }
        }
    }
}
