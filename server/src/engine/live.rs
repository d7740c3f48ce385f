//! An answer on its way from the engine to whoever asked.

use super::{
    answer::Answer,
    model::count_failure,
    processor::Drawn,
    running::{Running, failure},
};
use amend_proto::{ChatEvent, ChatStream, ModelError};
use futures::{StreamExt, stream};
use mistralrs::Response;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};

/// An answer on its way. Dropping it closes the engine's channel, and with its next token the engine lets go.
pub(super) struct Live {
    /// Keeps the engine from ending under this answer.
    _running: Arc<Running>,
    /// The engine's own responses: the clock, and its word on failures. `None` once the answer is over.
    responses: Option<Receiver<Response>>,
    drawn: UnboundedReceiver<Drawn>,
    answer: Answer,
    ready: VecDeque<Result<ChatEvent, ModelError>>,
}

impl Live {
    pub(super) fn new(
        running: Arc<Running>,
        responses: Receiver<Response>,
        drawn: UnboundedReceiver<Drawn>,
        answer: Answer,
    ) -> Self {
        Self { _running: running, responses: Some(responses), drawn, answer, ready: VecDeque::new() }
    }

    /// The events, `started` first.
    pub(super) fn stream(mut self, started: ChatEvent) -> ChatStream {
        self.ready.push_back(Ok(started));
        stream::unfold(self, |mut live| async move { live.next().await.map(|event| (event, live)) }).boxed()
    }

    async fn next(&mut self) -> Option<Result<ChatEvent, ModelError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let response = self.responses.as_mut()?.recv().await;
            // Every token is reported before the engine responds to it, so nothing is missing here, whatever ended.
            while let Ok(drawn) = self.drawn.try_recv() {
                match self.answer.push(drawn) {
                    Ok(events) => self.ready.extend(events.into_iter().map(Ok)),
                    Err(reason) => self.fail(&reason),
                }
            }
            if self.answer.is_finished() {
                self.responses = None;
                continue;
            }
            match response.as_ref().map(failure) {
                Some(None) => {}
                Some(Some(reason)) => self.fail(&reason),
                None => self.fail("the engine ended the answer before it was whole"),
            }
        }
    }

    fn fail(&mut self, reason: &str) {
        if self.responses.take().is_some() {
            count_failure();
            self.ready.push_back(Err(ModelError::engine(reason)));
        }
    }
}
