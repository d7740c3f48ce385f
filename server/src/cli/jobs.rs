//! `amend jobs`: what a running daemon does in the background.

use super::{
    client::{Client, DaemonArgs, Failure},
    exit, output, progress,
    training::BridgingArg,
};
use amend_proto::wire::TrainBridging;
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use eventsource_stream::Eventsource;
use futures::StreamExt;
use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::{Value, json};

/// Arguments of `amend jobs`.
#[derive(Debug, Args)]
pub struct JobsArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    #[command(subcommand)]
    command: JobsCommand,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// Train a candidate revision on the pairs that the daemon has
    #[command(after_help = "Examples:\n  amend jobs train\n  amend jobs train --max-steps 50 --follow")]
    Train(TrainArgs),
    /// Make training data, from what the daemon was started with
    #[command(after_help = "Examples:\n  amend jobs synth lion --follow\n  amend jobs synth webr --seed 2")]
    Synth(SynthArgs),
    /// List jobs, newest first
    #[command(after_help = "Examples:\n  amend jobs list\n  amend jobs list --json | jq -r .data[].id")]
    List(ListArgs),
    /// Show one job
    #[command(after_help = "Example:\n  amend jobs show job-0190a6c3e5f47d0e8f3b5c6d7e8f9a0b --json")]
    Show(OneArgs),
    /// Print what a job says until it ends
    #[command(after_help = "Example:\n  amend jobs follow job-0190a6c3e5f47d0e8f3b5c6d7e8f9a0b")]
    Follow(OneArgs),
    /// Call a job off
    #[command(after_help = "Example:\n  amend jobs cancel job-0190a6c3e5f47d0e8f3b5c6d7e8f9a0b")]
    Cancel(OneArgs),
    /// Try a job again that failed; it goes on from its last checkpoint
    #[command(after_help = "Example:\n  amend jobs retry job-0190a6c3e5f47d0e8f3b5c6d7e8f9a0b")]
    Retry(OneArgs),
}

/// Arguments of `amend jobs train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// At most so many steps [default: as the daemon is set up, as all that follow]
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// How often every pair is trained
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Pairs of one step
    #[arg(long, value_name = "N")]
    pairs_per_step: Option<usize>,
    /// The highest learning rate
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// How strongly the model is held to what it was
    #[arg(long, value_name = "BETA")]
    beta: Option<f64>,
    /// How much of plain fine-tuning on the chosen answers is added
    #[arg(long, value_name = "WEIGHT")]
    sft_weight: Option<f64>,
    /// Decides every draw
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Fewer pairs than this are not trained on
    #[arg(long, value_name = "N")]
    min_pairs: Option<usize>,
    /// Who rewrites losing answers first; `endpoint` is the one that the daemon was started with
    #[arg(long, value_enum)]
    bridging: Option<BridgingArg>,
    /// Print what it says until it ends
    #[arg(long)]
    follow: bool,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend jobs synth`.
#[derive(Debug, Args)]
pub struct SynthArgs {
    /// How it is made
    #[arg(value_enum)]
    method: SynthMethod,
    /// Decides every draw [default: as the daemon is set up]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Print what it says until it ends
    #[arg(long)]
    follow: bool,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// How training data is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SynthMethod {
    /// Where a student is behind its teacher
    Lion,
    /// From documents
    Webr,
}

/// Arguments of `amend jobs list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
    /// At most so many, up to 100
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
}

/// One job.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The job's id
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `amend jobs`.
///
/// # Errors
/// When no daemon answers, or it refuses.
pub async fn run(args: JobsArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.daemon)?;
    match args.command {
        JobsCommand::Train(args) => train(&client, args).await,
        JobsCommand::Synth(args) => synth(&client, args).await,
        JobsCommand::List(args) => list(&client, args).await,
        JobsCommand::Show(OneArgs { id, json }) => {
            let job = client.get(&["v1", "jobs", &id], &[]).await?;
            print(&job, json, described)
        }
        JobsCommand::Follow(OneArgs { id, json }) => follow(&client, &id, json).await.map(drop),
        JobsCommand::Cancel(OneArgs { id, json }) => {
            let path = ["v1", "jobs", &id, "cancel"];
            let job = client.json(Method::POST, &path, Some(&json!({}))).await?;
            print(&job, json, line)
        }
        JobsCommand::Retry(OneArgs { id, json }) => {
            let path = ["v1", "jobs", &id, "retry"];
            let job = client.json(Method::POST, &path, Some(&json!({}))).await?;
            print(&job, json, line)
        }
    }
}

