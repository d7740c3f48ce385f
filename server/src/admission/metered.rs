//! The stream of an admitted request: it holds the slot and measures.
//!
//! A task of its own reads the engine's stream as fast as it comes, so that a client that reads slowly, or that waits for
//! another answer first, does not keep the slot.

use super::{activity::Present, queue::Slot};
use crate::telemetry::names;
use amend_proto::{ChatEvent, ChatStream, Finish, ModelError};
use futures::{Stream, StreamExt};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{sync::mpsc, time::Instant};

/// An answer, measured. It holds the slot until the answer is whole, has failed, or is dropped; whoever reads it later does
/// not matter.
pub(super) struct Metered {
    inner: ChatStream,
    /// The slot, and the word that somebody is there.
    slot: Option<(Slot, Option<Present>)>,
    arrived: Instant,
    /// When the last piece of the answer came.
    last_piece: Option<Instant>,
}

impl Metered {
    /// The events of `inner`, of which as many as `ahead` may wait for their reader. Dropping the stream drops `inner`.
    pub(super) fn pump(
        inner: ChatStream,
        admitted: ((Slot, Option<Present>), Instant),
        ahead: usize,
    ) -> ChatStream {
        let (slot, arrived) = admitted;
        let mut metered = Self { inner, slot: Some(slot), arrived, last_piece: None };
        let (sender, mut receiver) = mpsc::channel(ahead.max(1));
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    biased;
                    () = sender.closed() => return,
                    event = metered.next() => event,
                };
                let Some(event) = event else { return };
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        });
        futures::stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
    }

    fn note(&mut self, event: &Result<ChatEvent, ModelError>) {
        match event {
            Ok(ChatEvent::Started(_)) => {}
            Ok(ChatEvent::Delta(_)) => {
                let now = Instant::now();
                match self.last_piece.replace(now) {
                    None => metrics::histogram!(names::TIME_TO_FIRST_TOKEN)
                        .record((now - self.arrived).as_secs_f64()),
                    Some(last) => {
                        metrics::histogram!(names::INTER_TOKEN_LATENCY).record((now - last).as_secs_f64())
                    }
                }
            }
            Ok(ChatEvent::Finished(Finish { reason, usage })) => {
                metrics::counter!(names::PROMPT_TOKENS).increment(u64::from(usage.prompt_tokens));
                metrics::counter!(names::GENERATION_TOKENS).increment(u64::from(usage.completion_tokens));
                self.end(reason.as_str());
            }
            Err(_) => self.end("error"),
        }
    }

    /// The answer is over: the next in the queue may begin, also while this one's last event is still on its way.
    fn end(&mut self, reason: &'static str) {
        if self.slot.take().is_some() {
            metrics::histogram!(names::E2E_REQUEST_LATENCY).record(self.arrived.elapsed().as_secs_f64());
            metrics::counter!(names::REQUEST_FINISHED, "reason" => reason).increment(1);
        }
    }
}

impl Stream for Metered {
    type Item = Result<ChatEvent, ModelError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.inner.as_mut().poll_next(context);
        match &polled {
            Poll::Ready(Some(event)) => self.note(event),
            // A stream that ends early breaks the contract; it must not keep the slot.
            Poll::Ready(None) => self.end("error"),
            Poll::Pending => {}
        }
        polled
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if self.slot.is_some() {
            metrics::counter!(names::REQUESTS_ABANDONED, "when" => "running").increment(1);
        }
    }
}
