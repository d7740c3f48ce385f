//! Suites and models for the tests of running, judging and reporting.

use super::RunOptions;
use crate::follow::{
    Category, Check, FollowSuite, GroupId, Item, Level, published::Edition, published::Rule,
};
use amend_proto::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, Delta, Finish, FinishReason, ModelError, ModelInfo,
    Provenance, Usage, testing::ScriptedModel,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// Five levels of one group, judged or decided by "contains `ok<level>`".
pub(crate) fn group(category: Category, name: &str, judged: bool) -> Vec<Item> {
    let item = |level: Level| Item {
        group: GroupId::new(category, name),
        category,
        level,
        path: (0..=level.get()).map(|added| format!("Task {category}/{name} with {added} added.")).collect(),
        check: if judged { Check::Judge } else { Check::Rule(rule(level)) },
    };
    Level::ALL.into_iter().map(item).collect()
}

fn rule(level: Level) -> Rule {
    let rule = Rule::of_source("self_made_space", &format!("ok{level}"), level, Edition::English);
    rule.unwrap().unwrap()
}

pub(crate) fn suite(groups: Vec<Vec<Item>>) -> Arc<FollowSuite> {
    let items = groups.into_iter().flatten().collect();
    Arc::new(FollowSuite { name: "tests".to_owned(), fingerprint: "0123456789abcdef".to_owned(), items })
}

/// One judged group and one that is decided by rule.
pub(crate) fn mixed_suite() -> Arc<FollowSuite> {
    suite(vec![group(Category::Style, "1", true), group(Category::Format, "1", false)])
}

/// No waiting between tries but what an endpoint asks for, and nothing is tried again.
pub(crate) fn options() -> RunOptions {
    RunOptions { retries: 0, ..RunOptions::default() }
}

/// A list of verdicts as judges write it.
pub(crate) fn list(verdicts: &[bool]) -> String {
    let words: Vec<&str> = verdicts.iter().map(|yes| if *yes { "'YES'" } else { "'NO'" }).collect();
    format!("Step by step.\n[{}]", words.join(", "))
}

/// How many constraints a judge is asked about.
pub(crate) fn asked_about(request: &ChatRequest) -> usize {
    let text = request.query().unwrap_or_default();
    text.split("list of exactly ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap()
}

type Says = dyn Fn(&ChatRequest) -> String + Send + Sync;

/// Says what a function says, taking its time, and counts how many ask at once.
#[derive(Clone)]
pub(crate) struct Timed {
    says: Arc<Says>,
    first: Duration,
    rest: Duration,
    changes_at: usize,
    calls: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Timed {
    pub(crate) fn new(
        (first, rest): (u64, u64),
        says: impl Fn(&ChatRequest) -> String + Send + Sync + 'static,
    ) -> Self {
        Self {
            says: Arc::new(says),
            first: Duration::from_millis(first),
            rest: Duration::from_millis(rest),
            changes_at: usize::MAX,
            calls: Arc::default(),
            running: Arc::default(),
            peak: Arc::default(),
        }
    }

    /// Another revision answers from this call on.
    pub(crate) fn changing_at(self, call: usize) -> Self {
        Self { changes_at: call, ..self }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ChatModel for Timed {
    fn info(&self) -> ModelInfo {
        ModelInfo { id: "timed".parse().unwrap(), ..ScriptedModel::echo().info() }
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        let running = Running(Arc::clone(&self.running));
        self.peak.fetch_max(now, Ordering::SeqCst);
        let ModelInfo { id, mut revision, .. } = self.info();
        if call >= self.changes_at {
            revision = "scripted-2".parse().unwrap();
        }
        let text = (self.says)(&request);
        let usage = Usage { prompt_tokens: 10, completion_tokens: 20 };
        let events = [
            (Duration::ZERO, ChatEvent::Started(Provenance { model: id, revision, edits: Vec::new() })),
            (self.first, ChatEvent::Delta(Delta { text, ..Delta::default() })),
            (self.rest, ChatEvent::Finished(Finish { reason: FinishReason::Stop, usage })),
        ];
        let after = move |(pause, event)| {
            let _held = &running;
            async move {
                sleep(pause).await;
                Ok(event)
            }
        };
        Ok(stream::iter(events).then(after).boxed())
    }
}
