//! `amend eval followbench`: how well a model follows constraints.

use super::{
    Failure, exit,
    gate::local::{JudgeArgs, Named, compare_files, open},
    output, progress,
    serve::told_to_stop,
};
use crate::gates::find_suite;
use amend_eval::{
    Progress,
    follow::{
        Scorer, Verdict,
        published::{FileScores, ScoreRequest, score_files},
        report::FollowReport,
        run::{Cache, FolderCache, RunOptions, run},
        score,
    },
};
use amend_proto::{Priority, Sampling};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Arguments of `amend eval followbench`.
#[derive(Debug, Args)]
pub struct FollowbenchArgs {
    #[command(subcommand)]
    command: FollowbenchCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum FollowbenchCommand {
    /// Ask a model a suite, and report what it follows
    #[command(after_help = "\
Examples:
  amend eval followbench run
  amend eval followbench run --model ./my-model --suite amend-follow --out report
  amend eval followbench run --model http://127.0.0.1:8080/v1#atlas --suite ./followbench/data \\
    --judge-url https://api.example/v1 --judge-model big

Suites: amend-follow, atlas-follow, a suite file, or a folder of such files or of FollowBench's. With --out an interrupted
run goes on where it stopped, and repeats no answer.")]
    Run(Box<RunArgs>),
    /// Score answers and judgements in the published layout; no model is asked
    #[command(after_help = "\
Example:
  amend eval followbench score --data data --generations api_output --judgements gpt4_output --scorer legacy --json")]
    Score(ScoreArgs),
    /// Say what differs between two reports
    #[command(after_help = "Example:\n  amend eval followbench compare before/report.json after/report.json")]
    Compare(CompareArgs),
}

/// Arguments of `amend eval followbench run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The model: `atlas` (built in), a folder, a .gguf file, a hub id, or URL#NAME of an endpoint
    #[arg(long, env = "AMEND_MODEL", default_value = "atlas", value_name = "MODEL")]
    model: String,
    /// The environment variable with the endpoint's key
    #[arg(long, value_name = "VAR")]
    model_key_env: Option<String>,
    /// What is asked [default: atlas-follow for the built-in model, amend-follow for others]
    #[arg(long, value_name = "SUITE")]
    suite: Option<String>,
    /// Who judges what code cannot
    #[command(flatten)]
    judge: JudgeArgs,
    /// How outcomes become rates
    #[arg(long, value_enum, default_value_t = ScorerArg::Strict)]
    scorer: ScorerArg,
    /// Decides every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tokens of an answer
    #[arg(long, default_value_t = 1024, value_name = "N")]
    max_tokens: u32,
    /// Requests at once [default: 1 for a model here, 4 for an endpoint]
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,
    /// Go behind the users of a daemon that is asked
    #[arg(long)]
    background: bool,
    /// Write report.json, report.md, report.html and junit.xml there, and what is needed to go on after an interruption
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// How outcomes become rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScorerArg {
    /// The numbers of the reference scorer, its defects included
    Legacy,
    /// The defects mended
    Strict,
}

impl From<ScorerArg> for Scorer {
    fn from(chosen: ScorerArg) -> Self {
        match chosen {
            ScorerArg::Legacy => Self::Legacy,
            ScorerArg::Strict => Self::Strict,
        }
    }
}

/// Arguments of `amend eval followbench score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// The folder of the published data
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The folder of the answers
    #[arg(long, value_name = "DIR")]
    generations: PathBuf,
    /// The folder of the judge's outputs, for items that no rule decides
    #[arg(long, value_name = "DIR")]
    judgements: Option<PathBuf>,
    /// How outcomes become rates
    #[arg(long, value_enum, default_value_t = ScorerArg::Strict)]
    scorer: ScorerArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend eval followbench compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A report (JSON)
    before: PathBuf,
    /// What it is compared with
    after: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `amend eval followbench`.
///
/// # Errors
/// When files cannot be read, or the run breaks off or is told to stop.
pub async fn followbench(args: FollowbenchArgs) -> anyhow::Result<()> {
    match args.command {
        FollowbenchCommand::Run(args) => {
            let stopped = "stopped; with --out the same command goes on from there";
            let report = tokio::select! {
                report = asked(&args) => report?,
                () = told_to_stop() => return Err(Failure::new(exit::FAILURE, stopped).into()),
            };
            match args.json {
                true => output::line(report.json()?),
                false => output::line(report.markdown()?.trim_end()),
            }
        }
        FollowbenchCommand::Score(args) => scored(args).await,
        FollowbenchCommand::Compare(CompareArgs { before, after, json }) => {
            compare_files(&before, &after, json)
        }
    }
}

