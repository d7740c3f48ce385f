//! An answer that is counted.

use super::tally::{Arm, Tally};
use crate::telemetry::names;
use amend_proto::{ChatEvent, ChatStream, ErrorKind, ModelError};
use futures::Stream;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// A stream that tells the tally how it ends. One that nobody waits for any more is not counted.
pub(crate) struct Observed {
    inner: ChatStream,
    watch: Option<Watch>,
}

/// Who is told, and since when.
pub(crate) struct Watch {
    tally: Arc<Tally>,
    arm: Arm,
    begun: Instant,
    first_token: Option<Duration>,
}

impl Watch {
    pub(crate) fn begin(tally: &Arc<Tally>, arm: Arm) -> Self {
        Self { tally: Arc::clone(tally), arm, begun: Instant::now(), first_token: None }
    }

    pub(crate) fn over(self, inner: ChatStream) -> ChatStream {
        Box::pin(Observed { inner, watch: Some(self) })
    }

    /// It failed; a failure that is the client's, or of a server that is busy, says nothing of the revision.
    pub(crate) fn failed(&self, error: &ModelError) {
        if matches!(error.kind(), ErrorKind::Engine | ErrorKind::Timeout) {
            self.broke_off();
        }
    }

    fn answered(&self) {
        self.count("answered");
        self.tally.answered(self.arm, self.first_token);
    }

    fn broke_off(&self) {
        self.count("failed");
        self.tally.failed(self.arm);
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!(names::CANARY_ANSWERS, "of" => self.arm.as_str(), "outcome" => outcome)
            .increment(1);
    }
}

impl Stream for Observed {
    type Item = Result<ChatEvent, ModelError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.inner.as_mut().poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(ChatEvent::Delta(_)))) => {
                if let Some(watch) = &mut self.watch {
                    let passed = watch.begun.elapsed();
                    watch.first_token.get_or_insert(passed);
                }
            }
            Poll::Ready(Some(Ok(ChatEvent::Finished(_)))) => {
                if let Some(watch) = self.watch.take() {
                    watch.answered();
                }
            }
            Poll::Ready(Some(Err(error))) => {
                if let Some(watch) = self.watch.take() {
                    watch.failed(error);
                }
            }
            // A stream that ends early breaks the contract.
            Poll::Ready(None) => {
                if let Some(watch) = self.watch.take() {
                    watch.broke_off();
                }
            }
            Poll::Ready(Some(Ok(ChatEvent::Started(_)))) | Poll::Pending => {}
        }
        polled
    }
}
