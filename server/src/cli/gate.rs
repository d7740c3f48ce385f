//! `amend gate`: may a revision ship? For people and for pipelines: the exit code is the verdict.

pub(super) mod local;

use super::{
    Failure,
    client::{Client, DaemonArgs},
    exit, output,
};
use amend_proto::wire::GateAction;
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
    time::{Duration, Instant},
};

/// Seconds that one request waits for a verdict.
const WAIT: u64 = 30;

/// Arguments of `amend gate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 it passed, 10 it failed, 11 what was measured does not tell, 12 it could not be measured (or was cancelled, or \
took too long), 2 wrong command line, 3 no daemon at that address, 4 the daemon refused.")]
pub struct GateArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    #[command(subcommand)]
    command: GateCommand,
}

/// What to do with gates.
#[derive(Debug, Subcommand)]
pub enum GateCommand {
    /// Measure a candidate against what is live, and decide
    #[command(after_help = "\
Examples:
  amend gate run sha256:0123456789abcdef            a candidate of a running daemon
  amend gate run sha256:0123456789abcdef --promote  the same, and it goes live if it passes
  amend gate run sha256:0123456789abcdef --canary   the same, and it answers a share of the users first
  amend gate run live --against previous --roll-back  what is live, against what was live before it
  amend gate run --model ./better --against atlas   two models, here; no daemon is asked
  amend gate run --model https://new.example/v1#llama --against https://old.example/v1#llama

A model is `atlas` (built in), a folder, a .gguf file, a hub id, or URL#NAME of any OpenAI-compatible endpoint, whose key is \
in the environment variable that --model-key-env or --against-key-env names.")]
    Run(Box<RunArgs>),
    /// Show one gate
    #[command(after_help = "\
Examples:
  amend gate show gate-0190
  amend gate show gate-0190 --report html > gate.html")]
    Show(ShowArgs),
    /// List the gates, newest first
    #[command(after_help = "Example:\n  amend gate list --json | jq -r '.data[] | [.id, .state] | @tsv'")]
    List(ListArgs),
    /// Wait until a gate has ended; the exit code is its verdict
    #[command(after_help = "Example:\n  amend gate wait gate-0190 --timeout 600")]
    Wait(WaitArgs),
    /// Say what differs between what two gates, or two report files, measured
    #[command(after_help = "\
Examples:
  amend gate compare gate-0190 gate-0191
  amend gate compare before.json after.json --json")]
    Compare(CompareArgs),
}

/// Arguments of `amend gate run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The revision to judge; `live` is the live one
    #[arg(required_unless_present = "model", conflicts_with = "model")]
    candidate: Option<String>,
    /// A policy (TOML) [default: the daemon's, or the built-in one]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Make the candidate live if it passes
    #[arg(long, conflicts_with = "model")]
    promote: bool,
    /// If it passes, let the candidate answer a share of the users first (`amend serve --canary-share`); it goes live when
    /// nothing is found
    #[arg(long, conflicts_with_all = ["model", "promote", "roll_back"])]
    canary: bool,
    /// Make the revision before it live again if the live one fails; for `live`
    #[arg(long, conflicts_with_all = ["model", "promote"])]
    roll_back: bool,
    /// Do not wait for the verdict
    #[arg(long, conflicts_with = "model")]
    no_wait: bool,
    /// Give up waiting after so many seconds; the gate goes on
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Models that are judged here
    #[command(flatten)]
    local: local::LocalArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl RunArgs {
    /// The flags exclude each other.
    fn on_verdict(&self) -> GateAction {
        if self.promote {
            GateAction::Promote
        } else if self.roll_back {
            GateAction::RollBack
        } else if self.canary {
            GateAction::Canary
        } else {
            GateAction::Record
        }
    }
}

/// Arguments of `amend gate show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The gate's id
    id: String,
    /// Print what it measured instead
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    report: Option<ReportArg>,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportArg {
    /// A page that stands alone
    Html,
    /// For programs
    Json,
    /// Text with tables
    Markdown,
    /// For build servers
    Junit,
}

/// Arguments of `amend gate list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
    /// At most so many, up to 100
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
}

/// Arguments of `amend gate wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// The gate's id
    id: String,
    /// Give up after so many seconds; the gate goes on
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend gate compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A gate's id, or a report file (JSON)
    before: String,
    /// What it is compared with
    after: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `amend gate`.
///
/// # Errors
/// [`Failure`] with the exit code that the verdict has; when no daemon answers, or it refuses.
pub async fn run(args: GateArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.daemon)?;
    match args.command {
        GateCommand::Run(args) if args.local.is_named() => {
            local::run(args.local, args.policy.as_deref(), args.json).await
        }
        GateCommand::Run(args) => begin(&client, *args).await,
        GateCommand::Show(args) => show(&client, args).await,
        GateCommand::List(args) => list(&client, args).await,
        GateCommand::Wait(WaitArgs { id, timeout, json }) => {
            let gate = wait(&client, &id, timeout).await?;
            print(&gate, json)?;
            verdict(&gate)
        }
        GateCommand::Compare(args) => compare(&client, args).await,
    }
}

