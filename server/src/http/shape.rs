//! The two shapes of a streamed answer: chat chunks and text completions.

use amend_proto::{
    Delta, FinishReason,
    wire::{
        AmendInfo, AnswerHead, ChatCompletionChunk, ChunkChoice, TextChoice, TextCompletion, TextLogprobs,
        TokenUsage,
    },
};
use serde::Serialize;

/// Which route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Text,
}

impl Shape {
    /// What the ids of its answers begin with.
    pub(super) fn id_prefix(self) -> &'static str {
        match self {
            Self::Chat => "chatcmpl-",
            Self::Text => "cmpl-",
        }
    }
}

/// How far one choice has come.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    calls: u32,
    chars: usize,
}

/// Writes the events of one answer.
pub(super) struct Writer {
    shape: Shape,
    head: AnswerHead,
    /// Whether chunks carry a `usage` that is `null`, as they do when the client asked for a chunk that tells it.
    usage: Option<Option<TokenUsage>>,
    progress: Vec<Progress>,
}

impl Writer {
    /// A writer for this many choices.
    pub(super) fn new(
        shape: Shape,
        head: AnswerHead,
        choices: usize,
        with_usage: Option<Option<TokenUsage>>,
    ) -> Self {
        Self { shape, head, usage: with_usage, progress: vec![Progress::default(); choices] }
    }

    /// The beginning of every choice: who speaks. Text completions have none.
    pub(super) fn start(&self, out: &mut Vec<u8>) {
        match self.shape {
            Shape::Chat => {
                (0..).zip(&self.progress).for_each(|(index, _)| self.chat(out, ChunkChoice::first(index)))
            }
            Shape::Text => {}
        }
    }

    /// A piece of choice `index`.
    pub(super) fn delta(&mut self, out: &mut Vec<u8>, index: u32, delta: Delta) {
        if delta.text.is_empty() && delta.logprobs.is_empty() && delta.tool_calls.is_empty() {
            return;
        }
        let Some(progress) = self.progress.get_mut(index as usize) else { return };
        let before = *progress;
        progress.calls =
            before.calls.saturating_add(u32::try_from(delta.tool_calls.len()).unwrap_or(u32::MAX));
        match self.shape {
            Shape::Chat => self.chat(out, ChunkChoice::further(index, delta, before.calls)),
            Shape::Text => {
                let Delta { text, logprobs, tool_calls: _ } = delta;
                progress.chars += text.chars().count();
                let logprobs = TextLogprobs::new(&logprobs, before.chars);
                self.text(out, TextChoice { index, text, logprobs, finish_reason: None }, None);
            }
        }
    }

    /// The end of choice `index`.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>, index: u32, reason: FinishReason, amend: AmendInfo) {
        match self.shape {
            Shape::Chat => {
                let chunk = ChatCompletionChunk::new(&self.head, Some(ChunkChoice::last(index, reason)));
                event(out, &ChatCompletionChunk { usage: self.usage, amend: Some(amend), ..chunk });
            }
            Shape::Text => {
                let choice =
                    TextChoice { index, text: String::new(), logprobs: None, finish_reason: Some(reason) };
                self.text(out, choice, Some(amend));
            }
        }
    }

    /// The token counts, when they were asked for.
    pub(super) fn usage(&self, out: &mut Vec<u8>, usage: TokenUsage, amend: AmendInfo) {
        if self.usage.is_none() {
            return;
        }
        let (usage, amend) = (Some(Some(usage)), Some(amend));
        match self.shape {
            Shape::Chat => {
                event(
                    out,
                    &ChatCompletionChunk { usage, amend, ..ChatCompletionChunk::new(&self.head, None) },
                );
            }
            Shape::Text => {
                event(out, &TextCompletion { usage, amend, ..TextCompletion::new(&self.head, Vec::new()) });
            }
        }
    }

    fn chat(&self, out: &mut Vec<u8>, choice: ChunkChoice) {
        let chunk = ChatCompletionChunk::new(&self.head, Some(choice));
        event(out, &ChatCompletionChunk { usage: self.usage, ..chunk });
    }

    fn text(&self, out: &mut Vec<u8>, choice: TextChoice, amend: Option<AmendInfo>) {
        let chunk = TextCompletion::new(&self.head, vec![choice]);
        event(out, &TextCompletion { usage: self.usage, amend, ..chunk });
    }
}

/// Appends one event.
pub(super) fn event(out: &mut Vec<u8>, data: &impl Serialize) {
    out.extend_from_slice(b"data: ");
    // Wire types have text keys and finite numbers only, and a vector takes every write: this cannot fail.
    let _ = serde_json::to_writer(&mut *out, data);
    out.extend_from_slice(b"\n\n");
}
