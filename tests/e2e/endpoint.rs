//! Losing answers that another daemon rewrites, as any OpenAI-compatible endpoint would.

use crate::{
    cli::{amend, code, err},
    faults::wrapped,
    revisions::{begin_with, ended},
    sandbox,
};
use amend_server::cli::exit;
use serde_json::json;

const KEY: &str = "sk-what-nobody-may-see";

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_rewrites_losing_answers_and_its_key_is_seen_nowhere() {
    let other = sandbox(&[]).start().await.unwrap();
    let url = format!("{}/v1", other.address());
    let mut args = vec!["--train-bridging", "endpoint", "--train-bridging-url", &url];
    args.extend(["--train-bridging-model", "default", "--train-bridging-key-env", "E2E_KEY"]);
    args.extend(["--train-min-pairs", "1", "--train-max-steps", "1", "--log", "trace"]);
    let (sandbox, _script) = wrapped(&format!("E2E_KEY='{KEY}'; export E2E_KEY"), &args);
    let daemon = sandbox.start().await.unwrap();
    for prompt in ["What is the capital of France?", "What is the capital of Spain?"] {
        let pair = json!({"prompt": prompt, "chosen": "It is Lyon.", "rejected": "It is Paris."});
        assert_eq!(daemon.post("/v1/preferences", &pair).await.unwrap().status, 201);
    }
    let id = begin_with(&daemon, &json!({"kind": "bmc"})).await;
    let job = ended(&daemon, &id).await;
    assert_eq!(job["state"], "done", "{job}");
    let card = &job["result"]["bridging"];
    let pairs = card["pairs"].as_u64().unwrap();
    assert!(pairs > 0 && card["requests"] == pairs, "{card}");
    assert!(card["modifier"].as_str().unwrap().starts_with("default@endpoint:"), "{card}");
    assert_eq!(card["outcomes"].get("failed"), None, "{card}");
    assert!(other.metric("amend_generation_tokens_total").await.unwrap() > 0.0, "the other daemon answered");
    assert_eq!(job["config"]["endpoint"], json!({"url": url, "model": "default", "key_env": "E2E_KEY"}));
    let (_, said) = daemon.last_words().await.unwrap();
    assert!(said.contains("amend") && !said.contains(KEY) && !job.to_string().contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_without_its_key_or_its_name_is_refused_at_the_start() {
    let url = ["--train-bridging-url", "https://api.example/v1"];
    let mut args = vec!["serve", "--listen", "127.0.0.1:0", "--train-bridging", "endpoint"];
    let nobody = "http://127.0.0.1:9";
    let nameless = amend(nobody, &args).await;
    assert_eq!(code(&nameless), Some(exit::FAILURE));
    assert!(err(&nameless).contains("needs its address"), "{}", err(&nameless));
    args.extend(url);
    assert!(err(&amend(nobody, &args).await).contains("--train-bridging-model"));
    args.extend(["--train-bridging-model", "big", "--train-bridging-key-env", "E2E_NO_SUCH_KEY"]);
    let keyless = amend(nobody, &args).await;
    assert_eq!(code(&keyless), Some(exit::FAILURE));
    assert!(err(&keyless).contains("E2E_NO_SUCH_KEY"), "{}", err(&keyless));
}
