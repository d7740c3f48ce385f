//! `amend demo`: a correction and a training of the built-in model, from start to end, in a daemon of its own.

use super::{
    client::{Client, DaemonArgs, Failure},
    exit, jobs, output, progress,
};
use crate::{app::AppConfig, bench::daemon::LocalDaemon};
use amend_trainer::atlas::{
    Atlas, Kind, Rows, Split,
    phrasing::{Step, apply},
};
use anyhow::Context;
use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What is asked and corrected.
const SCRIPT: &str = include_str!("demo.json");
/// Preferences that are given.
const PREFERENCES: usize = 36;
/// What the demonstration's users would rather read.
const PREFERRED: [Step; 1] = [Step::Quotes];
/// Messages of a dialogue that is one question and its answer, without instructions.
const ONE_QUESTION: usize = 2;

/// Arguments of `amend demo`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  amend demo")]
pub struct DemoArgs {
    /// Decides which questions are asked, and every draw of the training
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    seed: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    question: String,
    edit: String,
    /// Questions that no preference is about.
    unseen: Vec<String>,
    /// The request for the training, without its seed.
    training: Map<String, Value>,
}

/// Runs `amend demo`: everything goes through the HTTP API of a daemon with a temporary data folder.
///
/// # Errors
/// When a step does not do what it should; the text names the step.
pub async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let script: Script = serde_json::from_str(SCRIPT).context("failed to read the demonstration's script")?;
    let data = tempfile::tempdir().context("failed to make a temporary folder")?;
    let daemon = LocalDaemon::start(AppConfig::new(data.path().to_owned(), "atlas")?).await?;
    let asked = DaemonArgs { url: daemon.address.parse()?, tenant: None };
    let demo = Demo { client: Client::new(&asked)?, script, seed: args.seed };
    let shown = tokio::select! {
        shown = demo.show() => shown,
        () = super::serve::told_to_stop() => Err(Failure::new(exit::FAILURE, "stopped").into()),
    };
    daemon.end().await?;
    shown
}

struct Demo {
    client: Client,
    script: Script,
    seed: u64,
}

impl Demo {
    async fn show(&self) -> anyhow::Result<()> {
        self.correct().await?;
        let before = self.answers().await?;
        self.prefer().await?;
        let revision = self.train().await?;
        heading("The candidate goes live (no gate has measured it: --force)")?;
        let former = self.promote(&revision).await?;
        output::line(format!("  {former} -> {revision}"))?;
        let after = self.answers().await?;
        let changed = before.iter().zip(&after).all(|(old, new)| *new == apply(&PREFERRED, old));
        wanted(changed, "the answers are not what users prefer")?;
        heading("And back")?;
        self.client.json(Method::POST, &["v1", "revisions", "rollback"], Some(&json!({}))).await?;
        wanted(self.answers().await? == before, "the former answers did not come back")?;
        output::line(
            "\nEvery step went over HTTP; `amend serve` is the daemon that did it, on data of your own.",
        )
    }

    /// An edit changes an answer; without it the answer is what it was.
    async fn correct(&self) -> anyhow::Result<()> {
        let Script { question, edit, .. } = &self.script;
        heading("A correction")?;
        let before = self.ask(question).await?;
        let added = self.client.json(Method::POST, &["v1", "edits"], Some(&json!({"text": edit}))).await?;
        let id = added.pointer("/data/0/id").and_then(Value::as_str).context("the edit has no id")?;
        output::line(format!("  + edit: {edit}"))?;
        let edited = self.ask(question).await?;
        wanted(edited != before && edit.contains(&edited), "the edit did not change the answer")?;
        self.client.send(Method::DELETE, &["v1", "edits", id], None).await?;
        output::line("  - edit")?;
        wanted(self.ask(question).await? == before, "the former answer did not come back")
    }

    /// Questions are asked, and their answers corrected.
    async fn prefer(&self) -> anyhow::Result<()> {
        heading(&format!("{PREFERENCES} answers, each corrected by a user who wants them in quotes"))?;
        let bar = progress::bar(PREFERENCES as u64, "{pos}/{len}");
        let rows = Rows::new(Atlas::built_in(), self.seed, Split::Train);
        let rows = (0..).map(|index| rows.of_kind(Kind::Fact, index));
        let usable = rows.filter(|row| row.messages.len() == ONE_QUESTION && !self.is_unseen(&row.query));
        for (index, row) in usable.take(PREFERENCES).enumerate() {
            let completion = self.complete(&row.query, json!({"store": true})).await?;
            let correction = apply(&PREFERRED, row.answer());
            if index == 0 {
                output::line(format!(
                    "  {}\n    not: {}\n    but: {correction}",
                    row.query,
                    content(&completion)
                ))?;
            }
            let feedback = json!({"completion_id": completion["id"], "correction": correction});
            self.client.json(Method::POST, &["v1", "feedback"], Some(&feedback)).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn is_unseen(&self, query: &str) -> bool {
        self.script.unseen.iter().any(|unseen| unseen == query)
    }

    /// Trains on them; gives the candidate's id.
    async fn train(&self) -> anyhow::Result<String> {
        heading("They train a candidate revision (DPO-BMC, an adapter), while the daemon goes on serving")?;
        let mut request = self.script.training.clone();
        request.insert("seed".to_owned(), self.seed.into());
        let job = self.client.json(Method::POST, &["v1", "jobs"], Some(&request.into())).await?;
        let id = job["id"].as_str().context("the job has no id")?;
        let done = jobs::follow(&self.client, id, false).await?;
        let revision = done.pointer("/result/revision").and_then(Value::as_str);
        Ok(revision.context("the job made no revision")?.to_owned())
    }

    /// Makes a revision live; gives the one that was.
    async fn promote(&self, revision: &str) -> anyhow::Result<String> {
        let path = ["v1", "revisions", revision, "promote"];
        let done = self.client.json(Method::POST, &path, Some(&json!({"force": true}))).await?;
        Ok(done["from"].as_str().unwrap_or_default().to_owned())
    }

    async fn answers(&self) -> anyhow::Result<Vec<String>> {
        let mut answers = Vec::new();
        for question in &self.script.unseen {
            answers.push(self.ask(question).await?);
        }
        Ok(answers)
    }

    async fn ask(&self, question: &str) -> anyhow::Result<String> {
        let answer = content(&self.complete(question, json!({})).await?);
        output::line(format!("  {question}  ->  {answer}"))?;
        Ok(answer)
    }

    async fn complete(&self, question: &str, more: Value) -> anyhow::Result<Value> {
        let mut body = json!({
            "model": "default", "temperature": 0, "messages": [{"role": "user", "content": question}],
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        self.client.json(Method::POST, &["v1", "chat", "completions"], Some(&body)).await
    }
}

fn content(completion: &Value) -> String {
    let content = completion.pointer("/choices/0/message/content").and_then(Value::as_str);
    content.unwrap_or_default().to_owned()
}

fn heading(text: &str) -> anyhow::Result<()> {
    output::line(format!("\n{text}"))
}

/// A step that did not do what it shows is a failure.
fn wanted(so: bool, otherwise: &str) -> anyhow::Result<()> {
    match so {
        true => Ok(()),
        false => Err(Failure::new(exit::FAILURE, otherwise).into()),
    }
}