async fn begin(client: &Client, args: RunArgs) -> anyhow::Result<()> {
    let policy = args.policy.as_deref().map(|file| {
        std::fs::read_to_string(file).with_context(|| format!("failed to read the policy {}", file.display()))
    });
    if args.local.names_judges() {
        let message = "a daemon's gate asks the judges that it was started with (`amend serve --gate-judges`); --judges and \
                       --judge-url are for two models that are judged here";
        return Err(Failure::new(exit::USAGE, message).into());
    }
    let body = json!({
        "candidate": args.candidate, "policy": policy.transpose()?, "on_verdict": args.on_verdict(),
        "against": args.local.against,
    });
    let gate = client.json(Method::POST, &["v1", "gates"], Some(&body)).await?;
    if args.no_wait {
        return print(&gate, args.json);
    }
    let id = text(&gate, "id").to_owned();
    if !args.json && stderr().is_terminal() {
        eprintln!("{id} measures; `amend jobs follow {}` tells how far it is", text(&gate, "job"));
    }
    let gate = wait(client, &id, args.timeout).await?;
    print(&gate, args.json)?;
    verdict(&gate)
}

async fn show(client: &Client, args: ShowArgs) -> anyhow::Result<()> {
    let Some(format) = args.report else {
        let gate = client.get(&["v1", "gates", &args.id], &[]).await?;
        return print(&gate, args.json);
    };
    let format = format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let path = ["v1", "gates", &args.id, "report"];
    let report = client.ask(client.request(Method::GET, &path, &[("format", format)])?).await?;
    output::raw(&report.bytes().await.context("the daemon went away")?)
}

async fn list(client: &Client, args: ListArgs) -> anyhow::Result<()> {
    let page = client.get(&["v1", "gates"], &[("limit", args.limit.to_string())]).await?;
    if args.json {
        return output::json(&page);
    }
    let found = page["data"].as_array().context("the daemon's list has no `data`; is it an Amend daemon?")?;
    found.iter().try_for_each(|gate| output::line(line(gate)))
}

/// The gate when it has ended.
async fn wait(client: &Client, id: &str, timeout: Option<u64>) -> anyhow::Result<Value> {
    let deadline = timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    loop {
        let left =
            deadline.map_or(WAIT, |end| end.saturating_duration_since(Instant::now()).as_secs().min(WAIT));
        let gate = client.get(&["v1", "gates", id], &[("wait", left.to_string())]).await?;
        if !matches!(text(&gate, "state"), "queued" | "running") {
            return Ok(gate);
        }
        if left == 0 {
            let message = format!("the gate {id} has not ended in time; it goes on: amend gate wait {id}");
            return Err(Failure::new(exit::GATE_ERROR, message).into());
        }
    }
}

async fn compare(client: &Client, args: CompareArgs) -> anyhow::Result<()> {
    let before = measured(client, &args.before).await?;
    let after = measured(client, &args.after).await?;
    local::compare(&before, &after, args.json)
}

/// What a gate or a file says was measured of the candidate.
async fn measured(client: &Client, named: &str) -> anyhow::Result<Value> {
    let file = std::path::Path::new(named);
    if file.is_file() {
        return local::read_report(file);
    }
    client.get(&["v1", "gates", named, "report"], &[("format", "json".to_owned())]).await
}

/// The verdict as the end of the command.
fn verdict(gate: &Value) -> anyhow::Result<()> {
    let code = match text(gate, "state") {
        "pass" => return Ok(()),
        "fail" => exit::GATE_FAILED,
        "inconclusive" => exit::GATE_INCONCLUSIVE,
        _ => exit::GATE_ERROR,
    };
    Err(Failure::silent(code).into())
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

fn print(gate: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json { output::json(gate) } else { output::line(described(gate)) }
}

/// A gate on one line.
fn line(gate: &Value) -> String {
    let (id, state) = (text(gate, "id"), text(gate, "state"));
    let against = gate["live"].as_str().map(|live| format!(" against {live}")).unwrap_or_default();
    format!(
        "{id}  {state:12}  {}{against}  policy {}",
        text(gate, "candidate"),
        text(&gate["policy"], "name")
    )
}

/// A gate with its reasons.
fn described(gate: &Value) -> String {
    let mut lines = vec![line(gate)];
    for reason in gate["reasons"].as_array().into_iter().flatten() {
        lines.push(format!("  {}: {}", text(reason, "code"), text(reason, "message")));
    }
    lines.join("\n")
}
