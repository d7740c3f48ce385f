//! What the daemon adds over calling mistralrs directly, in the same process and the same run.
//!
//! Three ways to the same weights are measured, interleaved round by round so that whatever else the machine does hits
//! all of them alike:
//!
//! - **direct**: the application calls mistralrs itself, with as many requests at a time as the engine has slots on this
//!   device; more clients wait their turn in the application;
//! - **amend**: through Amend, admission and edits included. The engine has exactly the same work to do, so that what
//!   the two differ by is what Amend adds;
//! - **crowd**: mistralrs itself with all clients at once. On CPU the answers are wrong wherever sequences stepped
//!   together, so there this is no way to serve: it is what scheduling is compared with.

mod direct;
mod report;

pub use report::{FIRST_TOKEN_BOUND, Latency, Measure, Report, Row, THROUGHPUT_BOUND};

use crate::{admission::AdmissionConfig, engine::MistralEngine};
use amend_proto::{ChatEvent, ChatModel, ChatRequest, Message, ModelError, Sampling};
use direct::Direct;
use futures::{StreamExt, future::try_join_all};
use std::{sync::Arc, time::Instant};
use tokio::sync::Semaphore;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many clients ask at the same time, one after the other of these.
    pub concurrency: Vec<usize>,
    /// Rounds of each; the median round counts.
    pub rounds: usize,
    /// Requests of a round, shared out to the clients; each client sends its own one after the other, at least one.
    pub requests_per_round: usize,
    /// Most tokens of an answer.
    pub max_tokens: u32,
    /// What is asked, in turns: lengths should differ, as those of users do.
    pub prompts: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: vec![1, 4, 16],
            rounds: 5,
            requests_per_round: 64,
            max_tokens: 32,
            prompts: default_prompts(),
        }
    }
}

/// Questions of 4 to 30 words.
fn default_prompts() -> Vec<String> {
    let fillers = [
        "please", "tell", "me", "briefly", "and", "without", "any", "detour", "what", "you", "know", "of",
        "this",
    ];
    (0..13)
        .map(|index| {
            let words: Vec<&str> = fillers.iter().copied().cycle().skip(index).take(2 * index + 1).collect();
            format!("What is the capital of France, {}?", words.join(" "))
        })
        .collect()
}

/// One answer, as a client saw it.
#[derive(Debug, Clone, Copy)]
struct Sample {
    first_token: f64,
    whole: f64,
    tokens: u32,
}

/// Clients that may wait: all of them.
const QUEUE: usize = 4096;

/// The ways to the weights.
#[derive(Clone)]
enum Way {
    Direct(Arc<Direct>),
    Amend(Arc<dyn ChatModel>),
}

/// Measures. `stack` is what stands behind admission: the edited model in front of this very engine.
///
/// # Errors
/// When a request fails: a failed answer has no time.
pub async fn measure(
    engine: &MistralEngine,
    stack: &Arc<dyn ChatModel>,
    options: &Options,
) -> Result<Report, ModelError> {
    let bare = engine.bare().ok_or_else(|| ModelError::engine("the engine is being started again"))?;
    let slots = engine.slots();
    let config = AdmissionConfig { capacity: QUEUE, ..AdmissionConfig::new(slots) };
    let ways = [
        Way::Direct(Arc::new(Direct::new(Arc::clone(&bare), slots.get())?)),
        Way::Amend(Arc::new(config.build(Arc::clone(stack)))),
        Way::Direct(Arc::new(Direct::new(bare, Semaphore::MAX_PERMITS)?)),
    ];
    let mut rows = Vec::new();
    for &clients in &options.concurrency {
        let mut measures: [Vec<Measure>; 3] = Default::default();
        for way in &ways {
            round(way, clients, options).await?;
        }
        for _ in 0..options.rounds.max(1) {
            for (way, measures) in ways.iter().zip(&mut measures) {
                measures.push(round(way, clients, options).await?);
            }
        }
        let [direct, amend, crowd] = measures.map(Measure::median);
        rows.push(Row { clients, direct, amend, crowd });
    }
    let info = engine.info();
    let slots = slots.get();
    Ok(Report {
        model: info.id.to_string(),
        engine: info.description,
        slots,
        max_tokens: options.max_tokens,
        rows,
    })
}

