//! Answers as server-sent events.

use super::{
    Shared,
    ask::{self, Begun, Questions, going_down, too_slow},
    error::ApiError,
    events,
    lifecycle::Phase,
    preferences::{Keeper, Text},
    shape::{Shape, Writer, event},
};
use crate::telemetry::http_names;
use amend_proto::{
    ChatEvent, Finish, FinishReason, ModelError, Provenance, RequestId,
    wire::{AmendInfo, AnswerHead, DONE, Delivery, TokenUsage, UnknownFields},
};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{
    FutureExt, Stream, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream, SelectAll},
};
use http::HeaderMap;
use std::{convert::Infallible, panic::AssertUnwindSafe, pin::Pin};
use tokio::time::{Instant, Interval, Sleep, interval_at};

/// Begins the answer: the response's head goes out when every choice has begun.
pub(super) async fn answer(
    shared: &Shared,
    mut questions: Questions,
    shape: Shape,
    keeper: Option<Keeper>,
) -> Result<Response, ApiError> {
    let id = questions.requests.first().map_or_else(RequestId::fresh, |request| request.id.clone());
    let begun = questions.begin(shared).await?;
    let by: Vec<Provenance> = begun.iter().map(|begun| begun.provenance.clone()).collect();
    let Some((first, amend)) = by.first().zip(ask::merge(&by, &questions.unknown_fields)) else {
        return Err(ModelError::engine("no answer was asked for").into());
    };
    let head = AnswerHead::new(shape.id_prefix(), super::unix_seconds(), first);
    let mut headers = HeaderMap::new();
    events::mark(&mut headers);
    ask::add_headers(&mut headers, &amend);
    let usage = match questions.delivery {
        Delivery::StreamWithUsage => Some(None),
        Delivery::Stream | Delivery::Whole => None,
    };
    let answer = Answer {
        id,
        keeping: keeper.map(|keeper| Keeping::new(keeper, &head, by.len())),
        kept: None,
        writer: Writer::new(shape, head, by.len(), usage),
        events: merge(begun),
        by,
        amend,
        unknown_fields: questions.unknown_fields,
        per_prompt: questions.per_prompt,
        usage: TokenUsage::default(),
        open: 0,
        deadline: Box::pin(tokio::time::sleep_until(questions.deadline)),
        ping: interval_at(
            Instant::now() + shared.state.limits.ping_interval,
            shared.state.limits.ping_interval,
        ),
        cut: {
            let life = shared.state.lifecycle.clone();
            async move { life.reached(Phase::Cutting).await }.boxed()
        },
    };
    Ok((headers, Body::from_stream(answer.frames())).into_response())
}

type Event = (u32, Result<ChatEvent, ModelError>);

/// The choices' events as they come, each with its index.
fn merge(begun: Vec<Begun>) -> SelectAll<BoxStream<'static, Event>> {
    let tag = |(index, Begun { provenance: _, events })| {
        // A panic here would tear the connection down without a word; it becomes an error event instead.
        let guarded = AssertUnwindSafe(events).catch_unwind().map(move |event| match event {
            Ok(event) => (index, event),
            Err(_) => (index, Err(ModelError::engine("the model's stream panicked"))),
        });
        guarded.boxed()
    };
    stream::select_all((0..).zip(begun).map(tag))
}

/// What happens next on a stream.
enum Step {
    Event(Option<Event>),
    Cut,
    Late,
    Silent,
}

struct Answer {
    id: RequestId,
    /// What is to be kept.
    keeping: Option<Box<Keeping>>,
    /// Whether it was.
    kept: Option<bool>,
    writer: Writer,
    events: SelectAll<BoxStream<'static, Event>>,
    /// Of each choice.
    by: Vec<Provenance>,
    /// Of all choices together.
    amend: AmendInfo,
    unknown_fields: UnknownFields,
    per_prompt: u32,
    usage: TokenUsage,
    /// How many choices have not finished.
    open: usize,
    deadline: Pin<Box<Sleep>>,
    ping: Interval,
    cut: BoxFuture<'static, ()>,
}

/// What is kept of an answer, while it comes.
struct Keeping {
    keeper: Keeper,
    head: AnswerHead,
    answers: Vec<Text>,
    usage: TokenUsage,
}

impl Keeping {
    fn new(keeper: Keeper, head: &AnswerHead, choices: usize) -> Box<Self> {
        let none = Text { text: String::new(), reason: FinishReason::Stop };
        let answers = vec![none; choices];
        Box::new(Self { keeper, head: head.clone(), answers, usage: TokenUsage::default() })
    }
}

