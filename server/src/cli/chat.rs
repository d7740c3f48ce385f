//! `amend chat`: talk to a running daemon, streaming.

use super::{
    client::{Client, DaemonArgs},
    output,
};
use anyhow::{Context, bail};
use clap::Args;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write, stdout};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// The longest conversation that is kept, in messages; older ones are forgotten first.
const HISTORY: usize = 40;

/// Arguments of `amend chat`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  amend chat                                   talk; an empty line or Ctrl-D ends it, /new forgets what was said
  amend chat What is the capital of France?    one question, one answer
  amend chat --json What is the capital of France? | jq -r .choices[0].message.content")]
pub struct ChatArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    /// The question; without one, a conversation at the terminal
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
    /// Instructions for the whole conversation
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Which of the daemon's models
    #[arg(long, default_value = "default")]
    model: String,
    /// Sampling temperature, 0 to 2; 0 always takes the most probable token
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,
    /// Most tokens of an answer
    #[arg(long, value_name = "N")]
    max_tokens: Option<u32>,
    /// Print the daemon's JSON answer instead of streaming its text (needs WORDS)
    #[arg(long, requires = "words")]
    json: bool,
}

struct Conversation {
    client: Client,
    model: String,
    temperature: f32,
    max_tokens: Option<u32>,
    messages: Vec<Value>,
}

/// What came back, once it is whole.
struct Answer {
    text: String,
    edits: Vec<String>,
}

/// Runs `amend chat`.
///
/// # Errors
/// When no daemon answers, or it refuses.
pub async fn run(args: ChatArgs) -> anyhow::Result<()> {
    let mut talk = Conversation {
        client: Client::new(&args.daemon)?,
        model: args.model,
        temperature: args.temperature,
        max_tokens: args.max_tokens,
        messages: args.system.iter().map(|text| json!({"role": "system", "content": text})).collect(),
    };
    if args.words.is_empty() {
        return talk.at_the_terminal().await;
    }
    talk.messages.push(json!({"role": "user", "content": args.words.join(" ")}));
    if args.json {
        let answer =
            talk.client.json(Method::POST, &["v1", "chat", "completions"], Some(&talk.body())).await?;
        return output::json(&answer);
    }
    let answer = talk.stream().await?;
    name_edits(&answer);
    Ok(())
}

fn name_edits(answer: &Answer) {
    if !answer.edits.is_empty() {
        eprintln!("  [edits applied: {}]", answer.edits.join(", "));
    }
}

impl Conversation {
    fn body(&self) -> Value {
        let mut body =
            json!({"model": self.model, "messages": self.messages, "temperature": self.temperature});
        if let Some(max) = self.max_tokens {
            body["max_tokens"] = max.into();
        }
        body
    }

    async fn at_the_terminal(&mut self) -> anyhow::Result<()> {
        let shown = std::io::stdin().is_terminal();
        let instructions = self.messages.len();
        let mut lines = BufReader::new(stdin()).lines();
        loop {
            if shown {
                eprint!("> ");
            }
            let Some(line) = lines.next_line().await.context("failed to read the question")? else { break };
            match line.trim() {
                "" if shown => break,
                "" => continue,
                "/new" => self.messages.truncate(instructions),
                question => {
                    self.messages.push(json!({"role": "user", "content": question}));
                    let answer = self.stream().await?;
                    name_edits(&answer);
                    self.messages.push(json!({"role": "assistant", "content": answer.text}));
                    let forgotten = self.messages.len().saturating_sub(instructions + HISTORY);
                    self.messages.drain(instructions..instructions + forgotten);
                }
            }
        }
        Ok(())
    }

    /// Asks with what has been said so far and prints the answer as it comes.
    async fn stream(&self) -> anyhow::Result<Answer> {
        let mut body = self.body();
        body["stream"] = true.into();
        let response = self.client.send(Method::POST, &["v1", "chat", "completions"], Some(&body)).await?;
        let mut events = response.bytes_stream().eventsource();
        let mut answer = Answer { text: String::new(), edits: Vec::new() };
        while let Some(event) = events.next().await {
            let data = event.context("the answer broke off; is the daemon still running?")?.data;
            if data == "[DONE]" {
                output::raw(b"\n")?;
                return Ok(answer);
            }
            take(
                &mut answer,
                &serde_json::from_str(&data).context("the daemon sent a chunk that is not JSON")?,
            )?;
        }
        bail!("the answer broke off before its end; is the daemon still running?")
    }
}

fn take(answer: &mut Answer, chunk: &Value) -> anyhow::Result<()> {
    if let Some(message) = chunk.pointer("/error/message").and_then(Value::as_str) {
        bail!("the daemon failed while answering: {message}");
    }
    if let Some(text) = chunk.pointer("/choices/0/delta/content").and_then(Value::as_str) {
        output::raw(text.as_bytes())?;
        stdout().flush().context("failed to print the answer")?;
        answer.text.push_str(text);
    }
    if let Some(edits) = chunk.pointer("/amend/edits").and_then(Value::as_array) {
        answer.edits = edits.iter().filter_map(|e| e["id"].as_str().map(str::to_owned)).collect();
    }
    Ok(())
}
