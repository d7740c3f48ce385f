//! `amend preferences` and `amend feedback`: what a running daemon is to learn from.

mod feedback;
mod transfer;

pub use feedback::{FeedbackArgs, give};

use super::{
    client::{Client, DaemonArgs},
    output,
};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Items asked for at a time when listing them all.
const PAGE: usize = 100;

/// Arguments of `amend preferences`.
#[derive(Debug, Args)]
pub struct PreferencesArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    #[command(subcommand)]
    command: PreferencesCommand,
}

/// What to do with preferences.
#[derive(Debug, Subcommand)]
pub enum PreferencesCommand {
    /// Say which of two answers is better
    #[command(after_help = "\
Examples:
  amend preferences add --prompt \"Where is Tarn?\" --chosen \"In the north.\" --rejected \"No idea.\"
  amend preferences add --completion chatcmpl-0190 --chosen \"In the north.\" --rejected \"No idea.\" --author ann")]
    Add(AddArgs),
    /// List the preferences, oldest first
    #[command(
        after_help = "Examples:\n  amend preferences list\n  amend preferences list --json | jq -r .data[].chosen"
    )]
    List(ListArgs),
    /// Show one preference
    #[command(after_help = "Example:\n  amend preferences show pair-0190")]
    Show(IdArgs),
    /// Delete a preference
    #[command(after_help = "Example:\n  amend preferences remove pair-0190")]
    Remove(IdArgs),
    /// Add preferences from a file: JSON lines or Parquet, as TRL, UltraFeedback or `export` write them
    #[command(after_help = "\
Examples:
  amend preferences import pairs.jsonl
  amend preferences import train_prefs.parquet
  amend preferences export | amend preferences import --url http://other:8080 -

Records that are wrong do not keep out the rest: each is told with its line or row and its field, and the exit code is 4.
A preference that is there already is left alone.")]
    Import(transfer::ImportArgs),
    /// Print all preferences, or write them to a file
    #[command(after_help = "\
Examples:
  amend preferences export > pairs.jsonl
  amend preferences export --format trl --out pairs.jsonl
  amend preferences export --format ultrafeedback --parquet --out pairs.parquet")]
    Export(transfer::ExportArgs),
    /// Decide which completions are kept for feedback, or show what holds
    #[command(after_help = "Examples:\n  amend preferences keep\n  amend preferences keep all --tenant acme")]
    Keep(KeepArgs),
    /// Delete a kept completion, or all that is known of a user
    #[command(
        after_help = "Examples:\n  amend preferences forget chatcmpl-0190\n  amend preferences forget --user ann"
    )]
    Forget(ForgetArgs),
}

