//! `kill -9` in every phase of a job and of a promotion, and a disk that is full when a checkpoint is written.

use crate::{
    AMEND,
    revisions::{begin_with, ended, live},
    sandbox,
};
use amend_tests::{Daemon, Sandbox};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::process::Command;

const QUESTION: &str = "What is the capital of France?";
const PHRASINGS: [&str; 4] = [
    QUESTION,
    "Which city is the capital of France?",
    "Name the capital of France.",
    "Tell me the capital of France.",
];
/// Few, so that a job is short: the last one writes a checkpoint, as every fiftieth does.
const STEPS: &str = "12";
/// How often a phase may be missed: the shortest take milliseconds.
const ATTEMPTS: usize = 6;
const POLL: Duration = Duration::from_millis(1);

/// The options of a training that changes little.
const TRAINING: [&str; 12] = [
    "--train-min-pairs",
    "1",
    "--train-pairs-per-step",
    "4",
    "--train-epochs",
    "1000",
    "--train-objective",
    "dpo",
    "--train-learning-rate",
    "1e-7",
    "--train-max-steps",
    STEPS,
];

/// Where a job is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Collect,
    Bridge,
    Reference,
    Train,
    Merge,
    Register,
}

const POINTS: [Point; 6] =
    [Point::Collect, Point::Bridge, Point::Reference, Point::Train, Point::Merge, Point::Register];

fn has_checkpoint(folder: &Path) -> bool {
    let steps = fs::read_dir(folder.join("run/checkpoints"));
    steps.is_ok_and(|steps| {
        steps.flatten().any(|step| step.file_name().to_string_lossy().starts_with("step-"))
    })
}

impl Point {
    /// Whether the files of the job say that it has come there.
    fn is_reached(self, folder: &Path) -> bool {
        match self {
            Self::Collect => folder.is_dir(),
            Self::Bridge => {
                folder.join("bridged/modifier.jsonl").metadata().is_ok_and(|about| about.len() > 0)
            }
            Self::Reference => folder.join("run/recipe.json").exists(),
            Self::Train => folder.join("run/metrics.jsonl").metadata().is_ok_and(|about| about.len() > 0),
            Self::Merge => folder.join("run/adapter").exists() || folder.join("run/.model.partial").exists(),
            Self::Register => folder.join("run/card.json").exists(),
        }
    }

    /// Whether they say, once the process is gone, that it has not come further.
    fn was_hit(self, folder: &Path) -> bool {
        let further = match self {
            Self::Collect => "plan.json",
            Self::Bridge => "bridged/bridge.json",
            Self::Reference => "run/reference.safetensors",
            Self::Train => "run/model",
            Self::Merge => "run/card.json",
            // The folder goes when the job is done.
            Self::Register => return folder.join("run/card.json").exists(),
        };
        folder.is_dir() && !folder.join(further).exists()
    }

    fn request(self) -> Value {
        match self {
            // The live model takes its time.
            Self::Bridge => json!({"kind": "bmc", "bridging": "live"}),
            _ => json!({"kind": "bmc"}),
        }
    }
}

fn preference(prompt: &str) -> Value {
    json!({"prompt": prompt, "chosen": "Lyon", "rejected": "Paris"})
}

/// Stores preferences until the daemon is gone; gives those that were acknowledged. They say what is known already, so
/// that every training learns from the same.
async fn keep_storing(http: reqwest::Client, url: String) -> Vec<String> {
    let (mut stored, mut pace) = (Vec::new(), tokio::time::interval(Duration::from_millis(20)));
    loop {
        pace.tick().await;
        let Ok(answer) = http.post(&url).json(&preference(QUESTION)).send().await else { return stored };
        assert_eq!(answer.status(), 201, "the daemon refused a good preference");
        let Ok(body) = answer.json::<Value>().await else { return stored };
        stored.push(body["id"].as_str().unwrap().to_owned());
    }
}

async fn all_stored(daemon: &Daemon) -> BTreeSet<String> {
    let (mut all, mut after) = (BTreeSet::new(), 0);
    loop {
        let page = daemon.get(&format!("/v1/preferences?limit=100&after={after}")).await.unwrap().body;
        all.extend(page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => return all,
        }
    }
}

