//! Looking at edits and their log.

use super::{Output, conflict_line, line, text};
use crate::cli::{
    client::{Client, Failure},
    exit, output,
};
use anyhow::Context;
use chrono::{DateTime, SecondsFormat};
use clap::Args;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

/// Items asked for at a time when listing them all.
const PAGE: usize = 100;

/// Arguments of `amend edit list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// As they stood after this entry of the log
    #[arg(long, value_name = "SEQ")]
    as_of: Option<i64>,
    /// Print one JSON list of all edits
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend edit show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The edit's id
    id: String,
    /// As it stood after this entry of the log
    #[arg(long, value_name = "SEQ", conflicts_with = "any")]
    as_of: Option<i64>,
    /// Also if it was taken back or gave way to another
    #[arg(long)]
    any: bool,
    #[command(flatten)]
    output: Output,
}

/// Arguments of `amend edit log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Of this edit only
    #[arg(long, value_name = "ID", conflicts_with = "follow")]
    edit: Option<String>,
    /// Entries after this one
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: i64,
    /// Go on with what is written from now on
    #[arg(long)]
    follow: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend edit diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The first state: the one after this entry of the log
    from: i64,
    /// The second state; now, unless given
    to: Option<i64>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend edit conflicts`.
#[derive(Debug, Args)]
pub struct ConflictsArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend edit preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The question
    query: String,
    /// Also show which edits were considered, and why each is applied or not
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    output: Output,
}

/// Hands every item of a list that comes in pages to `take`.
async fn all(
    client: &Client,
    path: &[&str],
    query: &[(&str, String)],
    mut take: impl FnMut(Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after: Option<String> = None;
    loop {
        let mut query = query.to_vec();
        query.push(("limit", PAGE.to_string()));
        if let Some(after) = after {
            query.retain(|(name, _)| *name != "after");
            query.push(("after", after));
        }
        let mut page = client.get(path, &query).await?;
        let items = page["data"].as_array_mut().map(std::mem::take);
        for item in items.context("the daemon's list has no `data`; is it an Amend daemon?")? {
            take(item)?;
        }
        // A daemon of before gave none for edits that stand: there the last one's id.
        let next = [&page["next"], &page["last_id"]].into_iter().find(|next| !next.is_null());
        after = next.map(|next| next.as_str().map_or_else(|| next.to_string(), str::to_owned));
        if page["has_more"] != Value::Bool(true) || after.is_none() {
            return Ok(());
        }
    }
}

pub(super) async fn list(client: &Client, args: ListArgs) -> anyhow::Result<()> {
    let query: Vec<_> = args.as_of.map(|seq| ("as_of", seq.to_string())).into_iter().collect();
    let mut found = Vec::new();
    let mut empty = true;
    all(client, &["v1", "edits"], &query, |edit| {
        empty = false;
        if args.json {
            found.push(edit);
            return Ok(());
        }
        output::line(line(&edit))
    })
    .await?;
    match (args.json, empty) {
        (true, _) => output::json(&json!({"object": "list", "data": found, "has_more": false})),
        (false, true) => output::line("no edits; add one with `amend edit add`"),
        (false, false) => Ok(()),
    }
}

pub(super) async fn show(client: &Client, args: ShowArgs) -> anyhow::Result<()> {
    let mut query: Vec<_> = args.as_of.map(|seq| ("as_of", seq.to_string())).into_iter().collect();
    if args.any {
        query.push(("status", "any".to_owned()));
    }
    let edit = client.get(&["v1", "edits", &args.id], &query).await?;
    args.output.print(&edit, || described(&edit))
}

/// An edit with all that is known of it.
fn described(edit: &Value) -> String {
    let mut lines = vec![line(edit)];
    for (field, value) in edit.as_object().into_iter().flatten() {
        let shown = match (field.as_str(), value) {
            ("id" | "text" | "subject", _) | (_, Value::Null) => continue,
            ("created_at" | "updated_at" | "valid_from" | "expires_at", value) => when(value),
            (_, Value::String(text)) => text.clone(),
            (_, other) => other.to_string(),
        };
        lines.push(format!("  {field}: {shown}"));
    }
    lines.join("\n")
}

fn when(seconds: &Value) -> String {
    let time = seconds.as_i64().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(|| seconds.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// An entry of the log on one line.
fn entry(entry: &Value) -> String {
    let mut line = format!(
        "{}  {}  {:9}  {}",
        entry["seq"],
        when(&entry["at"]),
        text(entry, "operation"),
        text(entry, "edit")
    );
    if let Some(said) = entry.pointer("/version/text").and_then(Value::as_str) {
        line.push_str(&format!("  {said}"));
    }
    if let Some(other) = entry["displaced_by"].as_str() {
        line.push_str(&format!("  gave way to {other}"));
    }
    if let Some(to) = entry["rollback_to"].as_i64() {
        line.push_str(&format!("  (rollback to {to})"));
    }
    for (field, sign) in [("author", "by "), ("reason", "because: ")] {
        if let Some(said) = entry[field].as_str() {
            line.push_str(&format!("  {sign}{said}"));
        }
    }
    line
}

fn print(item: &Value, as_json: bool, plain: fn(&Value) -> String) -> anyhow::Result<()> {
    output::line(if as_json { item.to_string() } else { plain(item) })
}

pub(super) async fn log(client: &Client, args: LogArgs) -> anyhow::Result<()> {
    if args.follow {
        return follow(client, &args).await;
    }
    let mut query = vec![("after", args.after.to_string())];
    query.extend(args.edit.map(|id| ("edit", id)));
    all(client, &["v1", "edit-log"], &query, |item| print(&item, args.json, entry)).await
}

async fn follow(client: &Client, args: &LogArgs) -> anyhow::Result<()> {
    let query = [("after", args.after.to_string())];
    let request = client.request(Method::GET, &["v1", "edit-log", "watch"], &query)?;
    let mut events = client.ask(request).await?.bytes_stream().eventsource();
    while let Some(event) = events.next().await {
        let item: Value = serde_json::from_str(&event.context("the daemon went away")?.data)?;
        if let Some(said) = item.pointer("/error/message").and_then(Value::as_str) {
            return Err(Failure::new(exit::NO_DAEMON, format!("the watch ended: {said}")).into());
        }
        print(&item, args.json, entry)?;
    }
    Err(Failure::new(exit::NO_DAEMON, "the watch ended; is the daemon still running?").into())
}

/// A difference as lines with a sign.
fn difference(one: &Value) -> String {
    let side = |sign: &str, edit: &Value| (!edit.is_null()).then(|| format!("{sign} {}", line(edit)));
    [side("-", &one["before"]), side("+", &one["after"])].into_iter().flatten().collect::<Vec<_>>().join("\n")
}

pub(super) async fn diff(client: &Client, args: DiffArgs) -> anyhow::Result<()> {
    let mut query = vec![("from", args.from.to_string())];
    query.extend(args.to.map(|to| ("to", to.to_string())));
    all(client, &["v1", "edit-log", "diff"], &query, |item| print(&item, args.json, difference)).await
}

pub(super) async fn conflicts(client: &Client, args: ConflictsArgs) -> anyhow::Result<()> {
    let path = ["v1", "edit-log", "conflicts"];
    all(client, &path, &[], |item| print(&item, args.json, conflict_line)).await
}

pub(super) async fn preview(client: &Client, args: PreviewArgs) -> anyhow::Result<()> {
    let body = json!({"query": args.query, "explain": args.explain});
    let preview = client.json(Method::POST, &["v1", "edits", "preview"], Some(&body)).await?;
    args.output.print(&preview, || {
        let decision = text(&preview, "decision");
        let mut shown = format!("decision: {decision}\n{}", scores(&preview, "edits").join("\n"));
        let dropped = scores(&preview, "dropped");
        if !dropped.is_empty() {
            shown += &format!("\nin scope, but over the budget:\n{}", dropped.join("\n"));
        }
        if let Some(threshold) = preview["threshold"].as_f64() {
            shown += &format!("\nconsidered (applied from {threshold:.3} on):\n");
            shown += &considered(&preview).join("\n");
        }
        format!("{shown}\n\n{}", text(&preview, "prompt"))
    })
}

fn number(value: &Value, field: &str) -> f64 {
    value[field].as_f64().unwrap_or_default()
}

/// A line for each edit of a list.
fn scores(preview: &Value, list: &str) -> Vec<String> {
    let edits = preview[list].as_array().into_iter().flatten();
    edits.map(|edit| format!("  {:.3}  {}", number(edit, "score"), line(edit))).collect()
}

/// Two lines for each edit that was considered: what became of it, and what its probability was made of.
fn considered(preview: &Value) -> Vec<String> {
    let edits = preview["considered"].as_array().into_iter().flatten();
    let told = |edit: &Value| {
        let features = edit["features"].as_object().into_iter().flatten();
        let features = features.filter_map(|(name, value)| Some((name, value.as_f64()?)));
        let features: Vec<String> = features
            .filter(|(_, value)| *value != 0.0)
            .map(|(name, value)| format!("{name} {value:.2}"))
            .collect();
        let (score, verdict) = (number(edit, "score"), text(edit, "verdict"));
        format!("  {score:.3}  {verdict:<12}  {}\n         {}", line(edit), features.join(", "))
    };
    edits.map(told).collect()
}
