//! Which revision answers: one at a time, switched by one atomic pointer.
//!
//! A request takes the pointer once, when it is admitted, and finishes on what it took, whatever becomes live in the
//! meantime. Before the first revision is live every request is refused with
//! [`ErrorKind::NotReady`].

use crate::canary::{Arm, Canary, Counts, Watch, counts};
use amend_proto::{
    CanaryId, ChatModel, ChatRequest, ChatStream, ErrorKind, ModelError, ModelId, ModelInfo, RevisionId,
};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

/// How long a client waits before it asks a daemon again that is loading its model.
const LOADING_RETRY: Duration = Duration::from_secs(1);

/// The live revision, or none yet.
pub struct Registry {
    /// What [`info`](ChatModel::info) says until a revision is live.
    pending: ModelInfo,
    live: ArcSwapOption<Box<dyn ChatModel>>,
    canary: ArcSwapOption<Canary>,
}

impl Registry {
    /// A registry where nothing is live yet; `model` is the name that clients will ask for.
    ///
    /// # Panics
    /// Never: the built-in ids are valid.
    #[must_use]
    pub fn loading(model: ModelId) -> Self {
        let pending = ModelInfo {
            id: model,
            revision: RevisionId::new("loading").expect("a valid id"),
            context_length: 0,
            description: "the model is being loaded".to_owned(),
        };
        Self { pending, live: ArcSwapOption::empty(), canary: ArcSwapOption::empty() }
    }

    /// Makes this model live, and ends a canary. Requests under way finish on the one they began with, which is dropped after
    /// the last.
    pub fn switch(&self, model: Box<dyn ChatModel>) {
        self.live.store(Some(Arc::new(model)));
        self.end(self.canary.swap(None));
    }

    /// A candidate answers its share from now on.
    pub(crate) fn begin_canary(&self, canary: Canary) {
        self.end(self.canary.swap(Some(Arc::new(canary))));
    }

    /// The live revision answers everybody.
    pub(crate) fn end_canary(&self, id: &CanaryId) {
        let running = self.canary.load_full();
        if running.as_ref().is_some_and(|canary| canary.id == *id) {
            // Another one may have begun meanwhile: that one stays.
            self.canary.compare_and_swap(&running, None);
            self.end(running);
        }
    }

    /// What a canary that runs has counted.
    pub(crate) fn canary_counts(&self, id: &CanaryId) -> Option<Counts> {
        self.canary.load().as_ref().filter(|canary| canary.id == *id).map(|canary| canary.tally.counts())
    }

    fn end(&self, canary: Option<Arc<Canary>>) {
        if let Some(canary) = canary {
            canary.tally.end();
        }
    }

    /// Whether a revision is live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live.load().is_some()
    }
}

#[async_trait]
impl ChatModel for Registry {
    fn info(&self) -> ModelInfo {
        self.live.load_full().map_or_else(|| self.pending.clone(), |live| live.info())
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let Some(live) = self.live.load_full() else {
            let kind = ErrorKind::NotReady { retry_after: LOADING_RETRY };
            return Err(ModelError::new(kind, "the model is still being loaded; try again in a moment"));
        };
        let canary = self.canary.load_full().filter(|_| counts(&request));
        let Some(canary) = canary else { return live.stream(request).await };
        let (arm, model) = match canary.takes(&request) {
            true => (Arm::Candidate, &canary.model),
            false => (Arm::Live, &*live),
        };
        let watch = Watch::begin(&canary.tally, arm);
        match model.stream(request).await {
            Ok(answer) => Ok(watch.over(answer)),
            Err(error) => {
                watch.failed(&error);
                Err(error)
            }
        }
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        self.live.load_full()?.count_tokens(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::{
        Message,
        testing::{Script, ScriptedModel, conformance},
    };
    use futures::StreamExt;

    fn registry() -> Registry {
        Registry::loading(ModelId::new("m").unwrap())
    }

    fn ask() -> ChatRequest {
        ChatRequest::greedy(vec![Message::user("well then")])
    }

    #[tokio::test]
    async fn refuses_until_something_is_live() {
        let registry = registry();
        let error = registry.complete(ask()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotReady { .. }));
        registry.switch(Box::new(ScriptedModel::echo()));
        assert_eq!(registry.complete(ask()).await.unwrap().text, "well then");
    }

    #[tokio::test]
    async fn conforms_around_a_model() {
        let registry = registry();
        registry.switch(Box::new(ScriptedModel::echo()));
        let conversations = vec![vec![Message::user("a b c")], vec![Message::user("d e")]];
        conformance::run(&registry, &conformance::Questions { conversations }).await;
    }

    #[tokio::test]
    async fn a_request_finishes_where_it_began() {
        let (old, new) = (
            ScriptedModel::new(|_| Script::Hold("old".into())),
            ScriptedModel::new(|_| Script::Say("new".into())),
        );
        let registry = registry();
        registry.switch(Box::new(old.clone()));
        let mut first = registry.stream(ask()).await.unwrap();
        assert!(first.next().await.is_some());
        registry.switch(Box::new(new));
        assert_eq!(registry.complete(ask()).await.unwrap().text, "new");
        old.release(1);
        let rest: Vec<_> = first.collect().await;
        assert!(format!("{rest:?}").contains("old"), "{rest:?}");
    }
}
