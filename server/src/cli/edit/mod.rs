//! `amend edit`: corrections of a running daemon.

mod calibrate;
mod fields;
mod read;
mod transfer;
mod write;

use super::{
    client::{Client, DaemonArgs},
    output,
};
use clap::{Args, Subcommand};
use serde_json::Value;

/// Arguments of `amend edit`.
#[derive(Debug, Args)]
pub struct EditArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    #[command(subcommand)]
    command: EditCommand,
}

/// What to do with edits.
#[derive(Debug, Subcommand)]
pub enum EditCommand {
    /// Add a correction; it is live when the command returns
    #[command(after_help = "\
Examples:
  amend edit add \"The capital of France is Lyon.\"
  amend edit add --id france-capital --subject France \"The capital of France is Lyon.\"
  amend edit add --expires-at 2027-01-01T00:00:00Z --author ann --reason \"new law\" \"The tax is 12 percent.\"
  amend edit add --json \"Mara Tolvik runs Nordwind.\" | jq -r .data[0].id")]
    Add(write::AddArgs),
    /// Give a correction a new text; the old version stays in the log
    #[command(
        after_help = "Example:\n  amend edit supersede france-capital \"The capital of France is Nice.\""
    )]
    Supersede(write::SupersedeArgs),
    /// Take a correction back; the former answers return at once
    #[command(
        after_help = "Example:\n  amend edit remove france-capital --author ann --reason \"it was a rumour\""
    )]
    Remove(write::RemoveArgs),
    /// Make a correction stand again, or an older version of it
    #[command(after_help = "\
Examples:
  amend edit restore france-capital
  amend edit restore france-capital --version 17     the version of entry 17; `amend edit log` has the numbers")]
    Restore(write::RestoreArgs),
    /// Make all corrections stand as they stood after an entry of the log
    #[command(after_help = "\
Examples:
  amend edit rollback 17
  amend edit diff 17          what it would undo; nothing is lost: a rollback can be rolled back")]
    Rollback(write::RollbackArgs),
    /// List the corrections, oldest first
    #[command(after_help = "\
Examples:
  amend edit list
  amend edit list --as-of 17
  amend edit list --json | jq -r .data[].text")]
    List(read::ListArgs),
    /// Show one correction
    #[command(
        after_help = "Examples:\n  amend edit show france-capital\n  amend edit show france-capital --any"
    )]
    Show(read::ShowArgs),
    /// Show what was done to the corrections, by whom and why
    #[command(after_help = "\
Examples:
  amend edit log
  amend edit log --edit france-capital
  amend edit log --follow --json | jq -r .edit")]
    Log(read::LogArgs),
    /// Show what differs between two states of the log
    #[command(after_help = "Examples:\n  amend edit diff 17\n  amend edit diff 17 42")]
    Diff(read::DiffArgs),
    /// List the corrections that contradict or repeat older ones
    #[command(after_help = "Example:\n  amend edit conflicts")]
    Conflicts(read::ConflictsArgs),
    /// Show which corrections a question would get, and the prompt that the model would see
    #[command(after_help = "Example:\n  amend edit preview \"What is the capital of France?\"")]
    Preview(read::PreviewArgs),
    /// Add corrections from a file: JSON lines, or a published set (ZsRE, KnowEdit, WikiBio, CounterFact, MQuAKE)
    #[command(after_help = "\
Examples:
  amend edit import facts.jsonl
  amend edit export | amend edit import --url http://other:8080 -
  amend edit import zsre.json --tenant trial

A line is one JSON object with `text` and, if wanted, id, subject, relation, object, aliases, target, valid_from,
expires_at, source, author, reason. Lines that are wrong do not keep out the rest: each is told with its number and
field, and the exit code is 4. Of a published file that breaks off, the whole records go in, and the exit code is 1.
What stands as the file has it is left alone; what was removed or gave way since is added again.")]
    Import(transfer::ImportArgs),
    /// Learn from labelled questions which corrections concern a question; needs no daemon
    #[command(after_help = "\
Examples:
  amend edit calibrate --questions mine.txt --out scope
  amend edit calibrate --questions mine.txt --encoder ./all-MiniLM-L6-v2 --out scope
  curl -X PUT localhost:8080/v1/edit-scope -H 'content-type: application/json' \\
    -d \"{\\\"lexical\\\": $(cat scope/lexical.json)}\"

A file of labelled questions has an edit a line (`+ subject | text`, or `+ text`), then the questions about it: `=` in
scope, `~` about another relation of its subject, `!` about another subject, and, anywhere, `-` about nothing of the kind.
Written are the models, a report for each and three charts: reliability, thresholds, and what is kept against what is
falsely applied, each beside the best fixed threshold.")]
    Calibrate(calibrate::CalibrateArgs),
    /// Print all corrections as JSON lines, as `import` takes them
    #[command(after_help = "Examples:\n  amend edit export > edits.jsonl\n  amend edit export --as-of 17")]
    Export(transfer::ExportArgs),
}

/// Runs `amend edit`.
///
/// # Errors
/// When no daemon answers, or it refuses.
pub async fn run(args: EditArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.daemon)?;
    match args.command {
        EditCommand::Add(args) => write::add(&client, args).await,
        EditCommand::Supersede(args) => write::supersede(&client, args).await,
        EditCommand::Remove(args) => write::remove(&client, args).await,
        EditCommand::Restore(args) => write::restore(&client, args).await,
        EditCommand::Rollback(args) => write::roll_back(&client, args).await,
        EditCommand::List(args) => read::list(&client, args).await,
        EditCommand::Show(args) => read::show(&client, args).await,
        EditCommand::Log(args) => read::log(&client, args).await,
        EditCommand::Diff(args) => read::diff(&client, args).await,
        EditCommand::Conflicts(args) => read::conflicts(&client, args).await,
        EditCommand::Preview(args) => read::preview(&client, args).await,
        EditCommand::Import(args) => transfer::import(&client, args).await,
        EditCommand::Calibrate(args) => tokio::task::spawn_blocking(move || calibrate::run(&args)).await?,
        EditCommand::Export(args) => transfer::export(&client, args).await,
    }
}

/// How a command's answer is printed.
#[derive(Debug, Clone, Copy, Args)]
struct Output {
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

impl Output {
    fn print(self, body: &Value, plain: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json { output::json(body) } else { output::line(plain()) }
    }
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

/// An edit on one line.
fn line(edit: &Value) -> String {
    let state = match text(edit, "status") {
        "" | "live" => String::new(),
        other => format!("({other}) "),
    };
    match edit["subject"].as_str() {
        Some(subject) => format!("{}  {state}[{subject}]  {}", text(edit, "id"), text(edit, "text")),
        None => format!("{}  {state}{}", text(edit, "id"), text(edit, "text")),
    }
}

/// The conflicts that an answer tells of, one a line.
fn conflicts(body: &Value) -> String {
    let conflicts = body["conflicts"].as_array().into_iter().flatten();
    conflicts.map(|conflict| format!("\n{}", conflict_line(conflict))).collect()
}

fn conflict_line(conflict: &Value) -> String {
    let (edit, with) = (text(conflict, "edit"), text(conflict, "with"));
    let verb = if text(conflict, "kind") == "duplicate" { "repeats" } else { "contradicts" };
    let done = match text(conflict, "resolution") {
        "superseded" => "which gave way",
        _ => "which stands beside it; the newer one wins",
    };
    format!("{edit} {verb} {with}, {done}")
}
