//! The engine end to end, on a tiny model with random weights. Every pitfall of mistralrs 0.8.1 that could come back
//! has a test that would catch it.

mod answers;
mod constrained;
mod failures;
mod prompts;

use super::{DeviceChoice, EngineConfig, MistralEngine, ModelSource, testing::TinyModel};
use amend_proto::{ChatModel, ChatRequest, Completion, ErrorKind, Message, ModelError, Prompt, Sampling};
use std::{future::Future, time::Duration};

/// An engine and the folder that it was loaded from.
struct Served {
    engine: MistralEngine,
    folder: tempfile::TempDir,
}

async fn serve(model: TinyModel) -> Served {
    let folder = tempfile::tempdir().unwrap();
    model.write(folder.path());
    let engine = config(folder.path()).build().await.unwrap();
    Served { engine, folder }
}

fn config(folder: &std::path::Path) -> EngineConfig {
    EngineConfig { device: DeviceChoice::Cpu, ..EngineConfig::new(ModelSource::Folder(folder.to_owned())) }
}

fn ask(text: &str) -> ChatRequest {
    ChatRequest::greedy(vec![Message::user(text)])
}

fn sampled(text: &str, seed: u64) -> ChatRequest {
    let sampling =
        Sampling { seed: Some(seed), temperature: Some(1.0), max_tokens: Some(24), ..Sampling::default() };
    ChatRequest { sampling, ..ask(text) }
}

fn text_prompt(text: &str, max_tokens: u32) -> ChatRequest {
    let sampling = Sampling { max_tokens: Some(max_tokens), ..Sampling::greedy() };
    ChatRequest { sampling, ..ChatRequest::new(Prompt::Text(text.to_owned())) }
}

async fn complete(engine: &MistralEngine, request: ChatRequest) -> Completion {
    engine.complete(request).await.expect("the request is answered")
}

async fn refused(engine: &MistralEngine, request: ChatRequest) -> ModelError {
    engine.complete(request).await.expect_err("the request is refused")
}

fn invalid_at(param: &str) -> ErrorKind {
    ErrorKind::InvalidRequest { param: Some(param.to_owned()) }
}

/// Waits until it is so; the limit is for a broken build, not part of what is tested.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let wait = async {
        while !so() {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within(what, wait).await;
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("{what}: not within {limit:?}"))
}
