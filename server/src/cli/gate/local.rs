//! Two models judged here, and reports compared: no daemon is asked.

use crate::{
    app::{App, AppError},
    cli::{Failure, exit, output, progress, serve::told_to_stop},
    endpoint::{EndpointConfig, EndpointLimits, EndpointModel, EndpointName, EndpointUrl},
    engine::{EngineConfig, ModelSource},
    gates::{
        Judges, TrafficSuite,
        measure::{self, Asking, FREE, GateProgress, Subject},
        write_all,
    },
};
use amend_eval::{
    follow::{
        report::{self, FollowReport, Price},
        run::{Cache, FolderCache},
    },
    gate::{GateDecision, Policy, Verdict, render::GateTitle},
};
use amend_proto::{ChatModel, ModelId, Priority};
use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;
use serde_json::Value;
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Models that are judged here.
#[derive(Debug, Args)]
#[command(next_help_heading = "Two models, here")]
pub(super) struct LocalArgs {
    /// The model to judge
    #[arg(long, value_name = "MODEL", requires = "against")]
    model: Option<String>,
    /// What it is compared with; of a daemon's gate a revision, or `previous`, which was live before [default there: what is live]
    #[arg(long, value_name = "MODEL")]
    pub(super) against: Option<String>,
    /// The environment variable with the key of the endpoint to judge
    #[arg(long, value_name = "VAR", requires = "model")]
    model_key_env: Option<String>,
    /// The environment variable with the key of the endpoint that it is compared with
    #[arg(long, value_name = "VAR", requires = "model")]
    against_key_env: Option<String>,
    /// Who judges what code cannot
    #[command(flatten)]
    judge: JudgeArgs,
    /// Requests to a model at once [default: 1 for a model here, 4 for an endpoint]
    #[arg(long, value_name = "N", requires = "model")]
    concurrency: Option<NonZeroUsize>,
    /// Tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_tokens: u32,
    /// Write gate.json, report.md, report.html, junit.xml and a page for each suite there; the same command goes on from
    /// there after an interruption
    #[arg(long, value_name = "DIR", requires = "model")]
    out: Option<PathBuf>,
}

/// Judges behind endpoints.
#[derive(Debug, Args)]
pub(in crate::cli) struct JudgeArgs {
    /// Several judges, who decide by majority, and what they cost (TOML, see eval/policies/README.md)
    #[arg(long, value_name = "FILE", conflicts_with = "judge_url")]
    judges: Option<PathBuf>,
    /// Where the routes of a judge begin, for suites that code cannot decide
    #[arg(long, value_name = "URL", requires = "judge_model")]
    judge_url: Option<EndpointUrl>,
    /// Which of its models
    #[arg(long, value_name = "NAME", requires = "judge_url")]
    judge_model: Option<ModelId>,
    /// The environment variable with its key
    #[arg(long, value_name = "VAR", requires = "judge_url")]
    judge_key_env: Option<String>,
}

impl JudgeArgs {
    /// Whether any is named.
    pub(in crate::cli) fn is_given(&self) -> bool {
        self.judges.is_some() || self.judge_url.is_some()
    }

    /// The judges that are named.
    ///
    /// # Errors
    /// When the file cannot be read, or says what makes no sense.
    pub(in crate::cli) fn named(&self) -> anyhow::Result<Judges> {
        if let Some(file) = &self.judges {
            return read_judges(file);
        }
        let named = self.judge_url.clone().zip(self.judge_model.clone());
        let endpoint = |(url, model)| EndpointConfig { url, model, key_env: self.judge_key_env.clone() };
        Ok(named.map(endpoint).map(Judges::one).unwrap_or_default())
    }
}

/// The judges of a file.
///
/// # Errors
/// When it cannot be read, or says what makes no sense.
pub(in crate::cli) fn read_judges(file: &Path) -> anyhow::Result<Judges> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("failed to read the judges {}", file.display()))?;
    Judges::parse(&text).with_context(|| file.display().to_string())
}

