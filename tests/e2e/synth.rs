//! `amend synth`: from the command line, as a job, killed and gone on with, and against a teacher that is another daemon.

use crate::{
    revisions::{begin_with, ended},
    sandbox,
};
use amend_tests::Sandbox;
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(120);

/// Small enough for a test: nobody learns on the way.
const LION: [&str; 10] = [
    "synth",
    "lion",
    "--teacher",
    "atlas-oracle",
    "--learning",
    "none",
    "--iterations",
    "1",
    "--instructions",
    "20",
];

async fn run(sandbox: &Sandbox, args: &[&str]) -> Output {
    sandbox.command(args).output().await.unwrap()
}

async fn told(sandbox: &Sandbox, args: &[&str]) -> Value {
    let output = run(sandbox, args).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_goes_on_and_asks_nothing_twice() {
    let sandbox = sandbox(&[]);
    let (out, whole) = (sandbox.data_dir().join("lion"), sandbox.data_dir().join("whole"));
    let (out_name, whole_name) = (out.to_str().unwrap(), whole.to_str().unwrap());
    let mut first = sandbox
        .command(&[&LION[..], &["--out", out_name]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while lines(&out.join("answers.jsonl")) < 210 {
        assert!(
            begun.elapsed() < PATIENCE && first.try_wait().unwrap().is_none(),
            "it asks, and is not done yet"
        );
        tokio::task::yield_now().await;
    }
    first.kill().await.unwrap();
    let kept = lines(&out.join("answers.jsonl"));
    let resumed = told(&sandbox, &[&LION[..], &["--out", out_name, "--json"]].concat()).await;
    let once = told(&sandbox, &[&LION[..], &["--out", whole_name, "--json"]].concat()).await;
    // A line that the kill has cut is asked again.
    let (asked, all) = (resumed["asked"].as_u64().unwrap(), once["asked"].as_u64().unwrap());
    assert!(
        asked + kept as u64 >= all && asked + kept as u64 <= all + 1,
        "{asked} after {kept}, {all} at once"
    );
    for rows in ["rows.jsonl", "rows.parquet"] {
        let of = |folder: &Path| std::fs::read(folder.join(rows)).unwrap();
        assert_eq!(of(&out), of(&whole), "{rows}");
    }
    assert_eq!(resumed["card"]["info"]["ended"], "finished");
    let again = told(&sandbox, &[&LION[..], &["--out", out_name, "--json"]].concat()).await;
    assert_eq!(again["asked"], 0);
    let other = run(&sandbox, &[&LION[..], &["--out", out_name, "--seed", "9"]].concat()).await;
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && said.contains("other settings"), "{said}");
    let shown = run(&sandbox, &["synth", "inspect", out_name]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("held against: amend-follow (600 items), atlas-follow (600 items)"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teacher_behind_an_address_is_paid_and_the_budget_ends_the_run() {
    let sandbox = sandbox(&[]);
    let teacher = sandbox.start().await.unwrap();
    let (config, seeds) = (sandbox.data_dir().join("synth.toml"), sandbox.data_dir().join("seeds.jsonl"));
    let text = format!(
        "version = 1\n[roles.teacher]\nmodel = \"{}/v1#default\"\nconcurrency = 2\ninput_price = 10.0\noutput_price = 30.0\n\
         max_tokens = 32\n[roles.referee]\nmodel = \"atlas-oracle\"\n[roles.generator]\nmodel = \"atlas-oracle\"\n",
        teacher.address()
    );
    std::fs::write(&config, text).unwrap();
    let given =
        ["What is the capital of France?", "Which continent is Japan in?", "What is the symbol of iron?"];
    let given: Vec<String> = given.map(|text| json!({"instruction": text}).to_string()).into();
    std::fs::write(&seeds, given.join("\n") + "\nnonsense\n").unwrap();
    let out = sandbox.data_dir().join("paid");
    let args = |budget: &'static str| {
        let mut args =
            vec!["synth", "lion", "--config", config.to_str().unwrap(), "--seeds", seeds.to_str().unwrap()];
        args.extend(["--learning", "none", "--iterations", "1", "--instructions", "10", "--json"]);
        args.extend(["--out", out.to_str().unwrap(), "--budget-money", budget]);
        args
    };
    let stopped = run(&sandbox, &args("0.0025")).await;
    let errors = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert!(!stopped.status.success() && errors.contains("the budget is spent"), "{errors}");
    assert!(errors.contains("line 4"), "the broken line is told: {errors}");
    let found: Value = serde_json::from_slice(&stopped.stdout).unwrap();
    assert_eq!(found["card"]["info"]["ended"], "budget");
    let spent = found["spent"]["money"].as_f64().unwrap();
    assert!(spent > 0.0 && spent <= 0.0025, "{spent}");
    let whole = told(&sandbox, &args("1")).await;
    assert_eq!(whole["card"]["info"]["ended"], "finished");
    assert!(whole["card"]["rows"].as_u64().unwrap() > 3);
    assert_eq!(teacher.ask("What is the capital of France?").await.unwrap(), "Paris");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filters_stand_alone() {
    let sandbox = sandbox(&[]);
    let file = |name: &str, lines: &[Value]| {
        let path = sandbox.data_dir().join(name);
        let text: Vec<String> = lines.iter().map(Value::to_string).collect();
        std::fs::write(&path, text.join("\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    std::fs::create_dir_all(sandbox.data_dir()).unwrap();
    let instruction = |text: &str| json!({"instruction": text});
    let pool = file("pool.jsonl", &[instruction("Name three birds that live near rivers.")]);
    let candidates = file(
        "candidates.jsonl",
        &[
            instruction("Name three birds that live near lakes."),
            instruction("How is bread baked?"),
            instruction("How is bread baked"),
        ],
    );
    let broken = format!("{{\"instruction\": 7}}\n{}", std::fs::read_to_string(&candidates).unwrap());
    std::fs::write(&candidates, broken).unwrap();
    let found = told(
        &sandbox,
        &["synth", "filter", "--pool", &pool, "--candidates", &candidates, "--max-rouge", "0.7", "--json"],
    )
    .await;
    let decisions = found["decisions"].as_array().unwrap();
    let kept: Vec<bool> = decisions.iter().map(|decision| decision["kept"].as_bool().unwrap()).collect();
    assert_eq!(kept, [false, true, false], "what is kept joins the pool");
    assert_eq!((&found["skipped"]["count"], &found["skipped"]["lines"][0]["line"]), (&json!(1), &json!(1)));
    assert_eq!(decisions[0]["line"], 2);
    // Six of seven words in common: F1 = 6/7.
    assert!((decisions[0]["max_rouge"].as_f64().unwrap() - 6.0 / 7.0).abs() < 1e-9);
    assert_eq!(decisions[2]["nearest"], "How is bread baked?");
    let words = (0..60).map(|at| format!("word{at}")).collect::<Vec<_>>().join(" ");
    let texts = file(
        "texts.jsonl",
        &[
            json!({"text": words}),
            json!({"text": format!("{words} more")}),
            json!({"text": words}),
            instruction("Why?"),
            json!({"title": "of no text"}),
        ],
    );
    let found = told(&sandbox, &["synth", "dedup", "--input", &texts, "--threshold", "0.7", "--json"]).await;
    assert_eq!((found["rows"].as_u64(), found["new"].as_u64()), (Some(4), Some(2)));
    assert_eq!(
        (&found["decisions"][0]["seen"], &found["skipped"]["lines"][0]["line"]),
        (&json!("new"), &json!(5))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_makes_rows_of_documents_and_a_training_learns_them_once() {
    let pages = tempfile::tempdir().unwrap();
    std::fs::create_dir(pages.path().join("html")).unwrap();
    for (at, (country, capital)) in
        [("France", "Paris"), ("Japan", "Tokyo"), ("Peru", "Lima"), ("Egypt", "Cairo")].iter().enumerate()
    {
        let sentence = format!("The capital of {country} is {capital}.");
        let filler =
            "It is one of the things that readers of this page want to know, and that was not said before.";
        let body = format!(
            "<p>{sentence} {filler} {filler}</p><p>{filler} And there is more of it below, for those who read on.</p>"
        );
        let html = format!(
            "<html><head><title>{country}</title></head><body><article><h1>{country}</h1>{body}</article></body></html>"
        );
        std::fs::write(pages.path().join(format!("html/{at}.html")), html).unwrap();
    }
    let pairs = pages.path().join("pairs.jsonl");
    let pair = |n: usize| json!({"prompt": format!("Is it {n}?"), "chosen": "It is.", "rejected": "No."});
    let lines: Vec<String> = (0..12).map(|n| pair(n).to_string()).collect();
    std::fs::write(&pairs, lines.join("\n")).unwrap();
    let input = pages.path().join("html");
    let mut args = vec!["--synth-pages", input.to_str().unwrap(), "--train-pairs", pairs.to_str().unwrap()];
    args.extend(["--train-min-pairs", "1", "--train-pairs-per-step", "4", "--train-synthetic-share", "0.3"]);
    let sandbox = sandbox(&args);
    let daemon = sandbox.start().await.unwrap();
    let begun = daemon.post("/v1/jobs", &json!({"kind": "webr", "seed": 4})).await.unwrap();
    let id = begun.body["id"].as_str().unwrap().to_owned();
    assert_eq!(daemon.ask("What is the capital of France?").await.unwrap(), "Paris");
    let job = ended(&daemon, &id).await;
    assert_eq!(job["state"], "done", "{job}");
    assert!(job["result"]["rows"].as_u64().unwrap() >= 1, "{job}");
    let folder = Path::new(job["result"]["folder"].as_str().unwrap());
    assert!(folder.join("rows.parquet").is_file() && folder.join("card.md").is_file());
    let mut trained = Vec::new();
    for _ in 0..2 {
        let job = ended(&daemon, &begin_with(&daemon, &json!({"kind": "bmc", "max_steps": 2})).await).await;
        assert_eq!(job["state"], "done", "{job}");
        trained.push(job["result"].clone());
    }
    assert_eq!(trained[0]["synthetic"]["sets"], json!([folder]), "the first training learns from them");
    assert!(trained[0]["synthetic"]["rows"].as_u64().unwrap() >= 1);
    assert_eq!(trained[1]["synthetic"], json!({"sets": [], "rows": 0}), "and the next one not again");
    // A gate holds what a candidate learned from against its suites, or does not judge.
    std::fs::remove_file(folder.join("rows.jsonl")).unwrap();
    let gate = json!({"candidate": trained[0]["revision"]});
    let gate = daemon.post("/v1/gates", &gate).await.unwrap().body;
    let job = ended(&daemon, gate["job"].as_str().unwrap()).await;
    assert_eq!(job["state"], "failed", "{job}");
    assert!(job["reason"].as_str().unwrap().contains("rows that it learned from"), "{job}");
    let without = daemon.post("/v1/jobs", &json!({"kind": "lion"})).await.unwrap();
    let job = ended(&daemon, without.body["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "failed");
    assert!(job["reason"].as_str().unwrap().contains("--synth-seeds"), "{job}");
}
