//! The edit log from the outside: the commands, `kill -9` in the middle of an import, rollbacks that race, and tenants.

use crate::{
    AMEND,
    cli::{amend, code, err, out},
    sandbox,
};
use amend_server::cli::exit;
use amend_tests::Daemon;
use serde_json::{Value, json};
use std::{fmt::Write, process::Stdio};
use tokio::{io::AsyncWriteExt, process::Command};

#[tokio::test(flavor = "multi_thread")]
async fn edits_are_kept_in_versions_and_go_back() {
    let sandbox = sandbox(&[]);
    let daemon = sandbox.start().await.unwrap();
    let url = daemon.address();
    let file = sandbox.data_dir().join("facts.jsonl");
    let lines = "{\"id\":\"lyon\",\"text\":\"The capital of France is Lyon.\"}\n{\"txt\":\"wrong\"}\n\
        {\"id\":\"seville\",\"text\":\"The capital of Spain is Seville.\"}\n";
    std::fs::write(&file, lines).unwrap();
    let file = file.to_str().unwrap();
    let imported = amend(url, &["edit", "import", file]).await;
    assert_eq!(code(&imported), Some(exit::REFUSED));
    assert!(
        out(&imported).starts_with("2 added, 0 superseded, 0 unchanged, 1 refused"),
        "{}",
        out(&imported)
    );
    assert!(err(&imported).contains("line 2: txt is not a field"), "{}", err(&imported));
    assert_eq!(out(&amend(url, &["chat", "What is the capital of Spain?"]).await).trim(), "Seville");

    let before = daemon.get("/v1/edit-log").await.unwrap().body["data"].as_array().unwrap().len().to_string();
    let newer = ["edit", "supersede", "lyon", "The capital of France is Nice.", "--author", "ann"];
    assert_eq!(code(&amend(url, &newer).await), Some(exit::OK));
    amend(url, &["edit", "remove", "seville", "--reason", "a rumour"]).await;
    assert_eq!(out(&amend(url, &["chat", "What is the capital of France?"]).await).trim(), "Nice");
    let diff = out(&amend(url, &["edit", "diff", &before]).await);
    for line in
        ["- lyon  The capital of France is Lyon.", "+ lyon  The capital of France is Nice.", "- seville  "]
    {
        assert!(diff.contains(line), "{diff}");
    }
    let log = out(&amend(url, &["edit", "log"]).await);
    assert!(log.contains("by ann") && log.contains("because: a rumour"), "{log}");
    let back = out(&amend(url, &["edit", "rollback", &before]).await);
    assert!(back.contains("0 taken back, 2 restored"), "{back}");
    assert_eq!(out(&amend(url, &["chat", "What is the capital of France?"]).await).trim(), "Lyon");
    assert_eq!(out(&amend(url, &["chat", "What is the capital of Spain?"]).await).trim(), "Seville");
    let exported = out(&amend(url, &["edit", "export"]).await);
    assert_eq!(exported.lines().count(), 2);
    let again = amend(url, &["edit", "import", file, "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out(&again)).unwrap()["unchanged"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_set_is_imported_and_a_reader_that_leaves_is_no_failure() {
    let sandbox = sandbox(&[]);
    let daemon = sandbox.start().await.unwrap();
    let mut records = Vec::new();
    for n in 0..200 {
        records.push(
            json!({"subject": format!("Station {n}"), "src": format!("Which line serves Station {n}?"),
            "alt": format!("line {n}"), "answers": ["none"]}),
        );
    }
    records.insert(7, json!({"subject": "Station X", "src": "Which line serves Station X?"}));
    let file = sandbox.data_dir().join("zsre.json");
    std::fs::write(&file, Value::from(records).to_string()).unwrap();
    let imported = amend(daemon.address(), &["edit", "import", file.to_str().unwrap()]).await;
    assert_eq!(code(&imported), Some(exit::REFUSED));
    assert!(out(&imported).starts_with("200 added"), "{}", out(&imported));
    assert!(err(&imported).contains("record 7: "), "{}", err(&imported));
    let preview = amend(daemon.address(), &["edit", "preview", "Which line serves Station 150?"]).await;
    assert!(out(&preview).contains("line 150"), "{}", out(&preview));

    // `amend edit list | head -1`
    let mut list = Command::new(AMEND);
    list.args(["edit", "list"])
        .env("AMEND_URL", daemon.address())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut list = list.spawn().unwrap();
    drop(list.stdout.take());
    let output = list.wait_with_output().await.unwrap();
    assert_eq!((code(&output), err(&output)), (Some(exit::OK), String::new()));
}

/// Enough that the daemon is killed in the middle.
const EDITS: usize = 30_000;

fn lines() -> String {
    (0..EDITS).fold(String::new(), |mut lines, n| {
        writeln!(lines, "{{\"id\":\"e{n}\",\"text\":\"The price of Part{n} is {n} crowns.\"}}").unwrap();
        lines
    })
}

async fn entries(daemon: &Daemon) -> i64 {
    let answer = daemon.http().get(daemon.url("/v1/edits")).header("accept", "application/x-ndjson");
    answer.send().await.unwrap().headers()["x-amend-seq"].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_kill_9_ends_is_resumed_by_sending_it_again() {
    let sandbox = sandbox(&[]);
    let daemon = sandbox.start().await.unwrap();
    let (mut sender, receiver) = tokio::io::duplex(64 << 10);
    let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(receiver));
    let request = daemon.http().post(daemon.url("/v1/edits")).header("content-type", "application/x-ndjson");
    let importing = tokio::spawn(request.body(body).send());
    let text = lines();
    let (first, _) = text.split_at(text.len() / 2);
    sender.write_all(first.as_bytes()).await.unwrap();
    let mut polls = tokio::time::interval(std::time::Duration::from_millis(1));
    // The connection is kept by the import; others ask beside it.
    while daemon.metric("amend_edits_live").await.unwrap() < 2_000.0 {
        polls.tick().await;
    }
    daemon.kill().await.unwrap();
    assert!(importing.await.unwrap().is_err(), "nobody said that it is in");

    let daemon = sandbox.start().await.unwrap();
    let there = entries(&daemon).await;
    assert!((2_000..EDITS as i64).contains(&there), "{there}");
    let request = daemon.http().post(daemon.url("/v1/edits")).header("content-type", "application/x-ndjson");
    let report: Value = request.body(text).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (report["unchanged"].as_i64(), report["added"].as_i64()),
        (Some(there), Some(EDITS as i64 - there))
    );
    assert_eq!(daemon.ask("What is the price of Part29999?").await.map(drop).ok(), Some(()));
    let preview = json!({"query": "What is the price of Part29999?"});
    assert_eq!(daemon.post("/v1/edits/preview", &preview).await.unwrap().body["edits"][0]["id"], "e29999");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_rollbacks_that_race_the_later_one_stands() {
    let daemon = sandbox(&[]).start().await.unwrap();
    for n in 0..40 {
        daemon
            .post("/v1/edits", &json!({"id": format!("e{n}"), "text": format!("Part{n} costs {n}.")}))
            .await
            .unwrap();
    }
    let (ten, thirty) = (json!({"to": 10}), json!({"to": 30}));
    let path = "/v1/edit-log/rollback";
    let (a, b) = tokio::join!(daemon.post(path, &ten), daemon.post(path, &thirty));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.status, b.status), (200, 200));
    let count = daemon.metric("amend_edits_live").await.unwrap();
    let last = if a.body["through"].as_i64() > b.body["through"].as_i64() { 10.0 } else { 30.0 };
    assert_eq!(count, last, "{} {}", a.body, b.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_tenant_is_in_the_figures_or_the_log() {
    let sandbox = sandbox(&["--log", "debug", "--tenant", "acme", "--tenant", "beta"]);
    let daemon = sandbox.start().await.unwrap();
    let url = daemon.address();
    let fact = "The chief executive of Nordwind Freight is Zelda Quist.";
    let added = amend(url, &["edit", "add", "--tenant", "acme", "--id", "nordwind-ceo", fact]).await;
    assert_eq!(code(&added), Some(exit::OK), "{}", err(&added));
    let question = "Who is the chief executive of Nordwind Freight?";
    let seen = amend(url, &["chat", "--tenant", "acme", question]).await;
    assert!(err(&seen).contains("nordwind-ceo"), "{}", err(&seen));
    let unseen = amend(url, &["chat", "--tenant", "beta", question]).await;
    assert!(!err(&unseen).contains("nordwind-ceo") && !out(&unseen).contains("Quist"));
    assert_eq!(
        out(&amend(url, &["edit", "list", "--tenant", "beta"]).await).trim(),
        "no edits; add one with `amend edit add`"
    );
    let nobody = amend(url, &["edit", "list"]).await;
    assert_eq!(code(&nobody), Some(exit::REFUSED));
    assert!(err(&nobody).contains("the tenant `default` is not served here"), "{}", err(&nobody));
    let metrics = daemon.http().get(daemon.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let (_, log) = daemon.last_words().await.unwrap();
    assert!(log.contains("/v1/edits"), "requests are logged: {log}");
    for text in [&metrics, &log] {
        for secret in ["Quist", "Nordwind", "nordwind-ceo", "acme", "beta"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
