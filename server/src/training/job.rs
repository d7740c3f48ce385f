//! The job that trains a candidate revision.

use super::{
    BmcConfig, Pairs,
    edits::rendered,
    progress::Progress,
    synthetic::{Taken, draw, fresh},
};
use crate::{
    endpoint::{EndpointConfig, EndpointLimits, EndpointModel, InvalidEndpoint},
    jobs::{Ended, JobContext, Jobs, Work},
    revisions::{Candidate, Revisions},
};
use amend_editor::Editor;
use amend_proto::{
    ChatModel, Message, RevisionId,
    wire::{JobPhase, RevisionProvenance, TrainBridging},
};
use amend_trainer::{
    atlas::Atlas,
    bmc::{PreferenceCard, PreferenceJob, PreferencePair, Trained, train_preferences},
    lte::write_lines,
    preference::{
        CleanReport, CleanSettings, HeldOutShare, Pair,
        bridge::{BridgeCard, Bridging, Modifier, Retries, bridge},
        clean,
    },
    sft::Flow,
};
use anyhow::{Context, bail};
use futures::FutureExt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// What was collected; it is there when the rest of the collection is.
const PLAN: &str = "plan.json";
const TRAINING: &str = "training.jsonl";
const HELD_OUT: &str = "held_out.jsonl";
const CONVERSATIONS: &str = "conversations.jsonl";
/// How often it is looked whether a job that waits for answers shall stop.
const LOOK: Duration = Duration::from_millis(100);
/// Digits of the content's hash in a revision's name.
const ID_DIGITS: usize = 16;

/// What the job needs.
pub struct BmcWorkConfig {
    /// Where its result goes, and where its parent comes from.
    pub revisions: Revisions,
    /// What is learned from.
    pub pairs: Pairs,
    /// What made the rows that are learned beside them.
    pub jobs: Jobs,
    /// What stood in front of questions.
    pub editor: Editor,
    /// Rewrites losing answers, if it is asked to: the live model behind admission.
    pub model: Arc<dyn ChatModel>,
}

/// Trains candidate revisions on preference pairs.
pub struct BmcWork(BmcWorkConfig);

/// What a job works on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Plan {
    parent: RevisionId,
    model: PathBuf,
    cleaned: CleanReport,
    /// Pairs whose edits are not known any more.
    without_edits: usize,
    sources: Vec<String>,
    /// Rows that models made.
    #[serde(default)]
    synthetic: Taken,
}

impl Plan {
    /// Jobs of before there were any have no such file.
    fn conversations(&self, job: &JobContext) -> anyhow::Result<Vec<Vec<Message>>> {
        match self.synthetic.rows {
            0 => Ok(Vec::new()),
            _ => read_lines(&job.folder.join(CONVERSATIONS)),
        }
    }
}

impl BmcWork {
    /// With these.
    #[must_use]
    pub fn new(config: BmcWorkConfig) -> Self {
        Self(config)
    }

    /// What the job works on: gathered once, then read.
    fn plan(&self, job: &JobContext, config: &BmcConfig) -> anyhow::Result<Plan> {
        let file = job.folder.join(PLAN);
        if file.exists() {
            return Ok(serde_json::from_slice(&fs::read(file)?)?);
        }
        job.at(JobPhase::Collecting, (0, 0), None);
        let live = job.runtime.block_on(self.0.revisions.live())?;
        let model = self.0.revisions.model_folder(&live);
        let model = model.context("only a model in a Hugging Face folder on this machine can be trained")?;
        let (pairs, without_edits) = job.runtime.block_on(self.gather())?;
        let (training, held_out, cleaned) = prepare(pairs, config.held_out)?;
        if training.len() < config.min_pairs.max(1) {
            bail!("there are {} pairs to learn from, and {} are wanted", training.len(), config.min_pairs);
        }
        write_lines(&job.folder, TRAINING, &training)?;
        write_lines(&job.folder, HELD_OUT, &held_out)?;
        let (conversations, synthetic) = self.synthetic(job, config, training.len())?;
        write_lines(&job.folder, CONVERSATIONS, &conversations)?;
        let mut sources = self.0.pairs.describe();
        sources.extend(synthetic.sets.iter().map(|set| set.display().to_string()));
        let plan = Plan { parent: live.id, model, cleaned, without_edits, sources, synthetic };
        write_lines(&job.folder, PLAN, std::slice::from_ref(&plan))?;
        job.say(format!("{} pairs were read; it learns from {}", cleaned.read, training.len()));
        Ok(plan)
    }

