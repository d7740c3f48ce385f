//! `amend feedback`: how good an answer was.

use super::{Output, line, text};
use crate::cli::client::{Client, DaemonArgs};
use clap::{ArgGroup, Args};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Arguments of `amend feedback`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("opinion").required(true),
    after_help = "\
Examples:
  amend feedback chatcmpl-0190 --up
  amend feedback chatcmpl-0190 --rating 2 --author ann
  amend feedback chatcmpl-0190 --correction \"Tarn is in the north.\"
  amend feedback chatcmpl-0190 --choice 1          of several answers, the second is the best

A completion is kept for feedback when its request says \"store\": true, or after `amend preferences keep all`."
)]
pub struct FeedbackArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
    /// The completion's id
    completion: String,
    /// It is good
    #[arg(long, group = "opinion")]
    up: bool,
    /// It is bad
    #[arg(long, group = "opinion")]
    down: bool,
    /// How good, from 1 (bad) to 5 (good)
    #[arg(long, group = "opinion", value_name = "STARS", value_parser = clap::value_parser!(u8).range(1..=5))]
    rating: Option<u8>,
    /// What the answer should have been
    #[arg(long, group = "opinion", value_name = "TEXT")]
    correction: Option<String>,
    /// Of several answers, the index of the best, from 0
    #[arg(long, group = "opinion", value_name = "INDEX")]
    choice: Option<u32>,
    /// Which of several answers is judged, from 0
    #[arg(long, value_name = "INDEX", default_value_t = 0, conflicts_with = "choice")]
    answer: u32,
    /// Who says so
    #[arg(long)]
    author: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Runs `amend feedback`.
///
/// # Errors
/// When no daemon answers, or it refuses.
pub async fn give(args: FeedbackArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.daemon)?;
    let output = args.output;
    let done = client.json(Method::POST, &["v1", "feedback"], Some(&body(args))).await?;
    output.print(&done, || told(&done))
}

fn body(args: FeedbackArgs) -> Value {
    let FeedbackArgs { completion, up, down, rating, correction, choice, answer, author, .. } = args;
    let mut body = Map::from_iter([("completion_id".to_owned(), json!(completion))]);
    let thumb = match (up, down) {
        (true, _) => Some("up"),
        (_, true) => Some("down"),
        (false, false) => None,
    };
    let answer = choice.is_none().then_some(answer);
    for (name, value) in [
        ("thumb", thumb.map(Value::from)),
        ("rating", rating.map(Value::from)),
        ("correction", correction.map(Value::from)),
        ("choice", choice.map(Value::from)),
        ("answer", answer.map(Value::from)),
        ("author", author.map(Value::from)),
    ] {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
    body.into()
}

fn told(done: &Value) -> String {
    let pairs = done["preferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    match pairs {
        [] => format!("noted for {}", text(done, "completion_id")),
        pairs => {
            pairs.iter().map(|pair| format!("learned from: {}", line(pair))).collect::<Vec<_>>().join("\n")
        }
    }
}
