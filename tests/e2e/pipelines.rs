//! What the examples in `deploy/gates` run, run.

use crate::AMEND;
use amend_server::cli::exit;
use amend_tests::Daemon;
use serde_json::json;
use std::{path::Path, process::Output};

/// An example, in `deploy/gates`.
fn example(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/gates").join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines of a block (`key: |`, or a list below `key:`) after a line that begins so, without their indentation.
fn block<'a>(text: &'a str, after: &str, key: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with(after));
    let head = lines.find(|line| line.trim_start().starts_with(key)).unwrap_or_else(|| panic!("no {key}"));
    let deeper = |line: &&str| line.trim().is_empty() || indentation(line) > indentation(head);
    let found: Vec<&str> = lines.take_while(deeper).map(str::trim).collect();
    assert!(!found.is_empty(), "nothing below {key}");
    found
}

async fn shell(script: &str, folder: &Path) -> Output {
    let path = std::env::var("PATH").unwrap_or_default();
    tokio::process::Command::new("bash")
        .args(["-e", "-c", script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("STABLE", "atlas")
        .env("STABLE_MODEL", "atlas")
        .env("GITHUB_STEP_SUMMARY", folder.join("summary.md"))
        .output()
        .await
        .unwrap()
}

/// Runs the examples on a folder with a `model` that its gate stops, and, as the examples of Kubernetes do, on a daemon that
/// has it as this candidate.
pub(crate) async fn as_the_examples_say(folder: &Path, (daemon, candidate): (&Daemon, &str)) {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../eval/policies/atlas.toml");
    std::fs::copy(policy, folder.join("gate.toml")).unwrap();
    std::os::unix::fs::symlink(AMEND, folder.join("amend")).unwrap();
    let failed = Some(i32::from(exit::GATE_FAILED));

    let github = block(&example("github-actions.yml"), "- name: Gate", "run: |").join("\n");
    let said = shell(&github, folder).await;
    let out = String::from_utf8_lossy(&said.stdout);
    assert_eq!(said.status.code(), failed, "{out}{}", String::from_utf8_lossy(&said.stderr));
    assert!(out.contains("::error::the candidate may not ship"), "{out}");
    assert!(std::fs::read_to_string(folder.join("summary.md")).unwrap().contains("fail"));

    let gitlab = example("gitlab-ci.yml");
    let script: Vec<&str> =
        block(&gitlab, "gate:", "script:").into_iter().filter_map(|line| line.strip_prefix("- ")).collect();
    let said = shell(&script.join("\n"), folder).await;
    assert_eq!(said.status.code(), failed, "{}", String::from_utf8_lossy(&said.stderr));
    let allowed = gitlab.lines().find_map(|line| line.trim().strip_prefix("exit_codes: ")).unwrap();
    assert_eq!(allowed, exit::GATE_INCONCLUSIVE.to_string());
    let junit = gitlab.lines().find_map(|line| line.trim().strip_prefix("junit: ")).unwrap();
    assert!(std::fs::read_to_string(folder.join(junit)).unwrap().contains("<failure"));

    let job = example("argo-rollouts-job.yaml");
    let command = job.lines().find_map(|line| line.trim().strip_prefix("command: ")).unwrap();
    let command: Vec<String> = serde_json::from_str(command).unwrap();
    let args = block(&job, "command:", "args:").into_iter().filter_map(|line| line.strip_prefix("- "));
    let script = command.iter().map(String::as_str).chain(args.take_while(|arg| arg.starts_with("--")));
    let script = script.collect::<Vec<_>>().join(" ");
    let here = script
        .replace("{{args.canary}}", "./model")
        .replace("{{args.stable}}", "atlas")
        .replace("/policy/policy.toml", "gate.toml")
        .replace("/tmp/gate", "gate");
    let said = shell(&here, folder).await;
    assert_eq!(said.status.code(), failed, "{here}: {}", String::from_utf8_lossy(&said.stderr));

    let web = example("argo-rollouts-web.yaml");
    assert!(
        web.contains("reuse: true") && web.contains("{$.state}"),
        "the web example asks for something else"
    );
    let asked = daemon.post("/v1/gates", &json!({"candidate": candidate, "reuse": true})).await.unwrap();
    assert_eq!((asked.status, asked.body["state"].as_str()), (200, Some("fail")), "{}", asked.body);
    let condition = web.lines().find_map(|line| line.trim().strip_prefix("failureCondition: result in "));
    let failing: Vec<String> = serde_json::from_str(condition.unwrap()).unwrap();
    assert!(failing.iter().any(|state| state == "fail"));
}
