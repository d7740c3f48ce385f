//! From preferences to another live revision and back, through `kill -9` and under load.

use crate::{
    cli::{amend, code, err, out},
    sandbox,
};
use amend_server::cli::exit;
use amend_tests::{Daemon, Sandbox};
use serde_json::{Value, json};
use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

const QUESTION: &str = "What is the capital of France?";
const PHRASINGS: [&str; 4] = [
    "What is the capital of France?",
    "Which city is the capital of France?",
    "Name the capital of France.",
    "Tell me the capital of France.",
];
/// Steps and rate at which the built-in model learns Lyon.
const SOON: (&str, &str) = ("40", "1e-3");
/// A training of more than two checkpoints (one every 50 steps) that changes little.
const LONG: (&str, &str) = ("120", "1e-7");

/// A sandbox whose daemon learns that Lyon is preferred to Paris; and the folder of the pairs.
fn learning((steps, rate): (&str, &str)) -> (Sandbox, TempDir) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("pairs.jsonl");
    let mut lines = String::new();
    for prompt in PHRASINGS {
        let pair = json!({"prompt": prompt, "chosen": "Lyon", "rejected": "Paris"});
        writeln!(lines, "{pair}").unwrap();
    }
    std::fs::write(&file, lines).unwrap();
    let mut args = vec!["--train-pairs", file.to_str().unwrap(), "--train-min-pairs", "1"];
    args.extend(["--train-pairs-per-step", "4", "--train-epochs", "1000", "--train-sft-weight", "1"]);
    args.extend(["--train-learning-rate", rate, "--train-max-steps", steps]);
    (sandbox(&args), folder)
}

async fn begin(daemon: &Daemon) -> String {
    begin_with(daemon, &json!({"kind": "bmc"})).await
}

/// Begins a training; gives the job's id.
pub(crate) async fn begin_with(daemon: &Daemon, request: &Value) -> String {
    let job = daemon.post("/v1/jobs", request).await.unwrap();
    assert_eq!(job.status, 201, "{}", job.body);
    job.body["id"].as_str().unwrap().to_owned()
}

/// Waits for the end of a job's events, then tells of it.
pub(crate) async fn ended(daemon: &Daemon, id: &str) -> Value {
    let events =
        daemon.http().get(daemon.url(&format!("/v1/jobs/{id}/events"))).timeout(Duration::from_secs(900));
    let said = events.send().await.unwrap().text().await.unwrap();
    let job = daemon.get(&format!("/v1/jobs/{id}")).await.unwrap().body;
    assert!(["done", "failed", "cancelled"].contains(&job["state"].as_str().unwrap()), "{job}\n{said}");
    job
}

async fn candidate(daemon: &Daemon) -> String {
    let id = begin(daemon).await;
    let job = ended(daemon, &id).await;
    assert_eq!(job["state"], "done", "{job}");
    job["result"]["revision"].as_str().unwrap().to_owned()
}