async fn asked(args: &RunArgs) -> anyhow::Result<FollowReport> {
    let folder = tempfile::tempdir().context("failed to make a temporary data folder")?;
    let suite =
        args.suite.as_deref().unwrap_or(if args.model == "atlas" { "atlas-follow" } else { "amend-follow" });
    let suite = find_suite(suite)?;
    let named = Named { model: &args.model, key_env: args.model_key_env.as_deref() };
    let judged = open(named, folder.path()).await?;
    let judges = args.judge.named()?;
    let cache = match &args.out {
        None => None,
        Some(out) => Some(Arc::new(FolderCache::open(&out.join("answers"))?) as Arc<dyn Cache>),
    };
    let prices = judges.prices_beside((&judged.model.info().id, judged.price));
    let bar = Bar(progress::bar(0, "{pos}/{len} items"));
    let panel = judges.panel_for(&suite, cache.clone(), &bar).await?;
    let options = RunOptions {
        concurrency: args.concurrency.unwrap_or(judged.concurrency),
        sampling: Sampling { max_tokens: Some(args.max_tokens), seed: Some(args.seed), ..Sampling::greedy() },
        priority: if args.background { Priority::Background } else { Priority::Live },
        scorer: args.scorer.into(),
        cache,
        prices,
        ..RunOptions::default()
    };
    let report = run(judged.model.as_ref(), &suite, &options, panel.as_ref(), &bar).await;
    bar.0.finish_and_clear();
    let report = report?;
    if let Some(out) = &args.out {
        write(&report, out)?;
    }
    Ok(report)
}

fn write(report: &FollowReport, out: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| format!("failed to make {}", out.display()))?;
    let put = |name: &str, text: String| {
        let file = out.join(name);
        fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))
    };
    put("report.json", report.json()?)?;
    put("report.md", report.markdown()?)?;
    put("report.html", report.html(None)?)?;
    put("junit.xml", report.junit()?)
}

async fn scored(args: ScoreArgs) -> anyhow::Result<()> {
    let ScoreArgs { data, generations, judgements, scorer, json } = args;
    let request = ScoreRequest { data, generations, judgements, scorer: scorer.into() };
    let scores = tokio::task::spawn_blocking(move || score_files(&request)).await??;
    match json {
        true => output::line(serde_json::to_string_pretty(&scores)?),
        false => output::line(table(&scores)),
    }
}

/// The rates as a table.
fn table(scores: &FileScores) -> String {
    let mut lines =
        vec!["category   HSR 1–5, %                      SSR 1–5, %                      CSL".to_owned()];
    let overall = ("mean".to_owned(), &scores.overall);
    let rows =
        scores.categories.iter().map(|(category, scores)| (category.to_string(), scores)).chain([overall]);
    for (name, scores) in rows {
        let rates = |rates: &[Option<f64>; 5]| {
            rates.iter().map(|rate| format!("{:>6}", score::percent(*rate))).collect::<String>()
        };
        lines.push(format!(
            "{name:9}{}  {}  {:>4}",
            rates(&scores.hsr),
            rates(&scores.ssr),
            score::levels(scores.csl)
        ));
    }
    lines.push(format!("{} items with a verdict that cannot be read", scores.unparsed));
    let unread = |one: &amend_eval::follow::ItemOutcome| {
        one.constraints.iter().any(|c| c.verdict == Verdict::Unparsed)
    };
    for outcome in scores.outcomes.iter().filter(|outcome| unread(outcome)).take(20) {
        lines.push(format!("  {}#{}", outcome.group, outcome.level));
    }
    lines.join("\n")
}

/// A bar at a terminal, a line now and then elsewhere.
struct Bar(ProgressBar);

/// Items between two plain lines.
const LINE_EVERY: usize = 100;

impl Progress for Bar {
    fn answered(&self, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
        if self.0.is_hidden() && (done.is_multiple_of(LINE_EVERY) || done == total) {
            eprintln!("{done} of {total} items");
        }
    }
}