/// A model as the command line names it.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Named<'a> {
    /// `atlas`, a folder, a .gguf file, a hub id, or URL#NAME.
    pub(in crate::cli) model: &'a str,
    /// The environment variable with the endpoint's key.
    pub(in crate::cli) key_env: Option<&'a str>,
}

impl LocalArgs {
    pub(super) fn is_named(&self) -> bool {
        self.model.is_some()
    }

    /// Whether judges are named, which a daemon has its own of.
    pub(super) fn names_judges(&self) -> bool {
        self.judge.is_given()
    }
}

/// A model that is asked.
pub(in crate::cli) struct Judged {
    name: String,
    /// It.
    pub(in crate::cli) model: Arc<dyn ChatModel>,
    /// Requests that it takes at once.
    pub(in crate::cli) concurrency: NonZeroUsize,
    /// What its tokens cost, if that is known.
    pub(in crate::cli) price: Option<Price>,
}

/// Judges two models here.
///
/// # Errors
/// [`Failure`] with the exit code of the verdict, or [`exit::GATE_ERROR`] when it could not be measured.
pub(super) async fn run(args: LocalArgs, policy: Option<&Path>, as_json: bool) -> anyhow::Result<()> {
    let measured = tokio::select! {
        measured = judge(&args, policy) => measured,
        () = told_to_stop() => Err(anyhow::anyhow!("stopped; with --out the same command goes on from there")),
    };
    let decision = match measured {
        Ok(decision) => decision,
        Err(error) => {
            return Err(
                Failure::new(exit::GATE_ERROR, format!("the gate could not be measured: {error:#}")).into()
            );
        }
    };
    match as_json {
        true => output::json(&serde_json::to_value(&decision)?)?,
        false => {
            output::line(word(decision.verdict))?;
            decision
                .reasons
                .iter()
                .try_for_each(|reason| output::line(format!("  {}: {reason}", reason.code())))?;
        }
    }
    match decision.verdict {
        Verdict::Pass => Ok(()),
        Verdict::Fail => Err(Failure::silent(exit::GATE_FAILED).into()),
        Verdict::Inconclusive => Err(Failure::silent(exit::GATE_INCONCLUSIVE).into()),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
    }
}

async fn judge(args: &LocalArgs, file: Option<&Path>) -> anyhow::Result<GateDecision> {
    let (Some(model), Some(against)) = (&args.model, &args.against) else {
        anyhow::bail!("two models are needed: --model and --against");
    };
    let folder = tempfile::tempdir().context("failed to make a temporary data folder")?;
    let policy = policy(file, against)?;
    let candidate = open(Named { model, key_env: args.model_key_env.as_deref() }, folder.path()).await?;
    let against = Named { model: against, key_env: args.against_key_env.as_deref() };
    let live = open(against, folder.path()).await?;
    let judges = args.judge.named()?;
    let cache = match &args.out {
        None => None,
        Some(out) => Some(Arc::new(FolderCache::open(&out.join("answers"))?) as Arc<dyn Cache>),
    };
    let bar = Bar(progress::bar(0, "{pos}/{len} {msg}"));
    let asking = Asking {
        policy: &policy,
        cache,
        concurrency: args.concurrency.unwrap_or(candidate.concurrency.min(live.concurrency)),
        max_tokens: args.max_tokens,
        judges: &judges,
        edits: Vec::new(),
        most_edits: NonZeroUsize::MIN,
        traffic: TrafficSuite::default(),
        trained_on: Vec::new(),
        priority: Priority::Live,
    };
    let subject =
        |judged: &Judged| Subject { model: Arc::clone(&judged.model), edited: None, price: judged.price };
    let measured = measure::gate((&subject(&candidate), &subject(&live)), &asking, &bar).await;
    bar.0.finish_and_clear();
    let (measured, decision) = measured?;
    if let Some(out) = &args.out {
        let title = GateTitle {
            id: "amend gate run".to_owned(),
            candidate: candidate.name,
            live: live.name,
            policy: policy.name.clone(),
            suites: Vec::new(),
        };
        write_all(out, title, (&decision, &measured))?;
    }
    Ok(decision)
}

