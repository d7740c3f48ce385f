//! [`GivesWay`]: a model that is asked while its job may run, and waits while it is paused.

use amend_proto::{ChatModel, ChatRequest, ChatStream, ModelError, ModelInfo, Priority};
use amend_trainer::bmc::Control;
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

/// How often it is looked whether a pause has ended.
const LOOK: Duration = Duration::from_millis(25);

/// A model that nobody but a job asks, beside the live one. While the job is paused no answer is begun; one that was begun
/// goes on to its end, which is near, since the suites' answers are short.
pub(super) struct GivesWay {
    model: Arc<dyn ChatModel>,
    control: Control,
}

impl GivesWay {
    pub(super) fn new(model: Arc<dyn ChatModel>, control: Control) -> Self {
        Self { model, control }
    }
}

#[async_trait]
impl ChatModel for GivesWay {
    fn info(&self) -> ModelInfo {
        self.model.info()
    }

    async fn stream(&self, mut request: ChatRequest) -> Result<ChatStream, ModelError> {
        request.priority = Priority::Background;
        while self.control.is_paused() {
            tokio::time::sleep(LOOK).await;
        }
        self.model.stream(request).await
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        self.model.count_tokens(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::{
        Message,
        testing::{ScriptedModel, conformance},
    };

    #[tokio::test]
    async fn conforms_around_a_model() {
        let model = GivesWay::new(Arc::new(ScriptedModel::echo()), Control::default());
        let conversations = vec![vec![Message::user("a b c")], vec![Message::user("d e")]];
        conformance::run(&model, &conformance::Questions { conversations }).await;
    }

    #[tokio::test]
    async fn nothing_is_begun_in_a_pause() {
        let control = Control::default();
        let model = GivesWay::new(Arc::new(ScriptedModel::echo()), control.clone());
        let ask = || ChatRequest::greedy(vec![Message::user("well then")]);
        control.pause();
        assert!(tokio::time::timeout(Duration::from_millis(60), model.stream(ask())).await.is_err());
        control.resume();
        assert_eq!(model.complete(ask()).await.unwrap().text, "well then");
    }
}