    /// Rows that models made and no training has learned from yet, as many as a training on so many pairs has room for.
    fn synthetic(
        &self,
        job: &JobContext,
        config: &BmcConfig,
        pairs: usize,
    ) -> anyhow::Result<(Vec<Vec<Message>>, Taken)> {
        let recipe = &config.recipe;
        let most = recipe.steps(pairs).saturating_mul(recipe.conversations_per_step());
        if most == 0 {
            return Ok(Default::default());
        }
        let sets = job.runtime.block_on(fresh(&self.0.jobs))?;
        let (rows, taken) = draw(&sets, (most, recipe.seed), &mut |line| job.say(line));
        job.say(match taken.rows {
            0 => "no new rows that models made; it learns from pairs alone".to_owned(),
            rows => format!("{rows} rows that models made are learned beside them"),
        });
        Ok((rows, taken))
    }

    async fn gather(&self) -> anyhow::Result<(Vec<Pair>, usize)> {
        let (mut pairs, mut without) = (Vec::new(), 0);
        for pair in self.0.pairs.all().await? {
            match rendered(&self.0.editor, pair).await? {
                Some(pair) => pairs.push(pair),
                None => without += 1,
            }
        }
        Ok((pairs, without))
    }

    /// The pairs to learn from, bridged if that is wanted; none when the job shall stop.
    fn bridged(
        &self,
        job: &JobContext,
        config: &BmcConfig,
    ) -> anyhow::Result<Option<(Vec<PreferencePair>, Option<BridgeCard>)>> {
        let pairs: Vec<Pair> = read_lines(&job.folder.join(TRAINING))?;
        let modifier = match config.bridging {
            TrainBridging::None => return Ok(Some((training_pairs(pairs), None))),
            TrainBridging::Live => Modifier::new(Arc::clone(&self.0.model), Arc::new(sleep)),
            TrainBridging::Atlas => oracle_modifier(),
            TrainBridging::Endpoint => {
                let endpoint = config.endpoint.clone();
                endpoint_modifier(endpoint.context("no endpoint is named that could rewrite answers")?)?
            }
        };
        let work = Bridging { seed: config.recipe.seed, ..Bridging::new(&pairs, &modifier) };
        let folder = job.folder.join("bridged");
        let mut told = |done: usize, of: usize| {
            job.at(JobPhase::Bridging, (done as u64, of as u64), None);
            if job.stopped() { Flow::Stop } else { Flow::Continue }
        };
        // One that waits for an answer is told to stop, too: what was answered is on disk.
        let bridged = job.runtime.block_on(async {
            tokio::select! {
                done = bridge(&work, &folder, &mut told) => done,
                () = stopped(job) => Ok(None),
            }
        });
        let Some((bridged, card)) = bridged? else { return Ok(None) };
        job.say(format!("{} of {} losing answers were rewritten", card.bridged(), card.pairs));
        let bridged = bridged.into_iter().map(|one| one.pair).collect();
        Ok(Some((training_pairs(bridged), Some(card))))
    }

    fn register(&self, job: &JobContext, plan: &Plan, card: &PreferenceCard) -> anyhow::Result<RevisionId> {
        job.at(JobPhase::Registering, (0, 1), None);
        let digits = card.content.get(..ID_DIGITS).context("the content's hash is too short")?;
        let id = RevisionId::new(format!("sha256:{digits}"))?;
        let provenance = RevisionProvenance {
            parent: Some(plan.parent.clone()),
            model: self.0.revisions.base(),
            content: Some(card.content.clone()),
            data: Some(card.data.clone()),
            sources: plan.sources.clone(),
            job: Some(job.id.clone()),
            config: Some(job.config.clone()),
            metrics: Some(json!({
                "before": card.before, "after": card.after, "steps": card.steps, "ending": card.ending,
            })),
            code_version: card.version.clone(),
        };
        let candidate = Candidate { id, provenance };
        let run = job.folder.join("run");
        let revision = job.runtime.block_on(self.0.revisions.register(candidate, &run))?;
        Ok(revision.id)
    }
}

