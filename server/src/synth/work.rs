//! Runs as jobs of the daemon: behind its users, with the live model as a role where that is wanted.

use super::{
    FinishedRun, LionRequest, Models, RoleSource, SynthConfig, WebrRequest, lion, student::LearnMethod, webr,
};
use crate::{
    gates::GivesWay,
    jobs::{Ended, JobContext, Work},
    revisions::{Candidate, Revisions},
};
use amend_proto::{
    ChatModel, Priority, RevisionId,
    wire::{JobKind, JobPhase, JobRequest, RevisionProvenance},
};
use amend_trainer::{
    lte::folder_hash,
    synth::{lion::read_instructions, progress::SynthObserver, rows},
};
use anyhow::{Context, bail};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::watch;

/// Digits of a content's hash in a revision's name.
const ID_DIGITS: usize = 16;

/// What the operator lets jobs make data from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynthSettings {
    /// What decides runs.
    pub config: SynthConfig,
    /// The given instructions of Lion.
    pub seeds: Option<PathBuf>,
    /// The documents of WebR.
    pub pages: Vec<PathBuf>,
}

impl SynthSettings {
    /// As an operator set it, and as a request says.
    pub(crate) fn with(&self, request: &JobRequest) -> Self {
        let mut settings = self.clone();
        if let Some(seed) = request.seed {
            settings.config.lion.seed = seed;
            settings.config.webr.seed = seed;
        }
        settings
    }
}

/// Makes data.
pub struct SynthWork {
    /// Where what learned on the way goes.
    pub revisions: Revisions,
    /// The live model: the whole stack, behind admission.
    pub model: Arc<dyn ChatModel>,
    /// How many users' requests wait or are answered.
    pub users: watch::Receiver<usize>,
    /// Where sets of rows are put, a folder for each job.
    pub folder: PathBuf,
}

impl Work for SynthWork {
    fn run(&self, job: &JobContext) -> anyhow::Result<Ended> {
        let settings: SynthSettings = serde_json::from_value(job.config.clone())?;
        let out = self.folder.join(job.id.as_str().replace([':', '/'], "-"));
        let finished = job.runtime.block_on(async {
            match job.kind {
                JobKind::Lion => self.lion(job, &settings, &out).await,
                _ => self.webr(job, &settings, &out).await,
            }
        })?;
        if finished.card.info.ended == rows::Ended::Stopped {
            return Ok(Ended::Stopped);
        }
        job.say(format!("{} rows are in {}", finished.card.rows, out.display()));
        let candidate = self.register(job, &finished)?;
        Ok(Ended::Done(json!({
            "rows": finished.card.rows, "content": finished.card.content, "ended": finished.card.info.ended,
            "spent": finished.spent, "folder": out, "revision": candidate, "report": finished.report,
        })))
    }
}

impl SynthWork {
    async fn lion(
        &self,
        job: &JobContext,
        settings: &SynthSettings,
        out: &Path,
    ) -> anyhow::Result<FinishedRun> {
        let seeds =
            settings.seeds.as_deref().context("no instructions are given; start with --synth-seeds FILE")?;
        let given = read_instructions(seeds, &mut |line| job.say(line))?;
        let live = self.revisions.live().await?;
        let student = match settings.config.student.method {
            LearnMethod::None => None,
            LearnMethod::Lora | LearnMethod::Full => self.revisions.model_folder(&live),
        };
        let request = LionRequest {
            config: &settings.config,
            given,
            student,
            out,
            control: job.control.clone(),
            priority: Priority::Background,
            told: Box::new(|line| job.say(line)),
        };
        lion(request, self, &mut Told(job)).await
    }

    async fn webr(
        &self,
        job: &JobContext,
        settings: &SynthSettings,
        out: &Path,
    ) -> anyhow::Result<FinishedRun> {
        if settings.pages.is_empty() {
            bail!("no documents are given; start with --synth-pages PATH");
        }
        let request = WebrRequest {
            config: &settings.config,
            input: settings.pages.clone(),
            out,
            seen: Some(&self.folder.join("seen-requests")),
            control: job.control.clone(),
        };
        webr(request, self, &mut Told(job)).await
    }

    /// What the student of a run became, as a candidate revision; nothing where nobody learned.
    fn register(&self, job: &JobContext, finished: &FinishedRun) -> anyhow::Result<Option<RevisionId>> {
        let Some(run) = &finished.student else { return Ok(None) };
        job.at(JobPhase::Registering, (0, 1), None);
        let content = folder_hash(&run.join("model"))?;
        let digits = content.get(..ID_DIGITS).context("the content's hash is too short")?;
        let id = RevisionId::new(format!("sha256:{digits}"))?;
        let live = job.runtime.block_on(self.revisions.live())?;
        let provenance = RevisionProvenance {
            parent: Some(live.id),
            model: self.revisions.base(),
            content: Some(content.clone()),
            data: Some(finished.card.content.clone()),
            sources: vec![finished.folder.display().to_string()],
            job: Some(job.id.clone()),
            config: Some(job.config.clone()),
            metrics: Some(finished.report.clone()),
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let revision = job.runtime.block_on(self.revisions.register(Candidate { id, provenance }, run))?;
        job.say(format!("what the student became is the candidate {}", revision.id));
        Ok(Some(revision.id))
    }
}

#[async_trait]
impl Models for SynthWork {
    async fn open(&self, source: &RoleSource) -> anyhow::Result<(Arc<dyn ChatModel>, NonZeroUsize)> {
        match source {
            RoleSource::Live => Ok((Arc::clone(&self.model), NonZeroUsize::MIN)),
            other => bail!("{other} cannot be loaded by a job; name `live`, `atlas-oracle` or URL#NAME"),
        }
    }

    fn gives_way(
        &self,
        model: Arc<dyn ChatModel>,
        control: &amend_trainer::bmc::Control,
    ) -> Arc<dyn ChatModel> {
        Arc::new(GivesWay::new(model, control.clone(), self.users.clone()))
    }
}

/// Tells a job's record.
struct Told<'a>(&'a JobContext);

impl SynthObserver for Told<'_> {
    fn at(&mut self, stage: &str, done: usize, of: usize) {
        if done == 0 {
            self.0.say(stage);
        }
        self.0.at(JobPhase::Asking, (done as u64, of as u64), None);
    }

    fn say(&mut self, line: &str) {
        self.0.say(line);
    }
}