async fn train(client: &Client, args: TrainArgs) -> anyhow::Result<()> {
    let TrainArgs {
        max_steps,
        epochs,
        pairs_per_step,
        learning_rate,
        beta,
        sft_weight,
        seed,
        min_pairs,
        bridging,
        follow: watch,
        json,
    } = args;
    let body = json!({
        "kind": "bmc",
        "max_steps": max_steps, "beta": beta, "sft_weight": sft_weight,
        "epochs": epochs,
        "pairs_per_step": pairs_per_step,
        "learning_rate": learning_rate,
        "seed": seed,
        "min_pairs": min_pairs,
        "bridging": bridging.map(TrainBridging::from),
    });
    let job = client.json(Method::POST, &["v1", "jobs"], Some(&body)).await?;
    match watch {
        true => follow(client, text(&job, "id"), json).await.map(drop),
        false => print(&job, json, line),
    }
}

async fn synth(client: &Client, args: SynthArgs) -> anyhow::Result<()> {
    let kind = match args.method {
        SynthMethod::Lion => "lion",
        SynthMethod::Webr => "webr",
    };
    let body = json!({"kind": kind, "seed": args.seed});
    let job = client.json(Method::POST, &["v1", "jobs"], Some(&body)).await?;
    match args.follow {
        true => follow(client, text(&job, "id"), args.json).await.map(drop),
        false => print(&job, args.json, line),
    }
}

async fn list(client: &Client, args: ListArgs) -> anyhow::Result<()> {
    let page = client.get(&["v1", "jobs"], &[("limit", args.limit.to_string())]).await?;
    if args.json {
        return output::json(&page);
    }
    let jobs = page["data"].as_array().context("the daemon's list has no `data`; is it an Amend daemon?")?;
    match jobs.is_empty() {
        true => output::line("no jobs; begin one with `amend jobs train`"),
        false => jobs.iter().try_for_each(|job| output::line(line(job))),
    }
}

/// Prints lines as they come, with a bar below them at a terminal; gives the job once it is done. The exit code of one that
/// is not is that of a failure.
pub(super) async fn follow(client: &Client, id: &str, as_json: bool) -> anyhow::Result<Value> {
    let bar = progress_bar(as_json);
    let request = client.request(Method::GET, &["v1", "jobs", id, "events"], &[])?;
    let mut events = client.ask(request).await?.bytes_stream().eventsource();
    let mut last = Value::Null;
    while let Some(event) = events.next().await {
        let event = event.context("the daemon went away")?;
        let item: Value = serde_json::from_str(&event.data)?;
        if let Some(said) = item.pointer("/error/message").and_then(Value::as_str) {
            return Err(Failure::new(exit::NO_DAEMON, format!("the events broke off: {said}")).into());
        }
        match (as_json, event.event.as_str()) {
            (true, _) => output::line(item.to_string())?,
            (false, "line") => bar.suspend(|| output::line(text(&item, "line")))?,
            (false, _) => show(&bar, &item["progress"]),
        }
        if event.event == "job" {
            last = item;
        }
    }
    bar.finish_and_clear();
    match text(&last, "state") {
        "done" => Ok(last),
        "failed" => {
            Err(Failure::new(exit::FAILURE, format!("the job failed: {}", text(&last, "reason"))).into())
        }
        "cancelled" => Err(Failure::new(exit::FAILURE, "the job was cancelled").into()),
        _ => Err(Failure::new(exit::NO_DAEMON, "the events ended; is the daemon still running?").into()),
    }
}

fn progress_bar(as_json: bool) -> ProgressBar {
    if as_json { ProgressBar::hidden() } else { progress::bar(0, "{pos}/{len} {msg}") }
}

fn show(bar: &ProgressBar, progress: &Value) {
    bar.set_length(progress["of"].as_u64().unwrap_or_default());
    bar.set_position(progress["done"].as_u64().unwrap_or_default());
    bar.set_message(text(progress, "phase").to_owned());
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

fn print(job: &Value, as_json: bool, plain: fn(&Value) -> String) -> anyhow::Result<()> {
    if as_json { output::json(job) } else { output::line(plain(job)) }
}

/// A job on one line.
fn line(job: &Value) -> String {
    let (id, kind, state) = (text(job, "id"), text(job, "kind"), text(job, "state"));
    let progress = &job["progress"];
    let so_far = match (text(progress, "phase"), progress["of"].as_u64().unwrap_or_default()) {
        ("waiting" | "", _) => String::new(),
        (phase, 0) => format!("  {phase}"),
        (phase, of) => format!("  {phase} {} of {of}", progress["done"]),
    };
    let end = match (job["reason"].as_str(), job.pointer("/result/revision").and_then(Value::as_str)) {
        (Some(reason), _) => format!("  {reason}"),
        (None, Some(revision)) => format!("  {revision}"),
        (None, None) => String::new(),
    };
    format!("{id}  {kind}  {state:9}{so_far}{end}")
}

/// A job with all that is known of it.
fn described(job: &Value) -> String {
    let mut lines = vec![line(job)];
    for (field, value) in job.as_object().into_iter().flatten() {
        if !matches!(field.as_str(), "id" | "object" | "kind" | "state" | "reason") {
            lines.push(format!("  {field}: {value}"));
        }
    }
    lines.join("\n")
}
