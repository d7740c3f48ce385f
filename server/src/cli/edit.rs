//! `amend edit`: corrections of a running daemon.

use super::client::{Client, DaemonArgs};
use anyhow::Context;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

/// Arguments of `amend edit`.
#[derive(Debug, Args)]
pub struct EditArgs {
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
  amend edit add --json \"Mara Tolvik runs Nordwind.\" | jq -r .data[0].id")]
    Add(AddArgs),
    /// List the corrections, oldest first
    #[command(after_help = "Examples:\n  amend edit list\n  amend edit list --json | jq -r .data[].text")]
    List(ListArgs),
    /// Show one correction
    #[command(after_help = "Example:\n  amend edit show france-capital")]
    Show(OneArgs),
    /// Take a correction back; the former answers return at once
    #[command(after_help = "Example:\n  amend edit remove france-capital")]
    Remove(OneArgs),
    /// Show which corrections a question would get, and the prompt that the model would see
    #[command(after_help = "Example:\n  amend edit preview \"What is the capital of France?\"")]
    Preview(PreviewArgs),
}

/// Arguments of `amend edit add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    /// The corrected fact, as one sentence
    text: String,
    /// A name of your own for the edit; without one it gets one
    #[arg(long)]
    id: Option<String>,
    /// What the fact is about, as questions name it; without one it is read from the text
    #[arg(long)]
    subject: Option<String>,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend edit list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    /// Print one JSON list of all edits
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend edit show` and `amend edit remove`.
#[derive(Debug, Args)]
pub struct OneArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    /// The edit's id
    id: String,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend edit preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    /// The question
    query: String,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// Edits asked for at a time when listing them all.
const PAGE: usize = 100;

/// Runs `amend edit`.
///
/// # Errors
/// When no daemon answers, or it refuses.
pub async fn run(args: EditArgs) -> anyhow::Result<()> {
    match args.command {
        EditCommand::Add(args) => add(args).await,
        EditCommand::List(args) => list(args).await,
        EditCommand::Show(args) => {
            let edit = Client::new(&args.daemon)?.json(Method::GET, &["v1", "edits", &args.id], None).await?;
            print(&edit, args.json, || line(&edit))
        }
        EditCommand::Remove(args) => {
            let gone =
                Client::new(&args.daemon)?.json(Method::DELETE, &["v1", "edits", &args.id], None).await?;
            print(&gone, args.json, || format!("removed {}", args.id))
        }
        EditCommand::Preview(args) => preview(args).await,
    }
}

fn line(edit: &Value) -> String {
    let text = |field: &str| edit[field].as_str().unwrap_or_default().to_owned();
    match edit["subject"].as_str() {
        Some(subject) => format!("{}  [{subject}]  {}", text("id"), text("text")),
        None => format!("{}  {}", text("id"), text("text")),
    }
}

fn print(body: &Value, as_json: bool, plain: impl FnOnce() -> String) -> anyhow::Result<()> {
    match as_json {
        true => println!("{}", serde_json::to_string_pretty(body)?),
        false => println!("{}", plain()),
    }
    Ok(())
}

async fn add(args: AddArgs) -> anyhow::Result<()> {
    let mut body = json!({"text": args.text});
    if let Some(id) = args.id {
        body["id"] = id.into();
    }
    if let Some(subject) = args.subject {
        body["subject"] = subject.into();
    }
    let stored = Client::new(&args.daemon)?.json(Method::POST, &["v1", "edits"], Some(&body)).await?;
    print(&stored, args.json, || format!("live: {}", line(&stored["data"][0])))
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.daemon)?;
    let mut all: Vec<Value> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = client.page(&["v1", "edits"], PAGE, after.as_deref()).await?;
        let edits =
            page["data"].as_array().context("the daemon's list has no `data`; is it an Amend daemon?")?;
        all.extend(edits.iter().cloned());
        after = edits.last().and_then(|edit| edit["id"].as_str()).map(str::to_owned);
        if page["has_more"] != Value::Bool(true) || after.is_none() {
            break;
        }
    }
    let whole = json!({"object": "list", "data": all, "has_more": false});
    print(&whole, args.json, || match all.is_empty() {
        true => "no edits; add one with `amend edit add`".to_owned(),
        false => all.iter().map(line).collect::<Vec<_>>().join("\n"),
    })
}

async fn preview(args: PreviewArgs) -> anyhow::Result<()> {
    let body = json!({"query": args.query});
    let client = Client::new(&args.daemon)?;
    let preview = client.json(Method::POST, &["v1", "edits", "preview"], Some(&body)).await?;
    print(&preview, args.json, || {
        let edits = preview["edits"].as_array().into_iter().flatten();
        let edits: Vec<String> =
            edits.map(|e| format!("  {:.3}  {}", e["score"].as_f64().unwrap_or(0.0), line(e))).collect();
        let decision = preview["decision"].as_str().unwrap_or("?");
        let prompt = preview["prompt"].as_str().unwrap_or_default();
        format!("decision: {decision}\n{}\n\n{prompt}", edits.join("\n"))
    })
}
