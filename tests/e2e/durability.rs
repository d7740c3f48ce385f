//! `kill -9` while edits stream in: what was acknowledged is there, and nothing is there by halves.

use crate::sandbox;
use amend_tests::Daemon;
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Edits of one request: all of them are stored, or none.
const BATCH: usize = 5;
/// Requests in a row by each of the writers.
const BATCHES: usize = 50;
const WRITERS: usize = 4;
/// Acknowledged batches after which the daemon is killed, in each of the rounds.
const KILL_AT: [usize; 3] = [20, 77, 140];

fn id(writer: usize, batch: usize, part: usize) -> String {
    format!("w{writer}-b{batch}-p{part}")
}

/// Writes until done or until the daemon is gone; gives the batches that were acknowledged.
async fn write(daemon: Arc<Daemon>, writer: usize, acknowledged: Arc<AtomicUsize>) -> Vec<usize> {
    let mut mine = Vec::new();
    for batch in 0..BATCHES {
        let edits: Vec<_> = (0..BATCH)
            .map(|part| json!({"id": id(writer, batch, part), "text": format!("Fact {writer} {batch} {part} is true.")}))
            .collect();
        match daemon.post("/v1/edits", &json!({"edits": edits})).await {
            Ok(answer) if answer.status == 201 => {
                mine.push(batch);
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Ok(answer) => panic!("the daemon refused a good edit: {} {}", answer.status, answer.body),
            Err(_) => break,
        }
    }
    mine
}

async fn stored(daemon: &Daemon) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut after = String::new();
    loop {
        let page = daemon.get(&format!("/v1/edits?limit=100{after}")).await.unwrap().body;
        let ids: Vec<String> =
            page["data"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
        let Some(last) = ids.last() else { break };
        after = format!("&after={last}");
        all.extend(ids);
        if page["has_more"] == json!(false) {
            break;
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_edit_survives_kill_9_and_no_half_batch_does() {
    for kill_at in KILL_AT {
        let sandbox = sandbox(&[]);
        let daemon = Arc::new(sandbox.start().await.unwrap());
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(Arc::clone(&daemon), writer, Arc::clone(&acknowledged))))
            .collect();
        let mut polls = tokio::time::interval(std::time::Duration::from_millis(1));
        while acknowledged.load(Ordering::SeqCst) < kill_at {
            polls.tick().await;
        }
        let pid = daemon.pid().unwrap().to_string();
        assert!(tokio::process::Command::new("kill").args(["-9", &pid]).status().await.unwrap().success());
        let mut sure = Vec::new();
        for (writer, task) in writers.into_iter().enumerate() {
            sure.extend(task.await.unwrap().into_iter().map(|batch| (writer, batch)));
        }
        assert!(sure.len() < WRITERS * BATCHES, "the daemon was killed too late to prove anything");

        let daemon = sandbox.start().await.unwrap();
        let stored = stored(&daemon).await;
        for (writer, batch) in sure {
            for part in 0..BATCH {
                assert!(
                    stored.contains(&id(writer, batch, part)),
                    "{} was acknowledged",
                    id(writer, batch, part)
                );
            }
        }
        for writer in 0..WRITERS {
            for batch in 0..BATCHES {
                let parts = (0..BATCH).filter(|part| stored.contains(&id(writer, batch, *part))).count();
                assert!(parts == 0 || parts == BATCH, "batch {batch} of writer {writer} is there by halves");
            }
        }
    }
}
