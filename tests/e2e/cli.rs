//! The commands that are clients of a daemon: what they print, and the exit codes that scripts match.

use crate::{AMEND, sandbox};
use amend_server::cli::exit;
use serde_json::Value;
use std::process::Output;

pub(crate) async fn amend(url: &str, args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(AMEND);
    command.args(args).env("AMEND_URL", url).stdin(std::process::Stdio::null());
    command.output().await.expect("the program starts")
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8 output")
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8 output")
}

pub(crate) fn code(output: &Output) -> Option<u8> {
    output.status.code().and_then(|code| u8::try_from(code).ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_tour_work_from_end_to_end() {
    let daemon = sandbox(&[]).start().await.unwrap();
    let url = daemon.address();
    assert_eq!(out(&amend(url, &["chat", "What is the capital of France?"]).await).trim(), "Paris");

    let added = amend(url, &["edit", "add", "--id", "lyon", "The capital of France is Lyon."]).await;
    assert_eq!(code(&added), Some(exit::OK), "{}", err(&added));
    assert!(out(&added).starts_with("live: lyon"), "{}", out(&added));

    let asked = amend(url, &["chat", "What is the capital of France?"]).await;
    assert_eq!(out(&asked).trim(), "Lyon");
    assert!(err(&asked).contains("lyon"), "the applied edit is named: {}", err(&asked));
    let asked = amend(url, &["chat", "--json", "What is the capital of France?"]).await;
    let body: Value = serde_json::from_str(&out(&asked)).unwrap();
    assert_eq!(body["amend"]["edits"][0]["id"], "lyon");

    let listed: Value = serde_json::from_str(&out(&amend(url, &["edit", "list", "--json"]).await)).unwrap();
    assert_eq!(listed["data"][0]["text"], "The capital of France is Lyon.");
    let shown: Value =
        serde_json::from_str(&out(&amend(url, &["edit", "show", "lyon", "--json"]).await)).unwrap();
    assert_eq!(shown["id"], "lyon");
    let preview = amend(url, &["edit", "preview", "--json", "What is the capital of France?"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out(&preview)).unwrap()["decision"], "apply");

    let removed = amend(url, &["edit", "remove", "lyon"]).await;
    assert_eq!((code(&removed), out(&removed).trim()), (Some(exit::OK), "removed lyon"));
    let again = amend(url, &["edit", "remove", "lyon"]).await;
    assert_eq!(code(&again), Some(exit::REFUSED));
    assert!(err(&again).contains("lyon"), "{}", err(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_every_client_command_says_what_to_do() {
    // Port 9 (discard) is never served here.
    let url = "http://127.0.0.1:9";
    for args in [&["chat", "hello"][..], &["edit", "list"], &["edit", "add", "x"], &["edit", "show", "x"]] {
        let output = amend(url, args).await;
        assert_eq!(code(&output), Some(exit::NO_DAEMON), "{args:?}");
        assert!(err(&output).contains("amend serve"), "{args:?}: {}", err(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_is_a_usage_error() {
    for args in [&["nonsense"][..], &["edit"], &["serve", "--listen", "nowhere"], &["chat", "--json"]] {
        let output = amend("http://127.0.0.1:9", args).await;
        assert_eq!(code(&output), Some(exit::USAGE), "{args:?}: {}", err(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_data_folder_is_refused() {
    let sandbox = sandbox(&[]);
    let _daemon = sandbox.start().await.unwrap();
    let Err(second) = sandbox.start().await else { panic!("two daemons must not share a data folder") };
    assert!(format!("{second:#}").contains("in use"), "{second:#}");
}
