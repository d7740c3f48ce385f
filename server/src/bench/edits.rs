//! `amend bench edits`: how soon an edit is durable and seen, over HTTP, on this disk.

use super::{BenchError, daemon::LocalDaemon, latency::Latency};
use crate::app::AppConfig;
use reqwest::{Client, Response};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct EditsReport {
    /// Edits pushed, one at a time.
    pub edits: usize,
    /// How many the first completion after the acknowledgement named as applied.
    pub seen_by_next_request: usize,
    /// From sending an edit to its acknowledgement, which comes when it is on disk and visible.
    pub acknowledged: Latency,
    /// From sending a removal to its acknowledgement.
    pub removed: Latency,
    /// `p99` of an acknowledgement that the project promises, in milliseconds.
    pub bound_ms: f64,
}

/// The promise: 99 of 100 acknowledgements within this many milliseconds.
pub const ACKNOWLEDGED_BOUND_MS: f64 = 20.0;

impl EditsReport {
    /// Whether the promises hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.seen_by_next_request == self.edits && self.acknowledged.p99_ms <= self.bound_ms
    }
}

impl fmt::Display for EditsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "edits acknowledged (durable): {}", self.acknowledged)?;
        writeln!(f, "removals acknowledged:        {}", self.removed)?;
        writeln!(f, "seen by the next request:     {} of {}", self.seen_by_next_request, self.edits)
    }
}

/// Serves `config` on a port of its own and pushes `count` edits at it.
///
/// # Errors
/// When the daemon cannot be started or refuses.
pub async fn run(config: AppConfig, count: usize) -> Result<EditsReport, BenchError> {
    let daemon = LocalDaemon::start(config).await?;
    let measured = push(&daemon.address, count).await;
    daemon.end().await?;
    measured
}

async fn push(address: &str, count: usize) -> Result<EditsReport, BenchError> {
    let http = Client::new();
    let (mut added, mut removed, mut seen) = (Vec::new(), Vec::new(), 0);
    for number in 0..count {
        let (id, subject) = (format!("bench-{number}"), format!("Bench{number} Works"));
        let edit = json!({"id": id, "subject": subject, "text": format!("The chief executive of {subject} is Person {number}.")});
        let (_, took) = timed(http.post(format!("{address}/v1/edits")).json(&edit).send()).await?;
        added.push(took);
        let question = json!({"model": "default", "max_tokens": 1, "temperature": 0, "messages":
            [{"role": "user", "content": format!("Who is the chief executive of {subject}?")}]});
        let (answer, _) =
            timed(http.post(format!("{address}/v1/chat/completions")).json(&question).send()).await?;
        let body: Value = answer.json().await?;
        let applied = body.pointer("/amend/edits").and_then(Value::as_array);
        seen += usize::from(applied.is_some_and(|edits| edits.iter().any(|edit| edit["id"] == *id)));
        let (_, took) = timed(http.delete(format!("{address}/v1/edits/{id}")).send()).await?;
        removed.push(took);
    }
    Ok(EditsReport {
        edits: count,
        seen_by_next_request: seen,
        acknowledged: Latency::of(added).ok_or(BenchError::Nothing)?,
        removed: Latency::of(removed).ok_or(BenchError::Nothing)?,
        bound_ms: ACKNOWLEDGED_BOUND_MS,
    })
}

async fn timed(
    sent: impl Future<Output = reqwest::Result<Response>>,
) -> Result<(Response, Duration), BenchError> {
    let started = Instant::now();
    let response = sent.await?.error_for_status()?;
    Ok((response, started.elapsed()))
}
