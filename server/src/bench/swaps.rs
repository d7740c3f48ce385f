//! `amend bench swaps`: another revision goes live again and again under load, and a training and a gate run beside users'
//! requests.
//!
//! Everything goes over HTTP to a daemon in this process, whose resident memory therefore holds the clients' as well.

use super::{BenchError, daemon::LocalDaemon, latency::Latency, scale::process};
use crate::app::AppConfig;
use eventsource_stream::Eventsource;
use futures::{StreamExt, future::try_join_all};
use reqwest::Client;
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::interval;

/// What is asked: an answer of a few tokens.
const QUESTION: &str = include_str!("swaps_question.txt");
/// What the gate beside the questions decides by.
const POLICY: &str = include_str!("swaps_policy.toml");
/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(5);
/// The least time between two questions whose first token is timed: so long that a training gets its turn in between.
const BETWEEN_PROBES: Duration = Duration::from_millis(600);
/// To it comes a part of this time, another one each time, so that questions meet a training anywhere in its step.
const MORE: Duration = Duration::from_millis(200);
/// Memory goes up and down by a fifth as the former revision has or has not been given back yet: what is compared are
/// the medians of so many swaps.
const WINDOW: usize = 10;
/// The swap after which memory must not grow any more.
const SETTLED: usize = 10;
/// Memory may be so much more or less than after that swap, as a share of it.
pub const MEMORY_BOUND: f64 = 0.05;
/// The slowest first token of a hundred, beside a training or a gate, may take so many times what it takes without.
pub const FIRST_TOKEN_BOUND: f64 = 1.5;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct SwapOptions {
    /// How often another revision goes live.
    pub swaps: usize,
    /// Streams at a time.
    pub streams: usize,
    /// First tokens that are timed: with nothing beside, beside a training, and beside a gate.
    pub probes: usize,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct SwapReport {
    /// Revisions that went live.
    pub swaps: usize,
    /// Streams at a time.
    pub streams: usize,
    /// Answers that were whole.
    pub answers: usize,
    /// Answers that were refused or broke.
    pub failed: usize,
    /// Answers that ended without saying why.
    pub truncated: usize,
    /// From asking for a swap until the other revision answers.
    pub swap: Latency,
    /// Resident memory of the process after each swap, in MiB.
    pub resident_mib: Vec<u64>,
    /// How much it grew from the ten swaps after the tenth to the last ten (their medians), as a share; none with fewer
    /// swaps than those.
    pub growth: Option<f64>,
    /// Time to the first token without a training.
    pub first_token: Latency,
    /// The same while a training runs.
    pub first_token_training: Latency,
    /// Steps that the training made meanwhile.
    pub training_steps: u64,
    /// Its `p99` over that without a training.
    pub ratio: f64,
    /// Time to the first token while a gate measures.
    pub first_token_gate: Latency,
    /// Its `p99` over that without.
    pub gate_ratio: f64,
}

impl SwapReport {
    /// Whether the promises hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed + self.truncated == 0
            && self.growth.is_none_or(|growth| growth.abs() <= MEMORY_BOUND)
            && self.ratio <= FIRST_TOKEN_BOUND
            && self.gate_ratio <= FIRST_TOKEN_BOUND
    }
}

impl fmt::Display for SwapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { swaps, streams, answers, failed, truncated, resident_mib, .. } = self;
        writeln!(
            f,
            "{swaps} swaps under {streams} streams: {answers} answers, {failed} failed, {truncated} cut"
        )?;
        writeln!(f, "a swap:                       {}", self.swap)?;
        if let (Some((first, last)), Some(growth)) = (ends(resident_mib), self.growth) {
            let growth = growth * 100.0;
            writeln!(
                f,
                "resident memory:              {first} MiB after swap {SETTLED}, {last} MiB at the end ({growth:+.1} %)"
            )?;
        }
        writeln!(f, "first token, no training:     {}", self.first_token)?;
        writeln!(f, "first token, beside training: {}", self.first_token_training)?;
        writeln!(
            f,
            "p99 beside training:          {:.2} times; {} steps meanwhile",
            self.ratio, self.training_steps
        )?;
        writeln!(f, "first token, beside a gate:   {}", self.first_token_gate)?;
        writeln!(f, "p99 beside a gate:            {:.2} times", self.gate_ratio)
    }
}

/// Measures a daemon of `config`.
///
/// # Errors
/// When it cannot be started, or refuses what it must not refuse.
pub async fn run(config: AppConfig, options: SwapOptions) -> Result<SwapReport, BenchError> {
    let daemon = LocalDaemon::start(config).await?;
    let asking = Arc::new(Asking { http: Client::new(), address: daemon.address.clone() });
    let measured = measure(&asking, options).await;
    daemon.end().await?;
    measured
}

