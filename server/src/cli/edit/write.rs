//! Changing edits.

use super::{
    Output, conflicts,
    fields::{ByArgs, FieldArgs, OnConflict},
    line,
};
use crate::cli::client::Client;
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Arguments of `amend edit add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The corrected fact, as one sentence
    text: String,
    /// A name of your own for the edit; without one it gets one
    #[arg(long)]
    id: Option<String>,
    #[command(flatten)]
    fields: FieldArgs,
    /// When it contradicts or repeats what stands
    #[arg(long, value_enum, default_value_t = OnConflict::KeepBoth, value_name = "RULE")]
    on_conflict: OnConflict,
    #[command(flatten)]
    output: Output,
}

/// Arguments of `amend edit supersede`.
#[derive(Debug, Args)]
pub struct SupersedeArgs {
    /// The edit's id
    id: String,
    /// What it says from now on, as one sentence
    text: String,
    #[command(flatten)]
    fields: FieldArgs,
    /// The version (`seq`) that you have seen: refused if somebody wrote a newer one
    #[arg(long, value_name = "SEQ")]
    seen: Option<i64>,
    /// When it contradicts or repeats other edits
    #[arg(long, value_enum, default_value_t = OnConflict::KeepBoth, value_name = "RULE")]
    on_conflict: OnConflict,
    #[command(flatten)]
    output: Output,
}

/// Arguments of `amend edit remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The edit's id
    id: String,
    #[command(flatten)]
    by: ByArgs,
    #[command(flatten)]
    output: Output,
}

/// Arguments of `amend edit restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The edit's id
    id: String,
    /// The version's entry in the log; its last one, unless given
    #[arg(long, value_name = "SEQ")]
    version: Option<i64>,
    #[command(flatten)]
    by: ByArgs,
    #[command(flatten)]
    output: Output,
}

/// Arguments of `amend edit rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The entry of the log whose state is to stand again; 0 is the empty state
    #[arg(value_name = "SEQ")]
    to: i64,
    #[command(flatten)]
    by: ByArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn add(client: &Client, args: AddArgs) -> anyhow::Result<()> {
    let AddArgs { text, id, fields, on_conflict, output } = args;
    let mut body = fields.put(text);
    body.insert("on_conflict".to_owned(), on_conflict.as_str().into());
    if let Some(id) = id {
        body.insert("id".to_owned(), id.into());
    }
    let stored = client.json(Method::POST, &["v1", "edits"], Some(&body.into())).await?;
    output.print(&stored, || format!("live: {}{}", line(&stored["data"][0]), conflicts(&stored)))
}

pub(super) async fn supersede(client: &Client, args: SupersedeArgs) -> anyhow::Result<()> {
    let SupersedeArgs { id, text, fields, seen, on_conflict, output } = args;
    let mut body = fields.put(text);
    body.insert("on_conflict".to_owned(), on_conflict.as_str().into());
    if let Some(seen) = seen {
        body.insert("seen".to_owned(), seen.into());
    }
    let written = client.json(Method::PUT, &["v1", "edits", &id], Some(&body.into())).await?;
    output.print(&written, || format!("live: {}{}", line(&written), conflicts(&written)))
}

pub(super) async fn remove(client: &Client, args: RemoveArgs) -> anyhow::Result<()> {
    let RemoveArgs { id, by, output } = args;
    let request = client.request(Method::DELETE, &["v1", "edits", &id], &by.query())?;
    let gone = client.read(client.ask(request).await?).await?;
    output.print(&gone, || format!("removed {id}"))
}

pub(super) async fn restore(client: &Client, args: RestoreArgs) -> anyhow::Result<()> {
    let RestoreArgs { id, version, by, output } = args;
    let mut body = Map::new();
    body.insert("status".to_owned(), "live".into());
    if let Some(version) = version {
        body.insert("version".to_owned(), version.into());
    }
    by.put(&mut body);
    let written = client.json(Method::PATCH, &["v1", "edits", &id], Some(&body.into())).await?;
    output.print(&written, || format!("live: {}{}", line(&written), conflicts(&written)))
}

pub(super) async fn roll_back(client: &Client, args: RollbackArgs) -> anyhow::Result<()> {
    let RollbackArgs { to, by, output } = args;
    let mut body = Map::from_iter([("to".to_owned(), json!(to))]);
    by.put(&mut body);
    let done: Value = client.json(Method::POST, &["v1", "edit-log", "rollback"], Some(&body.into())).await?;
    output.print(&done, || {
        let count = |field: &str| done[field].as_u64().unwrap_or(0);
        let from = done["from"].as_i64().unwrap_or(0);
        format!(
            "as after entry {to}: {} taken back, {} restored; `amend edit rollback {from}` undoes it",
            count("retired"),
            count("restored")
        )
    })
}