/// The policy of the file, or the one for such a model.
fn policy(file: Option<&Path>, against: &str) -> anyhow::Result<Policy> {
    match file {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("failed to read the policy {}", file.display()))?;
            Policy::parse(&text).with_context(|| file.display().to_string())
        }
        None if against == "atlas" => Ok(Policy::atlas()),
        None => Ok(Policy::default()),
    }
}

/// Requests to an endpoint at once.
const TO_ENDPOINT: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Loads a model, or takes the endpoint.
///
/// # Errors
/// When it cannot be loaded, or its address or key cannot be used.
pub(in crate::cli) async fn open(named: Named<'_>, folder: &Path) -> anyhow::Result<Judged> {
    let Named { model: named, key_env } = named;
    if EndpointName::is_meant(named) {
        let endpoint = named.parse::<EndpointName>()?.with_key(key_env.map(str::to_owned));
        let model: Arc<dyn ChatModel> = Arc::new(EndpointModel::new(endpoint, EndpointLimits::once())?);
        return Ok(Judged { name: named.to_owned(), model, concurrency: TO_ENDPOINT, price: None });
    }
    let source = ModelSource::parse(named, &folder.join("models")).map_err(AppError::from)?;
    let engine = App::unpacked(EngineConfig::new(source)).await?;
    let concurrency = engine.slots()?;
    let model = engine.build().await.with_context(|| format!("failed to load {named}"))?;
    Ok(Judged { name: named.to_owned(), model: Arc::new(model), concurrency, price: Some(FREE) })
}

/// A bar at a terminal, a line for each suite elsewhere.
struct Bar(ProgressBar);

impl GateProgress for Bar {
    fn look(&self, number: u32, of: u32) {
        if of > 1 && self.0.is_hidden() {
            eprintln!("look {number} of {of}");
        }
    }

    fn answered(&self, suite: &str, who: &'static str, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
        self.0.set_message(format!("{suite}: {who}"));
        if self.0.is_hidden() && done == total {
            eprintln!("{suite}: {who} answered {total} items");
        }
    }
}

/// Compares what two gates, or two report files, measured of the candidate.
///
/// # Errors
/// When they hold nothing that can be compared.
pub(super) fn compare(before: &Value, after: &Value, as_json: bool) -> anyhow::Result<()> {
    let (before, after) = (reports(before)?, reports(after)?);
    let mut compared = 0;
    for one in &before {
        let Some(other) = after.iter().find(|other| other.suite.name == one.suite.name) else { continue };
        let comparison = report::compare(one, other)?;
        compared += 1;
        match as_json {
            true => output::line(comparison.json()?)?,
            false => output::line(comparison.to_string().trim_end())?,
        }
    }
    match compared {
        0 => Err(Failure::new(exit::FAILURE, "the two have no suite in common").into()),
        _ => Ok(()),
    }
}

/// Compares two report files.
///
/// # Errors
/// When one cannot be read, or they hold nothing that can be compared.
pub(in crate::cli) fn compare_files(before: &Path, after: &Path, as_json: bool) -> anyhow::Result<()> {
    compare(&read_report(before)?, &read_report(after)?, as_json)
}

/// A report file.
pub(super) fn read_report(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not a report", file.display()))
}

/// The candidate's reports of a gate, or one report.
fn reports(from: &Value) -> anyhow::Result<Vec<FollowReport>> {
    let Some(all) = from.pointer("/measured/candidate").and_then(Value::as_array) else {
        return Ok(vec![serde_json::from_value(from.clone()).context("not a report of amend")?]);
    };
    let follow = all.iter().filter(|one| one["kind"] == "follow");
    follow.map(|one| serde_json::from_value(one.clone()).context("not a report of amend")).collect()
}
