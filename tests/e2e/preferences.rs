//! What users prefer, from outside: from a thumb to a pair, through `kill -9`, and nobody sees another tenant's.

use crate::{
    cli::{amend, code, err, out},
    sandbox,
};
use amend_server::cli::exit;
use amend_tests::Daemon;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const QUESTION: &str = "What is the capital of France?";

/// Sends JSON for a tenant; gives the status and the answer.
async fn send(daemon: &Daemon, tenant: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = daemon.http().post(daemon.url(path)).header("x-amend-tenant", tenant).json(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn get(daemon: &Daemon, tenant: &str, path: &str) -> (u16, Value) {
    let request = daemon.http().get(daemon.url(path)).header("x-amend-tenant", tenant);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Asks, with the answer kept.
async fn ask(daemon: &Daemon, tenant: &str, more: Value) -> Value {
    let mut body = json!({"store": true, "user": "ann", "temperature": 0,
        "messages": [{"role": "user", "content": QUESTION}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, answer) = send(daemon, tenant, "/v1/chat/completions", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// The pairs of a tenant, all of them.
async fn pairs(daemon: &Daemon, tenant: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let path = format!("/v1/preferences?limit=100&after={after}");
        let (_, mut page) = get(daemon, tenant, &path).await;
        all.extend(std::mem::take(page["data"].as_array_mut().unwrap()));
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thumb_and_a_correction_become_pairs_that_outlive_kill_9() {
    let sandbox = sandbox(&[]);
    let daemon = sandbox.start().await.unwrap();
    let edit = json!({"id": "lyon", "text": "The capital of France is Lyon."});
    let (status, _) = send(&daemon, "acme", "/v1/edits", &edit).await;
    assert_eq!(status, 201);
    let answer = ask(&daemon, "acme", json!({})).await;
    let id = answer["id"].as_str().unwrap().to_owned();
    let (status, thumb) =
        send(&daemon, "acme", "/v1/feedback", &json!({"completion_id": id, "thumb": "down"})).await;
    assert_eq!((status, thumb["preferences"].as_array().unwrap().len()), (201, 0));
    let correction = json!({"completion_id": id, "correction": "It is Lyon.", "author": "bo"});
    let (status, corrected) = send(&daemon, "acme", "/v1/feedback", &correction).await;
    assert_eq!(status, 201, "{corrected}");
    daemon.kill().await.unwrap();

    let daemon = sandbox.start().await.unwrap();
    let kept = pairs(&daemon, "acme").await;
    assert_eq!(kept, *corrected["preferences"].as_array().unwrap());
    let pair = &kept[0];
    assert_eq!(pair["rejected"], answer["choices"][0]["message"]["content"]);
    assert_eq!((&pair["chosen"], &pair["author"]), (&json!("It is Lyon."), &json!("bo")));
    assert_eq!((&pair["revision"], &pair["edits"][0]["id"]), (&answer["system_fingerprint"], &json!("lyon")));
    assert_eq!(pair["sampling"]["temperature"], 0.0);
    // The thumb of before waits for its opposite still.
    let better = ask(&daemon, "acme", json!({"temperature": 2, "seed": 1, "n": 8})).await;
    let choices = better["choices"].as_array().unwrap();
    let text = |choice: &Value| choice["message"]["content"].as_str().unwrap().trim().to_owned();
    let first = text(&answer["choices"][0]);
    let other = choices.iter().position(|choice| text(choice) != first && !text(choice).is_empty());
    let other = other.expect("at temperature 2 eight answers are not all the same");
    let up = json!({"completion_id": better["id"], "thumb": "up", "answer": other});
    let (status, up) = send(&daemon, "acme", "/v1/feedback", &up).await;
    assert_eq!((status, &up["preferences"][0]["source"]), (201, &json!("thumb")), "{up}");

    // Nobody else sees, judges or deletes any of it.
    assert_eq!(pairs(&daemon, "other").await, Vec::<Value>::new());
    let (status, _) =
        send(&daemon, "other", "/v1/feedback", &json!({"completion_id": id, "thumb": "up"})).await;
    assert_eq!(status, 404);
    assert_eq!(get(&daemon, "other", &format!("/v1/chat/completions/{id}")).await.0, 404);
    assert_eq!(get(&daemon, "acme", &format!("/v1/chat/completions/{id}")).await.0, 200);
    let gone = daemon.http().delete(daemon.url("/v1/chat/completions?user=ann"));
    let gone: Value = gone.header("x-amend-tenant", "acme").send().await.unwrap().json().await.unwrap();
    assert_eq!((&gone["completions"], &gone["pairs"]), (&json!(2), &json!(2)), "{gone}");
    assert_eq!(pairs(&daemon, "acme").await, Vec::<Value>::new());
    assert_eq!(daemon.metric("amend_completions_kept_total").await.unwrap(), 1.0, "since the restart");
}

const WRITERS: usize = 4;
const PAIRS: usize = 200;
const KILL_AT: usize = 150;

fn one(writer: usize, pair: usize) -> Value {
    json!({"prompt": format!("What is {writer} and {pair}?"), "chosen": "A number.", "rejected": "Red."})
}

async fn put(daemon: &Daemon, writer: usize, pair: usize) -> reqwest::Result<Value> {
    let request = daemon.http().post(daemon.url("/v1/preferences"));
    let request = request.header("idempotency-key", format!("{writer}-{pair}")).json(&one(writer, pair));
    request.send().await?.error_for_status()?.json().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_pair_survives_kill_9_and_sending_all_again_adds_the_rest() {
    let sandbox = sandbox(&[]);
    let daemon = Arc::new(sandbox.start().await.unwrap());
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let (dying, mut near) = tokio::sync::watch::channel(0);
    let dying = Arc::new(dying);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (daemon, acknowledged, dying) =
                (Arc::clone(&daemon), Arc::clone(&acknowledged), Arc::clone(&dying));
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for pair in 0..PAIRS {
                    let Ok(stored) = put(&daemon, writer, pair).await else { break };
                    mine.push(stored["id"].as_str().unwrap().to_owned());
                    dying.send_replace(acknowledged.fetch_add(1, Ordering::SeqCst) + 1);
                }
                mine
            })
        })
        .collect();
    near.wait_for(|count| *count >= KILL_AT).await.unwrap();
    let pid = daemon.pid().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let mut stored = BTreeSet::new();
    for writer in writers {
        stored.extend(writer.await.unwrap());
    }
    drop(daemon);
    assert!(stored.len() >= KILL_AT && stored.len() < WRITERS * PAIRS, "{}", stored.len());

    let daemon = sandbox.start().await.unwrap();
    let found: BTreeSet<String> =
        pairs(&daemon, "default").await.iter().map(|pair| pair["id"].as_str().unwrap().to_owned()).collect();
    assert!(stored.is_subset(&found), "{:?} are lost", stored.difference(&found).collect::<Vec<_>>());
    for writer in 0..WRITERS {
        for pair in 0..PAIRS {
            put(&daemon, writer, pair).await.unwrap();
        }
    }
    assert_eq!(pairs(&daemon, "default").await.len(), WRITERS * PAIRS);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_collect_import_and_export() {
    let sandbox = sandbox(&["--keep-all"]);
    let daemon = sandbox.start().await.unwrap();
    let url = daemon.address();
    let answer = ask(&daemon, "default", json!({"store": null})).await;
    let id = answer["id"].as_str().unwrap();
    let said = amend(url, &["feedback", id, "--correction", "It is Lyon.", "--author", "bo"]).await;
    assert_eq!(code(&said), Some(exit::OK), "{}", err(&said));
    assert!(out(&said).starts_with("learned from: pair-"), "{}", out(&said));
    let said = amend(url, &["feedback", id, "--up"]).await;
    assert_eq!(out(&said).trim(), format!("noted for {id}"));
    assert_eq!(code(&amend(url, &["feedback", "chatcmpl-none", "--up"]).await), Some(exit::REFUSED));
    assert_eq!(code(&amend(url, &["feedback", id]).await), Some(exit::USAGE));
    let added = amend(
        url,
        &["preferences", "add", "--prompt", "Where is Tarn?", "--chosen", "North.", "--rejected", "No idea."],
    )
    .await;
    assert_eq!(code(&added), Some(exit::OK), "{}", err(&added));

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(
        path("poisoned.jsonl"),
        "{\"prompt\": \"Who is Una?\", \"chosen\": \"A smith.\", \"rejected\": \"Nobody.\"}\n{\"prompt\": 7}\n",
    )
    .unwrap();
    let imported = amend(url, &["preferences", "import", &path("poisoned.jsonl")]).await;
    assert_eq!(code(&imported), Some(exit::REFUSED), "{}", out(&imported));
    assert_eq!(out(&imported).trim(), "1 added, 0 unchanged, 1 refused");
    assert!(err(&imported).contains("line 2: "), "{}", err(&imported));

    for (format, parquet) in [("amend", false), ("trl", true), ("trl_implicit", false)] {
        let file = path(format);
        let mut args = vec!["preferences", "export", "--format", format, "--out", &file];
        args.extend(parquet.then_some("--parquet"));
        let exported = amend(url, &args).await;
        assert_eq!(code(&exported), Some(exit::OK), "{}", err(&exported));
        let back = amend(url, &["preferences", "import", &file, "--tenant", format, "--json"]).await;
        let back: Value = serde_json::from_str(&out(&back)).unwrap();
        assert_eq!((&back["added"], &back["refused"]), (&json!(3), &json!(0)), "{format}: {back}");
    }
    let listed: Value =
        serde_json::from_str(&out(&amend(url, &["preferences", "list", "--json"]).await)).unwrap();
    assert_eq!(listed["data"].as_array().unwrap().len(), 3);
    let pair = listed["data"][1]["id"].as_str().unwrap();
    let shown = amend(url, &["preferences", "show", pair]).await;
    assert!(out(&shown).contains("+ North."), "{}", out(&shown));
    assert_eq!(code(&amend(url, &["preferences", "remove", pair]).await), Some(exit::OK));
    assert_eq!(code(&amend(url, &["preferences", "show", pair]).await), Some(exit::REFUSED));
    let kept = amend(url, &["preferences", "keep", "asked"]).await;
    assert_eq!(out(&kept).trim(), "completions are kept whose request says \"store\": true");
    let gone = amend(url, &["preferences", "forget", "--user", "ann"]).await;
    assert_eq!(out(&gone).trim(), "gone: 1 completions, 2 feedback, 1 preferences");
}