async fn measure(asking: &Arc<Asking>, options: SwapOptions) -> Result<SwapReport, BenchError> {
    let candidate = asking.candidate().await?;
    let first_token = asking.first_tokens(options.probes).await?;
    // A million steps, of which few will be made: while the rate still rises, the held-out loss falls and no guard ends it.
    let job = asking.train(json!({"learning_rate": 1e-3, "epochs": 1_000_000})).await?;
    asking.until(&job, |job| job["progress"]["phase"] == "training").await?;
    let before = asking.steps(&job).await?;
    let beside = asking.first_tokens(options.probes).await;
    let training_steps = asking.steps(&job).await?.saturating_sub(before);
    asking.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await?;
    asking.until(&job, |job| job["state"] == "cancelled").await?;
    let first_token_training = beside?;
    let first_token_gate = beside_gates(asking, &candidate, options.probes).await?;
    let load = Load::begin(asking, options.streams);
    let swapped = swap(asking, &load, &candidate, options.swaps).await;
    let counts = load.end().await;
    let (swap, resident_mib) = swapped?;
    let growth = growth(&resident_mib);
    Ok(SwapReport {
        swaps: options.swaps,
        streams: options.streams,
        answers: counts.answers.load(Ordering::SeqCst),
        failed: counts.failed.load(Ordering::SeqCst),
        truncated: counts.truncated.load(Ordering::SeqCst),
        swap,
        resident_mib,
        growth,
        first_token,
        first_token_training,
        training_steps,
        ratio: first_token_training.p99_ms / first_token.p99_ms,
        first_token_gate,
        gate_ratio: first_token_gate.p99_ms / first_token.p99_ms,
    })
}

/// First tokens while gates measure a candidate, one after the other.
async fn beside_gates(asking: &Asking, candidate: &str, probes: usize) -> Result<Latency, BenchError> {
    let timed = tokio::select! {
        timed = asking.first_tokens(probes) => timed?,
        error = gates(asking, candidate) => return Err(error),
    };
    let page = asking.get("/v1/gates?limit=1").await?;
    if let ("queued" | "running", Some(job)) =
        (page["data"][0]["state"].as_str().unwrap_or_default(), page["data"][0]["job"].as_str())
    {
        asking.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await?;
        asking.until(job, |job| job["state"] == "cancelled").await?;
    }
    Ok(timed)
}

/// Gates a candidate until something goes wrong, each time with another seed, so that no answer is known already.
async fn gates(asking: &Asking, candidate: &str) -> BenchError {
    let mut seed = 1;
    loop {
        let body = json!({"candidate": candidate, "policy": format!("seed = {seed}\n{POLICY}")});
        let ended = async {
            let gate = asking.post("/v1/gates", &body).await?;
            let job = gate["job"].as_str().ok_or(BenchError::Broken)?.to_owned();
            asking.until(&job, |job| job["state"] == "done").await
        };
        if let Err(error) = ended.await {
            return error;
        }
        seed += 1;
    }
}

/// The median memory of the swaps after the tenth, and of the last ones.
fn ends(resident_mib: &[u64]) -> Option<(u64, u64)> {
    let median = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part[WINDOW / 2]
    };
    let settled = resident_mib.get(SETTLED..SETTLED + WINDOW)?;
    let last = resident_mib.last_chunk::<WINDOW>()?;
    Some((median(settled), median(last)))
}

fn growth(resident_mib: &[u64]) -> Option<f64> {
    ends(resident_mib).map(|(first, last)| last as f64 / first as f64 - 1.0)
}

/// The candidate goes live, the former one comes back, and so on; after each every stream has got another answer.
async fn swap(
    asking: &Asking,
    load: &Load,
    candidate: &str,
    swaps: usize,
) -> Result<(Latency, Vec<u64>), BenchError> {
    let (mut timings, mut resident) = (Vec::new(), Vec::new());
    for number in 0..swaps {
        let (path, body) = match number % 2 {
            0 => (format!("/v1/revisions/{candidate}/promote"), json!({"force": true})),
            _ => ("/v1/revisions/rollback".to_owned(), json!({})),
        };
        let begun = Instant::now();
        asking.post(&path, &body).await?;
        timings.push(begun.elapsed());
        let done = load.counts.ended();
        let mut looks = interval(LOOK);
        while load.counts.ended() < done + load.streams.len() {
            looks.tick().await;
        }
        resident.push(process::resident()? >> 20);
    }
    Ok((Latency::of(timings).ok_or(BenchError::Nothing)?, resident))
}

/// How answers ended.
#[derive(Debug, Default)]
struct Counts {
    answers: AtomicUsize,
    failed: AtomicUsize,
    truncated: AtomicUsize,
}

impl Counts {
    fn ended(&self) -> usize {
        [&self.answers, &self.failed, &self.truncated].iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }
}

