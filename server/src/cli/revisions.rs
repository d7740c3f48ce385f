//! `amend revisions`: the versions of the model that a running daemon serves.

use super::{
    client::{Client, DaemonArgs},
    output,
};
use anyhow::Context;
use clap::{Args, Subcommand};
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

/// Arguments of `amend revisions`.
#[derive(Debug, Args)]
pub struct RevisionsArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    #[command(subcommand)]
    command: RevisionsCommand,
}

/// What to do with revisions.
#[derive(Debug, Subcommand)]
pub enum RevisionsCommand {
    /// List the revisions, newest first
    #[command(after_help = "Examples:\n  amend revisions list\n  amend revisions list --json | jq -r .live")]
    List(ListArgs),
    /// Show one revision and where it comes from
    #[command(after_help = "Example:\n  amend revisions show sha256:0123456789abcdef")]
    Show(OneArgs),
    /// Make a revision live; requests under way finish where they began
    #[command(after_help = "\
Examples:
  amend revisions promote sha256:0123456789abcdef
  amend revisions promote sha256:0123456789abcdef --force --expected-live sha256:fedcba9876543210

A gate must have let it through against what is live (amend gate run); --force goes past that, and is put on the record.")]
    Promote(PromoteArgs),
    /// Make the revision live again that was live before this one
    #[command(after_help = "Example:\n  amend revisions rollback")]
    Rollback(RollbackArgs),
    /// Put a revision aside that is not live
    #[command(after_help = "Example:\n  amend revisions retire sha256:0123456789abcdef")]
    Retire(OneArgs),
    /// Copy a revision's files into a new folder: the model, its adapter if it has one, its card
    #[command(after_help = "\
Examples:
  amend revisions export sha256:0123456789abcdef --out better
  amend serve --model ./better/model")]
    Export(ExportArgs),
}

/// Arguments of `amend revisions list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
    /// At most so many, up to 100
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
}

/// One revision.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The revision's id
    id: String,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend revisions promote`.
#[derive(Debug, Args)]
pub struct PromoteArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Also when no gate has let it through
    #[arg(long)]
    force: bool,
    /// The revision that you believe to be live: refused if it is another
    #[arg(long, value_name = "ID")]
    expected_live: Option<String>,
}

/// Arguments of `amend revisions rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The revision that you believe to be live: refused if it is another
    #[arg(long, value_name = "ID")]
    expected_live: Option<String>,
    /// Print the daemon's JSON answer
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend revisions export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The revision's id
    id: String,
    /// A folder that is not there yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs `amend revisions`.
///
/// # Errors
/// When no daemon answers, or it refuses.
pub async fn run(args: RevisionsArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.daemon)?;
    match args.command {
        RevisionsCommand::List(args) => list(&client, args).await,
        RevisionsCommand::Show(OneArgs { id, json }) => {
            let revision = client.get(&["v1", "revisions", &id], &[]).await?;
            print(&revision, json, described)
        }
        RevisionsCommand::Promote(PromoteArgs { one, force, expected_live }) => {
            let body = json!({"force": force, "expected_live": expected_live});
            let path = ["v1", "revisions", &one.id, "promote"];
            let done = client.json(Method::POST, &path, Some(&body)).await?;
            print(&done, one.json, switched)
        }
        RevisionsCommand::Rollback(RollbackArgs { expected_live, json }) => {
            let body = json!({"expected_live": expected_live});
            let done = client.json(Method::POST, &["v1", "revisions", "rollback"], Some(&body)).await?;
            print(&done, json, switched)
        }
        RevisionsCommand::Retire(OneArgs { id, json }) => {
            let path = ["v1", "revisions", &id, "retire"];
            let revision = client.json(Method::POST, &path, Some(&json!({}))).await?;
            print(&revision, json, line)
        }
        RevisionsCommand::Export(args) => export(&client, &args).await,
    }
}

/// Downloads beside the folder's name, and gives it its name when it is whole.
async fn export(client: &Client, args: &ExportArgs) -> anyhow::Result<()> {
    let ExportArgs { id, out } = args;
    anyhow::ensure!(!out.exists(), "{} is there already; name a folder that is not", out.display());
    let list = client.get(&["v1", "revisions", id, "files"], &[]).await?;
    let names = list["data"].as_array().context("the daemon's list has no `data`; is it an Amend daemon?")?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).with_context(|| format!("failed to make {}", parent.display()))?;
    let partial = tempfile::Builder::new().prefix(".export-").tempdir_in(parent)?;
    for name in names {
        let name = text(name, "name");
        let parts: Vec<&str> = name.split('/').collect();
        anyhow::ensure!(
            parts.iter().all(|part| !matches!(*part, "" | "." | "..")),
            "{name} is no file's name"
        );
        let to = partial.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap_or(partial.path()))?;
        let path = [&["v1", "revisions", id, "files"], parts.as_slice()].concat();
        let mut bytes = client.ask(client.request(Method::GET, &path, &[])?).await?.bytes_stream();
        let mut file = tokio::fs::File::create(&to).await?;
        while let Some(chunk) = bytes.next().await {
            file.write_all(&chunk.context("the daemon went away")?).await?;
        }
        file.sync_all().await.with_context(|| format!("failed to write {}", to.display()))?;
    }
    std::fs::rename(partial.keep(), out).with_context(|| format!("failed to write {}", out.display()))?;
    output::line(format!("{} files are in {}", names.len(), out.display()))
}

async fn list(client: &Client, args: ListArgs) -> anyhow::Result<()> {
    let page = client.get(&["v1", "revisions"], &[("limit", args.limit.to_string())]).await?;
    if args.json {
        return output::json(&page);
    }
    let found = page["data"].as_array().context("the daemon's list has no `data`; is it an Amend daemon?")?;
    found.iter().try_for_each(|revision| output::line(line(revision)))
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

fn print(body: &Value, as_json: bool, plain: fn(&Value) -> String) -> anyhow::Result<()> {
    if as_json { output::json(body) } else { output::line(plain(body)) }
}

/// A revision on one line.
fn line(revision: &Value) -> String {
    let (id, state, kind) = (text(revision, "id"), text(revision, "state"), text(revision, "kind"));
    let from = match revision.pointer("/provenance/parent").and_then(Value::as_str) {
        Some(parent) => format!("from {parent}"),
        None => text(&revision["provenance"], "model").to_owned(),
    };
    format!("{id}  {state:9}  {kind:7}  {from}")
}

/// A revision with all that is known of it.
fn described(revision: &Value) -> String {
    let mut lines = vec![line(revision)];
    for (field, value) in revision["provenance"].as_object().into_iter().flatten() {
        lines.push(match value.as_str() {
            Some(text) => format!("  {field}: {text}"),
            None => format!("  {field}: {value}"),
        });
    }
    lines.join("\n")
}

fn switched(done: &Value) -> String {
    let seconds = done["load_seconds"].as_f64().unwrap_or_default();
    format!(
        "live: {} (before: {}; loaded and warmed in {seconds:.1} s)",
        text(done, "to"),
        text(done, "from")
    )
}
