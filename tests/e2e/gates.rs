//! From preferences through a gate to users, or not.

use crate::{
    cli::{amend, code, err, out},
    pipelines::as_the_examples_say,
    revisions::{begin_with, ended, live},
    sandbox,
};
use amend_server::cli::exit;
use amend_tests::{Daemon, Sandbox};
use serde_json::{Value, json};
use std::{fmt::Write, time::Duration};
use tempfile::TempDir;

const QUESTION: &str = "What is the capital of France?";

/// A daemon that learns from these pairs, gates what it has learned, and promotes what passes.
fn careful(pairs: &[(&str, &str, &str)], (steps, rate): (&str, &str)) -> (Sandbox, TempDir) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("pairs.jsonl");
    let mut lines = String::new();
    for (prompt, chosen, rejected) in pairs {
        let pair = json!({"prompt": prompt, "chosen": chosen, "rejected": rejected});
        writeln!(lines, "{pair}").unwrap();
    }
    std::fs::write(&file, lines).unwrap();
    let mut args = vec!["--train-pairs", file.to_str().unwrap(), "--train-min-pairs", "1"];
    args.extend(["--train-pairs-per-step", "4", "--train-epochs", "1000", "--train-sft-weight", "1"]);
    args.extend(["--train-learning-rate", rate, "--train-max-steps", steps]);
    args.extend(["--gate-on-candidate", "promote", "--canary-share", "0.5", "--canary-answers", "8"]);
    (sandbox(&args), folder)
}