/// The one live revision, of which the registry, the list of models and an answer say the same.
async fn the_live_one(daemon: &Daemon) -> String {
    let list = daemon.get("/v1/revisions?limit=100").await.unwrap().body;
    let states = list["data"].as_array().unwrap().iter().filter(|one| one["state"] == "live");
    let live_ones: Vec<&str> = states.map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(live_ones, [list["live"].as_str().unwrap()], "{list}");
    assert_eq!(live(daemon).await, live_ones[0]);
    let body = json!({"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 4});
    let answer = daemon.post("/v1/chat/completions", &body).await.unwrap();
    assert_eq!((answer.status, answer.header("x-amend-revision")), (200, live_ones[0]), "{}", answer.body);
    live_ones[0].to_owned()
}

async fn until(mut reached: impl FnMut() -> bool, what: &str) {
    let waiting = async {
        let mut polls = tokio::time::interval(POLL);
        while !reached() {
            polls.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(300), waiting)
        .await
        .unwrap_or_else(|_| panic!("never came to: {what}"));
}

/// Begins a job and kills the daemon there. Gives the daemon that comes after it, the job as it ended, and whether it was
/// killed there and not later.
async fn killed_at(sandbox: &Sandbox, daemon: Daemon, point: Point) -> (Daemon, Value, bool) {
    let storing = tokio::spawn(keep_storing(daemon.http().clone(), daemon.url("/v1/preferences")));
    let id = begin_with(&daemon, &point.request()).await;
    let folder = sandbox.data_dir().join("jobs").join(&id);
    until(|| point.is_reached(&folder), &format!("{point:?}")).await;
    daemon.kill().await.unwrap();
    let acknowledged = storing.await.unwrap();
    let hit = point.was_hit(&folder);

    let daemon = sandbox.start().await.unwrap();
    let stored = all_stored(&daemon).await;
    assert!(
        acknowledged.iter().all(|id| stored.contains(id)),
        "{point:?}: an acknowledged preference is lost"
    );
    the_live_one(&daemon).await;
    let job = ended(&daemon, &id).await;
    (daemon, job, hit)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_killed_in_any_phase_ends_as_if_it_had_not_been() {
    let sandbox = sandbox(&TRAINING);
    let mut daemon = sandbox.start().await.unwrap();
    for prompt in PHRASINGS {
        assert_eq!(daemon.post("/v1/preferences", &preference(prompt)).await.unwrap().status, 201);
    }
    let base = the_live_one(&daemon).await;
    let id = begin_with(&daemon, &json!({"kind": "bmc"})).await;
    let whole = ended(&daemon, &id).await;
    assert_eq!(whole["state"], "done", "{whole}");
    for point in POINTS {
        let mut hits = 0;
        for _ in 0..ATTEMPTS {
            let (next, job, hit) = killed_at(&sandbox, daemon, point).await;
            daemon = next;
            assert_eq!(job["state"], "done", "{point:?}: {job}");
            if point != Point::Bridge {
                assert_eq!(job["result"]["revision"], whole["result"]["revision"], "{point:?}");
            }
            eprintln!("killed at {point:?}{}", if hit { "" } else { ": too late" });
            if hit {
                assert_eq!(job["starts"], 2, "{point:?}: {job}");
                hits += 1;
                break;
            }
        }
        assert!(hits > 0, "{point:?} was missed {ATTEMPTS} times: nothing is proved");
    }
    assert_eq!(the_live_one(&daemon).await, base, "a candidate answers nobody");
}

/// When the ledger was last written to.
fn written(sandbox: &Sandbox) -> Option<(u64, SystemTime)> {
    let about = fs::metadata(sandbox.data_dir().join("learning.db-wal")).ok()?;
    Some((about.len(), about.modified().ok()?))
}

/// When a promotion is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// So long after it was asked for: while the candidate is loaded and warmed.
    After(u64),
    /// As soon as the ledger is written to: while the pointer is switched.
    Switch,
}

const MOMENTS: [Moment; 9] = [
    Moment::After(0),
    Moment::After(5),
    Moment::After(25),
    Moment::After(60),
    Moment::After(120),
    Moment::Switch,
    Moment::Switch,
    Moment::Switch,
    Moment::Switch,
];

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_that_is_killed_leaves_one_live_revision_and_keeps_its_word() {
    let sandbox = sandbox(&TRAINING);
    let mut daemon = sandbox.start().await.unwrap();
    for prompt in PHRASINGS {
        assert_eq!(daemon.post("/v1/preferences", &preference(prompt)).await.unwrap().status, 201);
    }
    let job = begin_with(&daemon, &json!({"kind": "bmc"})).await;
    let job = ended(&daemon, &job).await;
    let (base, candidate) = (live(&daemon).await, job["result"]["revision"].as_str().unwrap().to_owned());
    let (mut unanswered, mut stayed, mut switched) = (0, 0, 0);
    for moment in MOMENTS {
        let before = written(&sandbox);
        let asked = daemon.http().post(daemon.url(&format!("/v1/revisions/{candidate}/promote")));
        let promotion = tokio::spawn(asked.json(&json!({"force": true})).send());
        match moment {
            Moment::After(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Moment::Switch => {
                until(|| written(&sandbox) != before || promotion.is_finished(), "a switch").await
            }
        }
        daemon.kill().await.unwrap();
        let answer = promotion.await.unwrap().ok().map(|answer| answer.status().as_u16());
        daemon = sandbox.start().await.unwrap();
        let now = the_live_one(&daemon).await;
        assert!(now == base || now == candidate, "{moment:?}: {now}");
        assert!(answer != Some(200) || now == candidate, "{moment:?}: what was acknowledged is lost");
        unanswered += usize::from(answer.is_none());
        if now == base {
            stayed += 1;
        } else {
            switched += 1;
            let back =
                daemon.post("/v1/revisions/rollback", &json!({"expected_live": candidate})).await.unwrap();
            assert_eq!(back.status, 200, "{moment:?}: {}", back.body);
            assert_eq!(the_live_one(&daemon).await, base);
        }
    }
    eprintln!(
        "{} promotions were killed: {unanswered} unanswered, {stayed} not done, {switched} done",
        MOMENTS.len()
    );
    assert!(unanswered > 0 && stayed > 0, "they were killed too late to prove anything");
}

/// A program that runs `amend` after these lines of shell.
pub(crate) fn wrapped(lines: &str, args: &[&str]) -> (Sandbox, TempDir) {
    let folder = TempDir::new().unwrap();
    let script: PathBuf = folder.path().join("amend");
    fs::write(&script, format!("#!/bin/sh\n{lines}\nexec '{AMEND}' \"$@\"\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    (Sandbox::new(script, args).unwrap(), folder)
}

/// Lets no file of the daemon grow beyond this: what is written there fails as on a full disk.
async fn limit_files(daemon: &Daemon, bytes: &str) {
    let (pid, limit) = (daemon.pid().unwrap().to_string(), format!("--fsize={bytes}:"));
    let set = Command::new("prlimit")
        .args(["--pid", &pid, &limit])
        .output()
        .await
        .expect("util-linux is installed");
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
}

async fn log_of(daemon: &Daemon, id: &str) -> Vec<String> {
    let events = daemon.http().get(daemon.url(&format!("/v1/jobs/{id}/events"))).send().await.unwrap();
    let text = events.text().await.unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let items = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
    items.filter_map(|item| item["line"].as_str().map(str::to_owned)).collect()
}

/// The model is 7 MB, and a checkpoint of all its weights with the optimiser's state three times that.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_job_and_it_goes_on_from_its_last_checkpoint_when_there_is_room() {
    let mut args = vec!["--train-method", "full"];
    args.extend(TRAINING);
    *args.last_mut().unwrap() = "120";
    // The signal of a file that is too large ends a process that does not ignore it; a full disk sends none.
    let (sandbox, _script) = wrapped("trap '' XFSZ", &args);
    let daemon = sandbox.start().await.unwrap();
    for prompt in PHRASINGS {
        assert_eq!(daemon.post("/v1/preferences", &preference(prompt)).await.unwrap().status, 201);
    }
    let id = begin_with(&daemon, &json!({"kind": "bmc"})).await;
    let folder = sandbox.data_dir().join("jobs").join(&id);
    until(|| has_checkpoint(&folder), "a checkpoint").await;
    limit_files(&daemon, "12000000").await;
    let failed = ended(&daemon, &id).await;
    let reason = failed["reason"].as_str().unwrap_or_default();
    assert_eq!(failed["state"], "failed", "it was done before the disk was full: {failed}");
    assert!(reason.contains("File too large"), "{reason}");
    // The daemon goes on.
    the_live_one(&daemon).await;
    assert_eq!(daemon.post("/v1/preferences", &preference("Is it?")).await.unwrap().status, 201);
    let full = daemon.post(&format!("/v1/jobs/{id}/retry"), &json!({})).await.unwrap();
    assert_eq!((full.status, &full.body["state"]), (200, &json!("queued")), "{}", full.body);
    let failed = ended(&daemon, &id).await;
    assert_eq!(
        (&failed["state"], &failed["starts"]),
        (&json!("failed"), &json!(2)),
        "there is still no room: {failed}"
    );

    limit_files(&daemon, "unlimited").await;
    daemon.post(&format!("/v1/jobs/{id}/retry"), &json!({})).await.unwrap();
    let done = ended(&daemon, &id).await;
    assert_eq!((&done["state"], &done["starts"]), (&json!("done"), &json!(3)), "{done}");
    assert_eq!(done["result"]["steps"], 120);
    let log = log_of(&daemon, &id).await;
    let first_start = log.iter().position(|line| line == "it is tried again").unwrap();
    let again = &log[first_start..];
    assert!(again.iter().any(|line| line.starts_with("step 60 of 120")), "{log:?}");
    assert!(!again.iter().any(|line| line.starts_with("step 40 of 120")), "it began anew: {log:?}");
}