/// All clients, each with its requests one after the other.
async fn round(way: &Way, clients: usize, options: &Options) -> Result<Measure, ModelError> {
    let begin = Instant::now();
    let tasks = (0..clients).map(|client| {
        let (way, options) = (way.clone(), options.clone());
        let each = options.requests_per_round.div_ceil(clients).max(1);
        let task = tokio::spawn(async move {
            let mut samples = Vec::with_capacity(each);
            for number in 0..each {
                let prompt = &options.prompts[(client * each + number) % options.prompts.len()];
                samples.push(one(&way, prompt, options.max_tokens).await?);
            }
            Ok::<_, ModelError>(samples)
        });
        async move { task.await.map_err(ModelError::engine)? }
    });
    let samples: Vec<Sample> = try_join_all(tasks).await?.into_iter().flatten().collect();
    Ok(Measure::of(&samples, begin.elapsed().as_secs_f64()))
}

async fn one(way: &Way, prompt: &str, max_tokens: u32) -> Result<Sample, ModelError> {
    let begin = Instant::now();
    match way {
        Way::Direct(direct) => direct.ask(prompt, max_tokens, begin).await,
        Way::Amend(model) => {
            let sampling = Sampling { max_tokens: Some(max_tokens), ..Sampling::greedy() };
            let request = ChatRequest { sampling, ..ChatRequest::greedy(vec![Message::user(prompt)]) };
            let mut stream = model.stream(request).await?;
            let mut first_token = None;
            while let Some(event) = stream.next().await {
                match event? {
                    ChatEvent::Started(_) => {}
                    ChatEvent::Delta(_) => first_token = first_token.or(Some(begin.elapsed().as_secs_f64())),
                    ChatEvent::Finished(finish) => {
                        let whole = begin.elapsed().as_secs_f64();
                        let first_token = first_token.unwrap_or(whole);
                        return Ok(Sample { first_token, whole, tokens: finish.usage.completion_tokens });
                    }
                }
            }
            Err(ModelError::engine("the answer ended early"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{DeviceChoice, EngineConfig, ModelSource, testing::TinyModel};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn measures_all_three_ways_and_says_it_in_a_table_and_in_json() {
        let folder = tempfile::tempdir().unwrap();
        TinyModel { context: 512, ..TinyModel::default() }.write(folder.path());
        let source = ModelSource::Folder(folder.path().to_owned());
        let engine =
            EngineConfig { device: DeviceChoice::Cpu, ..EngineConfig::new(source) }.build().await.unwrap();
        let options = Options {
            concurrency: vec![1, 3],
            rounds: 1,
            requests_per_round: 6,
            max_tokens: 4,
            ..Options::default()
        };
        let stack: Arc<dyn ChatModel> = Arc::new(engine.clone());
        let report = measure(&engine, &stack, &options).await.unwrap();
        assert_eq!(report.rows.iter().map(|row| row.clients).collect::<Vec<_>>(), [1, 3]);
        for row in &report.rows {
            for measure in [&row.direct, &row.amend, &row.crowd] {
                assert_eq!(measure.tokens, 4 * 6, "all answers have four tokens: {measure:?}");
                assert!(measure.tokens_per_second > 0.0);
                assert!(measure.first_token.p50 > 0.0 && measure.first_token.p50 <= measure.first_token.p99);
            }
            assert!(row.throughput_ratio() > 0.0);
        }
        let table = report.to_string();
        assert!(table.contains("direct") && table.contains("amend"), "{table}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["rows"][1]["clients"], 3);
    }
}