/// Arguments of `amend preferences add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The question that both answer
    #[arg(long, required_unless_present = "completion", conflicts_with = "completion")]
    prompt: Option<String>,
    /// The completion that both answer the question of
    #[arg(long, value_name = "ID")]
    completion: Option<String>,
    /// The better answer
    #[arg(long)]
    chosen: String,
    /// The worse answer
    #[arg(long)]
    rejected: String,
    /// Who says so
    #[arg(long)]
    author: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Arguments of `amend preferences list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print one JSON list of all preferences
    #[arg(long)]
    json: bool,
}

/// Arguments of what is about one preference.
#[derive(Debug, Args)]
pub struct IdArgs {
    /// The preference's id
    id: String,
    #[command(flatten)]
    output: Output,
}

/// Which completions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Keep {
    /// Those whose request says "store": true
    Asked,
    /// All but those whose request says "store": false
    All,
}

/// Arguments of `amend preferences keep`.
#[derive(Debug, Args)]
pub struct KeepArgs {
    /// Which; without it, what holds is shown
    #[arg(value_enum)]
    keep: Option<Keep>,
    #[command(flatten)]
    output: Output,
}

/// Arguments of `amend preferences forget`.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The completion's id
    #[arg(required_unless_present = "user", conflicts_with = "user")]
    id: Option<String>,
    /// The user, as requests named them
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    output: Output,
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

/// Runs `amend preferences`.
///
/// # Errors
/// When no daemon answers, or it refuses.
pub async fn run(args: PreferencesArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.daemon)?;
    match args.command {
        PreferencesCommand::Add(args) => add(&client, args).await,
        PreferencesCommand::List(args) => list(&client, &args).await,
        PreferencesCommand::Show(args) => show(&client, args).await,
        PreferencesCommand::Remove(args) => remove(&client, args).await,
        PreferencesCommand::Import(args) => transfer::import(&client, args).await,
        PreferencesCommand::Export(args) => transfer::export(&client, args).await,
        PreferencesCommand::Keep(args) => keep(&client, args).await,
        PreferencesCommand::Forget(args) => forget(&client, args).await,
    }
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

/// A text on one line, cut where it is long.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// A preference on one line.
fn line(pair: &Value) -> String {
    let asked = pair["messages"].as_array().and_then(|messages| messages.last());
    let asked = asked.map(|message| text(message, "content")).unwrap_or_default();
    let (chosen, rejected) = (short(text(pair, "chosen")), short(text(pair, "rejected")));
    format!("{}  ({})  {}  + {chosen}  - {rejected}", text(pair, "id"), text(pair, "source"), short(asked))
}

async fn add(client: &Client, args: AddArgs) -> anyhow::Result<()> {
    let AddArgs { prompt, completion, chosen, rejected, author, output } = args;
    let mut body =
        Map::from_iter([("chosen".to_owned(), json!(chosen)), ("rejected".to_owned(), json!(rejected))]);
    for (name, value) in [("prompt", prompt), ("completion_id", completion), ("author", author)] {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.into());
        }
    }
    let stored = client.json(Method::POST, &["v1", "preferences"], Some(&body.into())).await?;
    output.print(&stored, || format!("stored: {}", line(&stored)))
}

async fn list(client: &Client, args: &ListArgs) -> anyhow::Result<()> {
    let (mut found, mut after, mut empty) = (Vec::new(), 0, true);
    loop {
        let query = [("limit", PAGE.to_string()), ("after", after.to_string())];
        let mut page = client.get(&["v1", "preferences"], &query).await?;
        let items = page["data"].as_array_mut().map(std::mem::take);
        for item in items.context("the daemon's list has no `data`; is it an Amend daemon?")? {
            empty = false;
            match args.json {
                true => found.push(item),
                false => output::line(line(&item))?,
            }
        }
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => break,
        }
    }
    match (args.json, empty) {
        (true, _) => output::json(&json!({"object": "list", "data": found, "has_more": false})),
        (false, true) => {
            output::line("no preferences; add one with `amend preferences add` or `amend feedback`")
        }
        (false, false) => Ok(()),
    }
}

async fn show(client: &Client, args: IdArgs) -> anyhow::Result<()> {
    let pair = client.get(&["v1", "preferences", &args.id], &[]).await?;
    args.output.print(&pair, || described(&pair))
}

/// A preference with all that is known of it.
fn described(pair: &Value) -> String {
    let mut lines = vec![format!("{}  ({})", text(pair, "id"), text(pair, "source"))];
    for message in pair["messages"].as_array().into_iter().flatten() {
        lines.push(format!("  {}: {}", text(message, "role"), text(message, "content")));
    }
    lines.push(format!("+ {}", text(pair, "chosen")));
    lines.push(format!("- {}", text(pair, "rejected")));
    for field in ["author", "completion_id", "revision"] {
        if let Some(value) = pair[field].as_str() {
            lines.push(format!("  {field}: {value}"));
        }
    }
    let edits: Vec<&str> =
        pair["edits"].as_array().into_iter().flatten().map(|edit| text(edit, "id")).collect();
    if !edits.is_empty() {
        lines.push(format!("  edits: {}", edits.join(", ")));
    }
    lines.join("\n")
}

async fn remove(client: &Client, args: IdArgs) -> anyhow::Result<()> {
    let IdArgs { id, output } = args;
    let gone = client.json(Method::DELETE, &["v1", "preferences", &id], None).await?;
    output.print(&gone, || format!("removed {id}"))
}

async fn keep(client: &Client, args: KeepArgs) -> anyhow::Result<()> {
    let path = ["v1", "preference-settings"];
    let holds = match args.keep {
        None => client.get(&path, &[]).await?,
        Some(keep) => {
            let keep = match keep {
                Keep::Asked => "asked",
                Keep::All => "all",
            };
            client.json(Method::PUT, &path, Some(&json!({"keep": keep}))).await?
        }
    };
    args.output.print(&holds, || match text(&holds, "keep") {
        "all" => "all completions are kept, but those whose request says \"store\": false".to_owned(),
        _ => "completions are kept whose request says \"store\": true".to_owned(),
    })
}

async fn forget(client: &Client, args: ForgetArgs) -> anyhow::Result<()> {
    let ForgetArgs { id, user, output } = args;
    let mut path = vec!["v1", "chat", "completions"];
    path.extend(id.as_deref());
    let query: Vec<_> = user.map(|user| ("user", user)).into_iter().collect();
    let request = client.request(Method::DELETE, &path, &query)?;
    let gone = client.read(client.ask(request).await?).await?;
    output.print(&gone, || {
        format!(
            "gone: {} completions, {} feedback, {} preferences",
            gone["completions"], gone["feedback"], gone["pairs"]
        )
    })
}