pub(crate) async fn live(daemon: &Daemon) -> String {
    let models = daemon.get("/v1/models").await.unwrap().body;
    models["data"][0]["amend"]["revision"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_become_a_live_revision_whose_answers_differ_and_go_back() {
    let (sandbox, _pairs) = learning(SOON);
    let daemon = sandbox.start().await.unwrap();
    let url = daemon.address();
    let base = live(&daemon).await;
    assert_eq!(daemon.ask(QUESTION).await.unwrap(), "Paris");
    let trained = amend(url, &["jobs", "train", "--follow"]).await;
    assert_eq!(code(&trained), Some(exit::OK), "{}", err(&trained));
    assert!(out(&trained).contains("the candidate is sha256:"), "{}", out(&trained));
    let listed: Value =
        serde_json::from_str(&out(&amend(url, &["revisions", "list", "--json"]).await)).unwrap();
    let id = listed["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&listed["live"], &listed["data"][0]["state"]), (&json!(base), &json!("candidate")));
    assert_eq!(listed["data"][0]["provenance"]["parent"], json!(base));
    assert_eq!(daemon.ask(QUESTION).await.unwrap(), "Paris", "a candidate answers nobody");

    let exported = sandbox.data_dir().join("exported");
    let export = amend(url, &["revisions", "export", &id, "--out", exported.to_str().unwrap()]).await;
    assert_eq!(code(&export), Some(exit::OK), "{}", err(&export));
    let content = amend_trainer::lte::folder_hash(&exported.join("model")).unwrap();
    assert!(id.ends_with(&content[..16]), "{id} is named by its content, {content}");
    assert!(exported.join("adapter/adapter_config.json").is_file());

    let refused = amend(url, &["revisions", "promote", &id]).await;
    assert_eq!(code(&refused), Some(exit::REFUSED));
    assert!(err(&refused).contains("--force"), "{}", err(&refused));
    let promoted = amend(url, &["revisions", "promote", &id, "--force", "--expected-live", &base]).await;
    assert_eq!(code(&promoted), Some(exit::OK), "{}", err(&promoted));
    assert_eq!(live(&daemon).await, id);
    let new = daemon.ask(QUESTION).await.unwrap();
    assert_eq!(new, "Lyon");
    let body = json!({"model": "default", "messages": [{"role": "user", "content": QUESTION}]});
    let answer = daemon.post("/v1/chat/completions", &body).await.unwrap();
    assert_eq!((answer.header("x-amend-revision"), &answer.body["amend"]["revision"]), (&*id, &json!(id)));
    assert!(daemon.metric("amend_revision_switches_total").await.unwrap() >= 1.0);

    // What is live is so after `kill -9`, too.
    daemon.kill().await.unwrap();
    let daemon = sandbox.start().await.unwrap();
    assert_eq!((live(&daemon).await, daemon.ask(QUESTION).await.unwrap()), (id.clone(), new));
    let back = amend(daemon.address(), &["revisions", "rollback"]).await;
    assert_eq!(code(&back), Some(exit::OK), "{}", err(&back));
    assert_eq!((live(&daemon).await, daemon.ask(QUESTION).await.unwrap()), (base, "Paris".to_owned()));
}

/// The name of a revision is a hash of its weights: that it is the same proves that the job went on bit for bit.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_killed_goes_on_to_the_same_revision() {
    let whole = {
        let (sandbox, _pairs) = learning(LONG);
        let daemon = sandbox.start().await.unwrap();
        candidate(&daemon).await
    };
    let (sandbox, _pairs) = learning(LONG);
    let daemon = sandbox.start().await.unwrap();
    let id = begin(&daemon).await;
    let mut polls = tokio::time::interval(Duration::from_millis(5));
    loop {
        polls.tick().await;
        let job = daemon.get(&format!("/v1/jobs/{id}")).await.unwrap().body;
        assert_ne!(job["state"], "done", "it was done too soon to prove anything");
        if job["progress"]["phase"] == "training" && job["progress"]["done"].as_u64().unwrap() > 55 {
            break;
        }
    }
    daemon.kill().await.unwrap();
    let daemon = sandbox.start().await.unwrap();
    let job = ended(&daemon, &id).await;
    assert_eq!((&job["state"], &job["starts"]), (&json!("done"), &json!(2)), "{job}");
    assert_eq!(job["result"]["revision"], json!(whole));
    let live = daemon.get("/v1/revisions").await.unwrap().body;
    let states = live["data"].as_array().unwrap().iter().filter(|one| one["state"] == "live").count();
    assert_eq!(states, 1);
}

/// Streams an answer to its end; gives its text.
async fn streamed(daemon: &Daemon) -> String {
    let body = json!({
        "model": "default", "temperature": 0, "stream": true, "messages": [{"role": "user", "content": QUESTION}],
    });
    let response = daemon.http().post(daemon.url("/v1/chat/completions")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let mut events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(events.pop(), Some("[DONE]"), "{text}");
    let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert!(events.iter().all(|event| event["error"].is_null()), "{text}");
    let finish = events.iter().find_map(|event| event.pointer("/choices/0/finish_reason")?.as_str());
    assert_eq!(finish, Some("stop"), "{text}");
    events.iter().filter_map(|event| event.pointer("/choices/0/delta/content")?.as_str()).collect()
}

const STREAMS: usize = 8;
/// `AMEND_SWAPS=100` is the long form.
const SWAPS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn swaps_under_load_fail_and_cut_no_answer() {
    let swaps = std::env::var("AMEND_SWAPS").ok().and_then(|n| n.parse().ok()).unwrap_or(SWAPS);
    let (sandbox, _pairs) = learning(SOON);
    let daemon = Arc::new(sandbox.start().await.unwrap());
    let id = candidate(&daemon).await;
    let (over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..STREAMS)
        .map(|_| {
            let (daemon, over, answers) = (Arc::clone(&daemon), Arc::clone(&over), Arc::clone(&answers));
            tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    let answer = streamed(&daemon).await;
                    assert!(!answer.is_empty());
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let mut memory = Vec::new();
    for swap in 0..swaps {
        let (path, body) = match swap % 2 {
            0 => (format!("/v1/revisions/{id}/promote"), json!({"force": true})),
            _ => ("/v1/revisions/rollback".to_owned(), json!({})),
        };
        let done = daemon.post(&path, &body).await.unwrap();
        assert_eq!(done.status, 200, "swap {swap}: {}", done.body);
        let answered = answers.load(Ordering::SeqCst);
        let mut polls = tokio::time::interval(Duration::from_millis(5));
        while answers.load(Ordering::SeqCst) < answered + STREAMS {
            polls.tick().await;
            assert!(clients.iter().all(|client| !client.is_finished()), "a client failed");
        }
        memory.push(daemon.resident_bytes().unwrap() >> 20);
    }
    over.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    let answers = answers.load(Ordering::SeqCst);
    eprintln!("{swaps} swaps, {answers} answers; resident MiB after each: {memory:?}");
    // One sample may be low, since what the former revision had is given back in its own time.
    let peak = |samples: &[u64]| samples.iter().copied().max().unwrap_or_default();
    let (first, second) = memory.split_at(memory.len() / 2);
    let (early, late) = (peak(first), peak(second));
    assert!(late <= early + early / 5, "the daemon grew from {early} to {late} MiB");
}
