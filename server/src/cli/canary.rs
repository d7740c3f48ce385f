//! `amend canary`: a candidate answers a share of the users, watched.

use super::{
    client::{Client, DaemonArgs},
    output,
};
use anyhow::Context;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

/// Arguments of `amend canary`.
#[derive(Debug, Args)]
pub struct CanaryArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    #[command(subcommand)]
    command: CanaryCommand,
}

/// What to do with canaries.
#[derive(Debug, Subcommand)]
pub enum CanaryCommand {
    /// Let a candidate answer a share of the users; it is taken off when it does worse than the live revision
    #[command(after_help = "\
Examples:
  amend canary start sha256:0123456789abcdef --share 0.05
  amend canary start sha256:0123456789abcdef --share 0.05 --answers 2000 --promote

A gate must have let the candidate through against what is live (amend gate run); --force goes past that, and is put on the \
record. Worse means: more failures, more slow first tokens, or more dislikes, by Fisher's exact test.")]
    Start(StartArgs),
    /// Show one canary
    #[command(after_help = "Example:\n  amend canary show canary-0190")]
    Show(OneArgs),
    /// List the canaries, newest first
    #[command(after_help = "Example:\n  amend canary list --json | jq -r '.data[0].state'")]
    List(ListArgs),
    /// Take the candidate off
    #[command(after_help = "Example:\n  amend canary stop canary-0190")]
    Stop(OneArgs),
}

/// Arguments of `amend canary start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// The revision
    candidate: String,
    /// The share of users that it answers, 0.5 at most
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    share: f64,
    /// End it after so many answers of the candidate
    #[arg(long, default_value_t = 500, value_name = "N")]
    answers: u64,
    /// Make the candidate live if nothing was found by then
    #[arg(long)]
    promote: bool,
    /// Also when no gate has let it through
    #[arg(long)]
    force: bool,
    /// The revision that you believe to be live: refused if it is another
    #[arg(long, value_name = "ID")]
    expected_live: Option<String>,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// One canary.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The canary's id
    id: String,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend canary list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
    /// At most so many, up to 100
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
}

/// Runs `amend canary`.
///
/// # Errors
/// When no daemon answers, or it refuses.
pub async fn run(args: CanaryArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.daemon)?;
    match args.command {
        CanaryCommand::Start(StartArgs {
            candidate,
            share,
            answers,
            promote,
            force,
            expected_live,
            json,
        }) => {
            let then = if promote { "promote" } else { "hold" };
            let body = json!({
                "candidate": candidate, "share": share, "answers": answers, "then": then, "force": force,
                "expected_live": expected_live,
            });
            print(&client.json(Method::POST, &["v1", "canaries"], Some(&body)).await?, json)
        }
        CanaryCommand::Show(OneArgs { id, json }) => {
            print(&client.get(&["v1", "canaries", &id], &[]).await?, json)
        }
        CanaryCommand::List(ListArgs { json, limit }) => {
            let page = client.get(&["v1", "canaries"], &[("limit", limit.to_string())]).await?;
            if json {
                return output::json(&page);
            }
            let found =
                page["data"].as_array().context("the daemon's list has no `data`; is it an Amend daemon?")?;
            found.iter().try_for_each(|canary| output::line(line(canary)))
        }
        CanaryCommand::Stop(OneArgs { id, json }) => {
            let path = ["v1", "canaries", &id, "stop"];
            print(&client.json(Method::POST, &path, Some(&json!({}))).await?, json)
        }
    }
}

fn print(canary: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json { output::json(canary) } else { output::line(described(canary)) }
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

/// A canary on one line.
fn line(canary: &Value) -> String {
    let percent = canary["share"].as_f64().unwrap_or_default() * 100.0;
    format!(
        "{}  {:10}  {} beside {}  {percent} % of users",
        text(canary, "id"),
        text(canary, "state"),
        text(canary, "candidate"),
        text(canary, "live")
    )
}

/// A canary with what both did.
fn described(canary: &Value) -> String {
    let mut lines = vec![line(canary)];
    if let Some(reason) = canary["reason"].as_str() {
        lines.push(format!("  {reason}"));
    }
    for (name, arm) in [("candidate", &canary["of_candidate"]), ("live", &canary["of_live"])] {
        let count = |field: &str| arm[field].as_u64().unwrap_or_default();
        lines.push(format!(
            "  {name:9}  {} ended, {} failed; {} of {} first tokens slow; {} of {} judged not liked",
            count("ended"),
            count("failed"),
            count("slow"),
            count("timed"),
            count("disliked"),
            count("judged")
        ));
    }
    lines.join("\n")
}