/// Whether more follows.
enum Next {
    More(Box<Answer>),
    End,
}

impl Answer {
    /// The bytes of the body. Dropping them drops the model's streams, which cancels the generation.
    fn frames(mut self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        self.open = self.by.len();
        let mut first = Vec::new();
        self.writer.start(&mut first);
        let first = (!first.is_empty()).then(|| Ok(Bytes::from(first)));
        let rest = stream::unfold(Next::More(Box::new(self)), |next| async move {
            match next {
                Next::More(answer) => answer.frame().await.map(|(bytes, next)| (Ok(bytes), next)),
                Next::End => None,
            }
        });
        stream::iter(first).chain(rest)
    }

    async fn frame(mut self: Box<Self>) -> Option<(Bytes, Next)> {
        let mut out = Vec::with_capacity(256);
        // An event may say nothing, and an empty frame would be a waste.
        while out.is_empty() {
            let ended = match self.step().await {
                Step::Event(Some((index, Ok(event)))) => {
                    self.keep(index, &event).await;
                    self.write(&mut out, index, event)
                }
                Step::Event(Some((_, Err(error)))) => self.fail(&mut out, error),
                Step::Event(None) => {
                    self.fail(&mut out, ModelError::engine("a stream ended without a finish event"))
                }
                Step::Cut => self.fail(&mut out, going_down()),
                Step::Late => self.fail(&mut out, too_slow()),
                Step::Silent => {
                    out.extend_from_slice(b": ping\n\n");
                    false
                }
            };
            if ended {
                return Some((out.into(), Next::End));
            }
        }
        self.ping.reset();
        Some((out.into(), Next::More(self)))
    }

    async fn step(&mut self) -> Step {
        tokio::select! {
            biased;
            () = &mut self.cut => Step::Cut,
            () = self.deadline.as_mut() => Step::Late,
            event = self.events.next() => Step::Event(event),
            _ = self.ping.tick() => Step::Silent,
        }
    }

    /// Gathers what is to be kept; when the last choice ends it is kept, so that feedback finds it from the last event
    /// on.
    async fn keep(&mut self, index: u32, event: &ChatEvent) {
        let Some(keeping) = &mut self.keeping else { return };
        let Some(answer) = keeping.answers.get_mut(index as usize) else { return };
        match event {
            ChatEvent::Started(_) => {}
            ChatEvent::Delta(delta) => answer.text.push_str(&delta.text),
            ChatEvent::Finished(Finish { reason, usage }) => {
                answer.reason = *reason;
                keeping.usage.add(index, self.per_prompt, *usage);
                if self.open > 1 {
                    return;
                }
                if let (Some(keeping), Some(by)) = (self.keeping.take(), ask::merged(&self.by)) {
                    let Keeping { keeper, head, answers, usage } = *keeping;
                    let kept = keeper.keep(&head, by, answers, usage).await;
                    self.kept = Some(kept);
                    self.amend.kept = Some(kept);
                }
            }
        }
    }

    /// Returns whether the answer is whole.
    fn write(&mut self, out: &mut Vec<u8>, index: u32, event: ChatEvent) -> bool {
        match event {
            ChatEvent::Started(_) => self.fail(out, ModelError::engine("a stream started twice")),
            ChatEvent::Delta(delta) => {
                self.writer.delta(out, index, delta);
                false
            }
            ChatEvent::Finished(Finish { reason, usage }) => {
                let Some(by) = self.by.get(index as usize) else { return false };
                let names = self.unknown_fields.names().to_vec();
                let amend = AmendInfo { kept: self.kept, ..AmendInfo::new(by.clone(), names) };
                self.writer.finish(out, index, reason, amend);
                self.usage.add(index, self.per_prompt, usage);
                self.open = self.open.saturating_sub(1);
                if self.open > 0 {
                    return false;
                }
                self.writer.usage(out, self.usage, self.amend.clone());
                out.extend_from_slice(format!("data: {DONE}\n\n").as_bytes());
                true
            }
        }
    }

    /// Ends the stream with an error event.
    fn fail(&self, out: &mut Vec<u8>, error: ModelError) -> bool {
        let (body, failure) = ApiError::from(error).into_event();
        tracing::error!(id = %self.id, code = ?failure.code, causes = failure.causes, "a stream failed");
        let code = serde_json::to_value(failure.code).ok().and_then(|code| code.as_str().map(str::to_owned));
        metrics::counter!(http_names::HTTP_STREAM_ERRORS, "code" => code.unwrap_or_default()).increment(1);
        event(out, &body);
        true
    }
}
