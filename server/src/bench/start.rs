//! `amend bench start`: from starting the process to the first ready answer.

use super::{BenchError, latency::Latency};
use serde::Serialize;
use std::{
    fmt,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::{interval, timeout},
};

/// The promise: ready within this many milliseconds with the built-in model.
pub const READY_BOUND_MS: f64 = 2_000.0;

/// How long one start may take before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct StartReport {
    /// On an empty data folder, where the built-in model is unpacked first; milliseconds.
    pub first_ms: f64,
    /// On the same folder again.
    pub again: Latency,
    /// What the project promises of each, in milliseconds.
    pub bound_ms: f64,
}

impl StartReport {
    /// Whether the promise holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.first_ms.max(self.again.max_ms) <= self.bound_ms
    }
}

impl fmt::Display for StartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ready on an empty data folder: {:.0} ms", self.first_ms)?;
        writeln!(f, "ready on a used one:           {}", self.again)
    }
}

/// Starts this program `times` + 1 times on `data_dir`.
///
/// # Errors
/// When it cannot be started or does not become ready.
pub async fn run(data_dir: &Path, times: usize) -> Result<StartReport, BenchError> {
    let first = once(data_dir).await?;
    let mut again = Vec::with_capacity(times);
    for _ in 0..times {
        again.push(once(data_dir).await?);
    }
    Ok(StartReport {
        first_ms: first.as_secs_f64() * 1e3,
        again: Latency::of(again).ok_or(BenchError::Nothing)?,
        bound_ms: READY_BOUND_MS,
    })
}

async fn once(data_dir: &Path) -> Result<Duration, BenchError> {
    let started = Instant::now();
    let mut daemon = Command::new(std::env::current_exe()?)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stderr = daemon.stderr.take().ok_or(BenchError::Nothing)?;
    let mut lines = BufReader::new(stderr).lines();
    let address = timeout(PATIENCE, async {
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("amend listens on ") {
                return Ok(address.trim().to_owned());
            }
        }
        Err(BenchError::NotReady)
    });
    let address = address.await.map_err(|_| BenchError::NotReady)??;
    timeout(PATIENCE, until_ready(&address)).await.map_err(|_| BenchError::NotReady)?;
    let took = started.elapsed();
    daemon.kill().await?;
    Ok(took)
}

async fn until_ready(address: &str) {
    let http = reqwest::Client::new();
    let mut polls = interval(Duration::from_millis(1));
    loop {
        polls.tick().await;
        let answer = http.get(format!("{address}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
    }
}