impl Work for BmcWork {
    fn run(&self, job: &JobContext) -> anyhow::Result<Ended> {
        let config: BmcConfig = serde_json::from_value(job.config.clone())?;
        let plan = self.plan(job, &config)?;
        if job.stopped() {
            return Ok(Ended::Stopped);
        }
        let Some((pairs, bridging)) = self.bridged(job, &config)? else { return Ok(Ended::Stopped) };
        let held_out = training_pairs(read_lines(&job.folder.join(HELD_OUT))?);
        let conversations: Vec<Vec<Message>> = plan.conversations(job)?;
        let training = PreferenceJob {
            model: &plan.model,
            pairs: &pairs,
            held_out: &held_out,
            conversations: &conversations,
            sources: &plan.sources,
            stop_words: None,
            recipe: config.recipe.clone(),
            budget: config.budget_seconds.map(Duration::from_secs),
            control: job.control.clone(),
            out: &job.folder.join("run"),
        };
        match train_preferences(&training, &mut Progress(job))? {
            Trained::Stopped { .. } => Ok(Ended::Stopped),
            Trained::Aborted { step, reason } => bail!("it was given up at step {step}: {reason}"),
            Trained::Finished(card) => {
                let id = self.register(job, &plan, &card)?;
                job.say(format!("the candidate is {id}"));
                Ok(Ended::Done(json!({
                    "revision": id,
                    "parent": plan.parent,
                    "steps": card.steps,
                    "ending": card.ending,
                    "before": card.before,
                    "after": card.after,
                    "synthetic": plan.synthetic,
                    "cleaned": plan.cleaned,
                    "without_edits": plan.without_edits,
                    "bridging": bridging,
                })))
            }
        }
    }
}

/// Cleaned, and split into what is learned from and what is measured on.
///
/// # Errors
/// When the settings make no sense, which the defaults do.
pub(crate) fn prepare(
    pairs: Vec<Pair>,
    share: HeldOutShare,
) -> amend_trainer::Result<(Vec<Pair>, Vec<Pair>, CleanReport)> {
    let (pairs, report) = clean(pairs, CleanSettings::default())?;
    let (training, held_out) = share.split(pairs);
    Ok((training, held_out, report))
}

/// As the trainer reads them.
pub(crate) fn training_pairs(pairs: Vec<Pair>) -> Vec<PreferencePair> {
    let pair = |Pair { prompt, chosen, rejected, .. }| PreferencePair { prompt, chosen, rejected };
    pairs.into_iter().map(pair).collect()
}

/// The oracle of atlas as a modifier.
pub(crate) fn oracle_modifier() -> Modifier {
    Modifier::atlas_oracle(Atlas::built_in(), Arc::new(sleep))
}

/// An endpoint as a modifier. It sends again itself what may pass, so that only an answer that broke off is asked for anew.
pub(crate) fn endpoint_modifier(endpoint: EndpointConfig) -> Result<Modifier, InvalidEndpoint> {
    let model = EndpointModel::new(endpoint, EndpointLimits::default())?;
    let retries = Retries { times: 1, ..Retries::default() };
    Ok(Modifier { retries, ..Modifier::new(Arc::new(model), Arc::new(sleep)) })
}

/// Until the job shall stop.
async fn stopped(job: &JobContext) {
    let mut looks = tokio::time::interval(LOOK);
    while !job.stopped() {
        looks.tick().await;
    }
}

fn sleep(time: Duration) -> futures::future::BoxFuture<'static, ()> {
    tokio::time::sleep(time).boxed()
}

fn read_lines<T: DeserializeOwned>(file: &Path) -> anyhow::Result<Vec<T>> {
    let opened = File::open(file).with_context(|| format!("failed to read {}", file.display()))?;
    let lines = BufReader::new(opened).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