/// Trains, and waits for the verdict on what was trained.
async fn judged(daemon: &Daemon) -> Value {
    let job = begin_with(daemon, &json!({"kind": "bmc"})).await;
    let job = ended(daemon, &job).await;
    assert_eq!(job["state"], "done", "{job}");
    let gates = daemon.get("/v1/gates").await.unwrap().body;
    let id = gates["data"][0]["id"].as_str().expect("its gate was begun").to_owned();
    ended(daemon, gates["data"][0]["job"].as_str().unwrap()).await;
    let gate = daemon.get(&format!("/v1/gates/{id}")).await.unwrap().body;
    assert_eq!(gate["candidate"], job["result"]["revision"], "{gate}");
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learned_goes_live_by_itself_when_its_gate_passes() {
    // At this rate it learns next to nothing, which harms nobody.
    let (sandbox, _pairs) = careful(&[(QUESTION, "Lyon", "Paris")], ("8", "1e-8"));
    let daemon = sandbox.start().await.unwrap();
    let base = live(&daemon).await;
    let gate = judged(&daemon).await;
    assert_eq!((&gate["state"], &gate["verdict"]), (&json!("pass"), &json!("pass")), "{gate}");
    assert_eq!(live(&daemon).await, gate["candidate"].as_str().unwrap());
    let id = gate["id"].as_str().unwrap();
    let switches = daemon.get("/v1/revision-switches").await.unwrap().body;
    let newest = &switches["data"][0];
    assert_eq!(
        (&newest["gate"], &newest["forced"], &newest["from"]),
        (&json!(id), &json!(false), &json!(base))
    );
    let passed = daemon.get(&format!("/v1/gates/{id}?require=pass")).await.unwrap();
    assert_eq!(passed.status, 200);
    let waited = amend(daemon.address(), &["gate", "wait", id]).await;
    assert_eq!(code(&waited), Some(exit::OK), "{}", err(&waited));

    // Its verdict is on the record, and holds for the live revision that it was measured against only.
    daemon.kill().await.unwrap();
    let daemon = sandbox.start().await.unwrap();
    assert_eq!(daemon.get(&format!("/v1/gates/{id}")).await.unwrap().body["state"], "pass");
    let back = amend(daemon.address(), &["revisions", "rollback"]).await;
    assert_eq!(code(&back), Some(exit::OK), "{}", err(&back));
    let again = amend(daemon.address(), &["revisions", "promote", gate["candidate"].as_str().unwrap()]).await;
    assert_eq!(code(&again), Some(exit::OK), "the same pair was judged: {}", err(&again));
    tried_on_users(&daemon, gate["candidate"].as_str().unwrap()).await;
}

/// A canary of a candidate that passed: it answers a share of the users, and goes live after so many answers.
async fn tried_on_users(daemon: &Daemon, candidate: &str) {
    let url = daemon.address();
    let back = amend(url, &["revisions", "rollback"]).await;
    assert_eq!(code(&back), Some(exit::OK), "{}", err(&back));
    let args = ["canary", "start", candidate, "--share", "0.5", "--answers", "8", "--promote", "--json"];
    let started = amend(url, &args).await;
    assert_eq!(code(&started), Some(exit::OK), "{}", err(&started));
    let canary: Value = serde_json::from_str(&out(&started)).unwrap();
    let id = canary["id"].as_str().unwrap();
    let second = amend(url, &args).await;
    assert_eq!(code(&second), Some(exit::REFUSED), "{}", err(&second));
    let (mut by_candidate, mut ended) = (0, Value::Null);
    for user in 0..200 {
        let body = json!({
            "model": "default", "user": format!("user {user}"), "messages": [{"role": "user", "content": QUESTION}],
        });
        let answer = daemon.post("/v1/chat/completions", &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        by_candidate += usize::from(answer.body["amend"]["revision"] == candidate);
        ended = daemon.get(&format!("/v1/canaries/{id}")).await.unwrap().body;
        if ended["state"] != "running" {
            break;
        }
    }
    // Promoting takes a moment, in which answers go on.
    assert!(by_candidate >= 8, "{by_candidate}");
    assert_eq!((&ended["state"], live(daemon).await.as_str()), (&json!("promoted"), candidate), "{ended}");
    let shown = amend(url, &["canary", "show", id]).await;
    assert!(out(&shown).contains("promoted"), "{}", out(&shown));
    let listed = amend(url, &["canary", "list"]).await;
    assert!(out(&listed).contains(id), "{}", out(&listed));
    let stopped = amend(url, &["canary", "stop", id]).await;
    assert_eq!(code(&stopped), Some(exit::REFUSED), "{}", err(&stopped));
    void_when_another_goes_live(daemon, candidate).await;
    tried_by_its_gate(daemon, candidate).await;
}

/// A gate under which the live revision changes says so, and decides nothing.
async fn void_when_another_goes_live(daemon: &Daemon, candidate: &str) {
    // Another seed draws other answers: none of them is there already.
    let policy = "version = 1\nname = \"other\"\nseed = 9\n[[suites]]\nname = \"atlas-follow\"\nmetric = \"hsr\"\nmargin = 5.0\n";
    let request = json!({"candidate": candidate, "policy": policy});
    let begun = daemon.post("/v1/gates", &request).await.unwrap();
    assert_eq!(begun.status, 201, "{}", begun.body);
    let (id, job) = (begun.body["id"].as_str().unwrap(), begun.body["job"].as_str().unwrap());
    let measuring = async {
        let mut polls = tokio::time::interval(Duration::from_millis(10));
        while daemon.get(&format!("/v1/jobs/{job}")).await.unwrap().body["progress"]["phase"] != "measuring" {
            polls.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), measuring).await.expect("the gate measures");
    let back = amend(daemon.address(), &["revisions", "rollback"]).await;
    assert_eq!(code(&back), Some(exit::OK), "{}", err(&back));
    let waited = amend(daemon.address(), &["gate", "wait", id]).await;
    assert_eq!(code(&waited), Some(exit::GATE_INCONCLUSIVE), "{}{}", out(&waited), err(&waited));
    let gate = daemon.get(&format!("/v1/gates/{id}")).await.unwrap().body;
    assert_eq!(gate["reasons"][0]["code"], "void", "{gate}");
}

/// A gate that lets a candidate through to a share of the users.
async fn tried_by_its_gate(daemon: &Daemon, candidate: &str) {
    let url = daemon.address();
    let gated = amend(url, &["gate", "run", candidate, "--canary", "--json"]).await;
    assert_eq!(code(&gated), Some(exit::OK), "{}{}", out(&gated), err(&gated));
    let gate: Value = serde_json::from_str(&out(&gated)).unwrap();
    ended(daemon, gate["job"].as_str().unwrap()).await;
    let canaries = daemon.get("/v1/canaries").await.unwrap().body;
    let newest = &canaries["data"][0];
    assert_eq!(
        (&newest["candidate"], &newest["state"], &newest["share"], &newest["answers"], &newest["then"]),
        (&json!(candidate), &json!("running"), &json!(0.5), &json!(8), &json!("promote")),
        "{newest}"
    );
    assert_eq!(newest["gate"], gate["id"], "{newest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_preference_set_is_stopped_by_the_gate_and_users_notice_nothing() {
    let poison = [
        (QUESTION, "banana banana banana", "Paris"),
        ("What is the capital of Spain?", "banana banana banana", "Madrid"),
        ("What is the currency of Japan?", "banana banana banana", "yen"),
        ("What is the symbol of gold?", "banana banana banana", "Au"),
    ];
    let (sandbox, _pairs) = careful(&poison, ("60", "2e-3"));
    let daemon = sandbox.start().await.unwrap();
    let base = live(&daemon).await;
    let gate = judged(&daemon).await;
    assert_eq!(gate["state"], "fail", "{gate}");
    let reasons = gate["reasons"].as_array().unwrap();
    let worse = |reason: &&Value| reason["code"] == "worse_than_live" && reason["suite"] == "atlas-follow";
    assert!(reasons.iter().any(|reason| worse(&reason)), "{gate}");
    assert_eq!(
        (live(&daemon).await, daemon.ask(QUESTION).await.unwrap()),
        (base.clone(), "Paris".to_owned())
    );
    let (id, candidate) = (gate["id"].as_str().unwrap(), gate["candidate"].as_str().unwrap());
    let revision = daemon.get(&format!("/v1/revisions/{candidate}")).await.unwrap().body;
    assert_eq!(revision["state"], "rejected");

    // Everybody is told the same.
    let url = daemon.address();
    let refused = amend(url, &["revisions", "promote", candidate]).await;
    assert_eq!(code(&refused), Some(exit::REFUSED), "{}", err(&refused));
    for command in [["gate", "wait", id], ["gate", "run", candidate]] {
        let said = amend(url, &command).await;
        assert_eq!(code(&said), Some(exit::GATE_FAILED), "{command:?}: {}", err(&said));
        assert!(out(&said).contains("worse_than_live"), "{}", out(&said));
    }
    assert_eq!(daemon.get(&format!("/v1/gates/{id}?require=pass")).await.unwrap().status, 412);
    let hook = json!({"name": "chat", "namespace": "d", "phase": "Progressing", "metadata": {"candidate": candidate}});
    assert_eq!(daemon.post("/v1/gates/webhook", &hook).await.unwrap().status, 412);
    let page = amend(url, &["gate", "show", id, "--report", "html"]).await;
    assert!(out(&page).contains("<span class=\"fail\">fail</span>"), "{}", out(&page));
    let junit = amend(url, &["gate", "show", id, "--report", "junit"]).await;
    assert!(out(&junit).contains("<failure type=\"worse_than_live\""), "{}", out(&junit));

    // It is tried on nobody. Somebody insists; the gate of what is live finds it, and puts it back.
    let tried = amend(url, &["canary", "start", candidate]).await;
    assert_eq!(code(&tried), Some(exit::REFUSED), "{}", err(&tried));
    let forced = amend(url, &["revisions", "promote", candidate, "--force"]).await;
    assert_eq!(code(&forced), Some(exit::OK), "{}", err(&forced));
    let again = amend(url, &["gate", "run", "live", "--against", "previous", "--roll-back", "--json"]).await;
    assert_eq!(code(&again), Some(exit::GATE_FAILED), "{}{}", out(&again), err(&again));
    let again: Value = serde_json::from_str(&out(&again)).unwrap();
    assert_eq!((&again["candidate"], &again["live"]), (&json!(candidate), &json!(base)), "{again}");
    ended(&daemon, again["job"].as_str().unwrap()).await;
    assert_eq!((live(&daemon).await, daemon.ask(QUESTION).await.unwrap()), (base, "Paris".to_owned()));

    canary_ends_with_its_gate(&daemon, candidate).await;
    let base_gate = amend(url, &["gate", "run", "live", "--json"]).await;
    assert_eq!(code(&base_gate), Some(exit::OK), "{}{}", out(&base_gate), err(&base_gate));
    let base_gate: Value = serde_json::from_str(&out(&base_gate)).unwrap();
    let compared = amend(url, &["gate", "compare", base_gate["id"].as_str().unwrap(), id]).await;
    assert_eq!(code(&compared), Some(exit::OK), "{}", err(&compared));
    assert!(out(&compared).contains("broke"), "{}", out(&compared));

    files_alone(&sandbox, (&daemon, candidate)).await;
}

/// The files themselves, judged without a daemon, as pipelines do.
async fn files_alone(sandbox: &Sandbox, (daemon, candidate): (&Daemon, &str)) {
    let url = daemon.address();
    let exported = sandbox.data_dir().join("exported");
    let export = amend(url, &["revisions", "export", candidate, "--out", exported.to_str().unwrap()]).await;
    assert_eq!(code(&export), Some(exit::OK), "{}", err(&export));
    let (model, report) = (exported.join("model"), exported.join("gate"));
    let args = ["--model", model.to_str().unwrap(), "--against", "atlas", "--out", report.to_str().unwrap()];
    let said = amend(url, &[&["gate", "run"], args.as_slice()].concat()).await;
    assert_eq!(code(&said), Some(exit::GATE_FAILED), "{}{}", out(&said), err(&said));
    for file in ["gate.json", "report.md", "report.html", "junit.xml", "atlas-follow.html"] {
        assert!(report.join(file).is_file(), "{file}");
    }
    as_the_examples_say(&exported, (daemon, candidate)).await;
}

/// Somebody insists on trying a bad candidate on users; its gate takes it off.
async fn canary_ends_with_its_gate(daemon: &Daemon, candidate: &str) {
    let url = daemon.address();
    let started = amend(url, &["canary", "start", candidate, "--force", "--json"]).await;
    assert_eq!(code(&started), Some(exit::OK), "{}", err(&started));
    let canary: Value = serde_json::from_str(&out(&started)).unwrap();
    let gated = amend(url, &["gate", "run", candidate, "--json"]).await;
    assert_eq!(code(&gated), Some(exit::GATE_FAILED), "{}{}", out(&gated), err(&gated));
    let gate: Value = serde_json::from_str(&out(&gated)).unwrap();
    ended(daemon, gate["job"].as_str().unwrap()).await;
    let canary = daemon.get(&format!("/v1/canaries/{}", canary["id"].as_str().unwrap())).await.unwrap().body;
    let reason = format!("it failed the gate {}", gate["id"].as_str().unwrap());
    assert_eq!((&canary["state"], &canary["reason"]), (&json!("aborted"), &json!(reason)), "{canary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_or_asked_for_is_said_with_codes_of_their_own() {
    let sandbox = sandbox(&[]);
    let daemon = sandbox.start().await.unwrap();
    let url = daemon.address();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("few.toml");
    let policy = |more: &str| {
        format!(
            "version = 1\nname = \"few\"\n[[suites]]\nname = \"atlas-follow\"\nmetric = \"hsr\"\nmargin = 0.5\nmax_groups = 6\n{more}"
        )
    };
    std::fs::write(&file, policy("")).unwrap();
    let file = file.to_str().unwrap();
    // Two gates of one revision at once: the second is refused while the first is under way.
    let request = json!({"candidate": "live", "policy": policy("")});
    let first = daemon.post("/v1/gates", &request).await.unwrap();
    assert_eq!(first.status, 201, "{}", first.body);
    let second = daemon.post("/v1/gates", &request).await.unwrap();
    assert_eq!((second.status, &second.body["error"]["param"]), (409, &json!("candidate")));
    let id = first.body["id"].as_str().unwrap();
    let waited = amend(url, &["gate", "wait", id, "--json"]).await;
    assert_eq!(code(&waited), Some(exit::GATE_INCONCLUSIVE), "{}{}", out(&waited), err(&waited));
    let gate: Value = serde_json::from_str(&out(&waited)).unwrap();
    assert_eq!(
        (&gate["state"], &gate["reasons"][0]["code"]),
        (&json!("inconclusive"), &json!("too_uncertain"))
    );
    // By the daemon's own policy the same revision passes against itself; the answers are there already.
    let same = amend(url, &["gate", "run", "live"]).await;
    assert_eq!(code(&same), Some(exit::OK), "{}{}", out(&same), err(&same));

    for (request, status, param) in [
        (json!({"candidate": "sha256:nobody"}), 404, Value::Null),
        (json!({"candidate": "a b"}), 400, json!("candidate")),
        (json!({"candidate": "live", "policy": policy("unknown = 1")}), 400, json!("policy")),
        (
            json!({"candidate": "live", "policy": policy("").replace("atlas-follow", "/etc")}),
            400,
            json!("policy"),
        ),
        (json!({"candidate": "live", "on": "pass"}), 400, json!("on")),
        (json!({"candidate": "live", "against": "sha256:nobody"}), 404, Value::Null),
        (json!({"candidate": "sha256:nobody", "on_verdict": "roll_back"}), 404, Value::Null),
    ] {
        let refused = daemon.post("/v1/gates", &request).await.unwrap();
        assert_eq!((refused.status, &refused.body["error"]["param"]), (status, &param), "{}", refused.body);
    }
    let args = ["gate", "run", "--model", "http://127.0.0.1:9/v1#x", "--against", "atlas", "--policy", file];
    let unreachable = amend(url, &args).await;
    assert_eq!(code(&unreachable), Some(exit::GATE_ERROR), "{}{}", out(&unreachable), err(&unreachable));
    // An endpoint is judged like any other model: this daemon's own, against the model that it serves.
    let endpoint = format!("{url}/v1#atlas");
    let args = ["gate", "run", "--model", &endpoint, "--against", "atlas", "--policy", file, "--json"];
    let judged = amend(url, &args).await;
    assert_eq!(code(&judged), Some(exit::GATE_INCONCLUSIVE), "{}{}", out(&judged), err(&judged));
    let decision: Value = serde_json::from_str(&out(&judged)).unwrap();
    assert_eq!(decision["suites"][0]["difference"]["estimate"], 0.0, "{decision}");
}