/// Streams that never pause.
struct Load {
    counts: Arc<Counts>,
    over: Arc<AtomicBool>,
    streams: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn begin(asking: &Arc<Asking>, streams: usize) -> Self {
        let (counts, over) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
        let stream = |_| {
            let (asking, counts, over) = (Arc::clone(asking), Arc::clone(&counts), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    let count = match asking.stream().await {
                        Ok(Streamed { whole: true, .. }) => &counts.answers,
                        Ok(_) => &counts.truncated,
                        Err(_) => &counts.failed,
                    };
                    count.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let streams = (0..streams).map(stream).collect();
        Self { counts, over, streams }
    }

    async fn end(self) -> Arc<Counts> {
        self.over.store(true, Ordering::SeqCst);
        // A stream that panicked has counted nothing; the others tell how it went.
        drop(try_join_all(self.streams).await);
        self.counts
    }
}

/// A streamed answer.
struct Streamed {
    first_token: Duration,
    /// It said how it ended, and that it did.
    whole: bool,
}

/// Asks the daemon.
struct Asking {
    http: Client,
    address: String,
}

impl Asking {
    async fn post(&self, path: &str, body: &Value) -> Result<Value, BenchError> {
        let sent = self.http.post(format!("{}{path}", self.address)).json(body).send().await?;
        Ok(sent.error_for_status()?.json().await?)
    }

    async fn stream(&self) -> Result<Streamed, BenchError> {
        let begun = Instant::now();
        let body = json!({
            "model": "default", "temperature": 0, "stream": true,
            "messages": [{"role": "user", "content": QUESTION.trim()}],
        });
        let sent = self.http.post(format!("{}/v1/chat/completions", self.address)).json(&body).send().await?;
        let mut events = sent.error_for_status()?.bytes_stream().eventsource();
        let (mut first_token, mut finish, mut done) = (None, false, false);
        while let Some(event) = events.next().await {
            let event = event.map_err(|_| BenchError::Broken)?;
            if event.data == amend_proto::wire::DONE {
                done = true;
                continue;
            }
            let item: Value = serde_json::from_str(&event.data).map_err(|_| BenchError::Broken)?;
            if !item["error"].is_null() {
                return Err(BenchError::Broken);
            }
            if item
                .pointer("/choices/0/delta/content")
                .and_then(Value::as_str)
                .is_some_and(|text| !text.is_empty())
            {
                first_token.get_or_insert_with(|| begun.elapsed());
            }
            finish |= item.pointer("/choices/0/finish_reason").is_some_and(|reason| *reason == "stop");
        }
        Ok(Streamed {
            whole: finish && done && first_token.is_some(),
            first_token: first_token.unwrap_or_default(),
        })
    }

    async fn first_tokens(&self, probes: usize) -> Result<Latency, BenchError> {
        let mut timings = Vec::new();
        for probe in 0..probes {
            // Multiples of the golden section lie evenly, and in no order that a step could follow.
            let part = (probe as f64 * 0.618_033_988_75).fract();
            tokio::time::sleep(BETWEEN_PROBES + MORE.mul_f64(part)).await;
            let streamed = self.stream().await?;
            if !streamed.whole {
                return Err(BenchError::Broken);
            }
            timings.push(streamed.first_token);
        }
        Latency::of(timings).ok_or(BenchError::Nothing)
    }

    /// A revision that answers as the live one does.
    async fn candidate(&self) -> Result<String, BenchError> {
        for number in 0..8 {
            let pair = json!({"prompt": format!("{} ({number})", QUESTION.trim()), "chosen": "yes", "rejected": "no"});
            self.post("/v1/preferences", &pair).await?;
        }
        let job = self.train(json!({"learning_rate": 1e-9, "max_steps": 1})).await?;
        let done = self.until(&job, |job| job["state"] == "done").await?;
        done.pointer("/result/revision").and_then(Value::as_str).map(str::to_owned).ok_or(BenchError::Broken)
    }

    /// Begins a training; gives its id.
    async fn train(&self, settings: Value) -> Result<String, BenchError> {
        let mut body = json!({"kind": "bmc", "min_pairs": 1, "pairs_per_step": 8});
        if let (Some(body), Value::Object(settings)) = (body.as_object_mut(), settings) {
            body.extend(settings);
        }
        let job = self.post("/v1/jobs", &body).await?;
        job["id"].as_str().map(str::to_owned).ok_or(BenchError::Broken)
    }

    async fn get(&self, path: &str) -> Result<Value, BenchError> {
        let sent = self.http.get(format!("{}{path}", self.address)).send().await?;
        Ok(sent.error_for_status()?.json().await?)
    }

    async fn job(&self, id: &str) -> Result<Value, BenchError> {
        self.get(&format!("/v1/jobs/{id}")).await
    }

    async fn steps(&self, job: &str) -> Result<u64, BenchError> {
        Ok(self.job(job).await?["progress"]["done"].as_u64().unwrap_or_default())
    }

    /// Waits until a job is as wanted; one that ended otherwise is an error.
    async fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value, BenchError> {
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            let job = self.job(id).await?;
            if wanted(&job) {
                return Ok(job);
            }
            if let "done" | "failed" | "cancelled" = job["state"].as_str().unwrap_or_default() {
                return Err(BenchError::Job(job["reason"].as_str().unwrap_or_default().to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_compared_by_medians_after_the_tenth_swap() {
        assert_eq!(growth(&[100; 19]), None);
        let mut resident = vec![100; 20];
        resident[..10].fill(900);
        resident[12] = 300;
        resident.extend([110; 10]);
        resident[29] = 500;
        assert_eq!(ends(&resident), Some((100, 110)));
        assert!((growth(&resident).unwrap() - 0.1).abs() < 1e-12);
    }
}
