//! From drawn tokens to the events of an answer: text, log-probabilities, tool calls, and how it ends.

use super::{
    processor::Drawn,
    sampling::Scores,
    text::{Passed, Stops, Utf8},
    tools::{ToolPlan, ToolScanner},
    vocabulary::{ControlTokens, Vocabulary},
};
use amend_proto::{ChatEvent, Delta, Finish, FinishReason, TokenLogprob, Usage};
use std::collections::VecDeque;

/// What decides the shape of an answer.
pub(super) struct Shape<'a> {
    pub(super) stop: &'a [String],
    pub(super) tools: ToolPlan,
    pub(super) prompt_tokens: usize,
    pub(super) max_tokens: usize,
    pub(super) first_space: FirstSpace,
}

/// What becomes of a space at the very beginning of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstSpace {
    /// It is the tokenizer's way to begin a word, and no text.
    Dropped,
    /// It is text.
    Kept,
}

/// An answer while it comes.
pub(super) struct Answer {
    vocabulary: Vocabulary,
    control: ControlTokens,
    utf8: Utf8,
    stops: Stops,
    tools: ToolScanner,
    first_space: FirstSpace,
    /// Log-probabilities whose text is still held back, each with the place in the text where its token begins.
    scores: VecDeque<(usize, TokenLogprob)>,
    /// Bytes of text that went into the stop matcher, and that came out of the tool scanner.
    read: usize,
    written: usize,
    generated: usize,
    prompt_tokens: usize,
    max_tokens: usize,
    finished: bool,
}

impl Answer {
    pub(super) fn new(vocabulary: Vocabulary, shape: Shape<'_>) -> Self {
        let Shape { stop, tools, prompt_tokens, max_tokens, first_space } = shape;
        let control = if tools == ToolPlan::None { ControlTokens::Hidden } else { ControlTokens::Written };
        Self {
            vocabulary,
            control,
            utf8: Utf8::default(),
            stops: Stops::new(stop),
            tools: ToolScanner::new(tools),
            first_space,
            scores: VecDeque::new(),
            read: 0,
            written: 0,
            generated: 0,
            prompt_tokens,
            max_tokens,
            finished: false,
        }
    }

    /// Whether the last event was given.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Takes one step; gives the events that it makes.
    ///
    /// # Errors
    /// The reason, when the step failed.
    pub(super) fn push(&mut self, drawn: Drawn) -> Result<Vec<ChatEvent>, String> {
        let (token, scores, complete) = match drawn {
            _ if self.finished => return Ok(Vec::new()),
            Drawn::Failed(reason) => return Err(reason),
            Drawn::Token { token, scores, complete } => (token, scores, complete),
        };
        self.generated += 1;
        if self.vocabulary.is_end(token) {
            return Ok(self.end(End::Token));
        }
        if let Some(scores) = scores {
            let named = self.named(token, scores);
            self.scores.push_back((self.read, named));
        }
        let bytes = self.vocabulary.bytes(token, self.control);
        let mut piece = self.utf8.push(&bytes);
        if !piece.is_empty()
            && std::mem::replace(&mut self.first_space, FirstSpace::Kept) == FirstSpace::Dropped
        {
            piece = piece.strip_prefix(' ').map_or_else(|| piece.clone(), str::to_owned);
        }
        self.read += piece.len();
        let events = match self.stops.push(&piece) {
            Passed::Stopped(text) => return Ok(self.stop(text)),
            Passed::Text(text) => self.pass(text),
        };
        let mut events: Vec<ChatEvent> = events.into_iter().collect();
        if complete {
            events.extend(self.end(End::Token));
        } else if self.generated >= self.max_tokens {
            events.extend(self.end(End::Length));
        }
        Ok(events)
    }

    /// Text that no stop text can take back.
    fn pass(&mut self, text: String) -> Option<ChatEvent> {
        let text = self.tools.push(text);
        self.written += text.len();
        let mut logprobs = Vec::new();
        while let Some((_, scored)) = self.scores.pop_front_if(|(begin, _)| *begin < self.written) {
            logprobs.push(scored);
        }
        (!text.is_empty() || !logprobs.is_empty())
            .then(|| ChatEvent::Delta(Delta { text, logprobs, tool_calls: Vec::new() }))
    }

    /// A stop text came: what is before it is the answer, and what was drawn for the stop text is not in it.
    fn stop(&mut self, text: String) -> Vec<ChatEvent> {
        let mut events: Vec<ChatEvent> = self.pass(text).into_iter().collect();
        self.scores.clear();
        events.extend(self.finish(FinishReason::Stop));
        events
    }

    fn end(&mut self, end: End) -> Vec<ChatEvent> {
        let unfinished = self.utf8.finish();
        let mut rest = String::new();
        // A character that max_tokens cut in two was on its way to be whole: it is left out. One that the model itself
        // left unfinished is shown as what it is.
        if let (End::Token, Some(replacement)) = (end, unfinished) {
            match self.stops.push(replacement.encode_utf8(&mut [0; 4])) {
                Passed::Stopped(text) => return self.stop(text),
                Passed::Text(text) => rest = text,
            }
        }
        rest.push_str(&self.stops.finish());
        let mut events: Vec<ChatEvent> = self.pass(rest).into_iter().collect();
        events.extend(self.finish(match end {
            End::Token => FinishReason::Stop,
            End::Length => FinishReason::Length,
        }));
        events
    }

    fn finish(&mut self, reason: FinishReason) -> Vec<ChatEvent> {
        let (text, tool_calls) = self.tools.finish();
        let logprobs: Vec<TokenLogprob> = self.scores.drain(..).map(|(_, scored)| scored).collect();
        let reason = if tool_calls.is_empty() { reason } else { FinishReason::ToolCalls };
        let delta = Delta { text, logprobs, tool_calls };
        let count = |tokens: usize| u32::try_from(tokens).unwrap_or(u32::MAX);
        let usage =
            Usage { prompt_tokens: count(self.prompt_tokens), completion_tokens: count(self.generated) };
        self.finished = true;
        let last = (delta != Delta::default()).then_some(ChatEvent::Delta(delta));
        last.into_iter().chain([ChatEvent::Finished(Finish { reason, usage })]).collect()
    }

    fn named(&self, token: u32, scores: Scores) -> TokenLogprob {
        let one = |token: u32, logprob: f32| {
            let bytes = self.vocabulary.name(token);
            TokenLogprob {
                token: String::from_utf8_lossy(&bytes).into_owned(),
                bytes,
                logprob,
                top: Vec::new(),
            }
        };
        let top = scores.top.into_iter().map(|(token, logprob)| one(token, logprob)).collect();
        TokenLogprob { top, ..one(token, scores.logprob) }
    }
}

/// What ends an answer, other than a stop text.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The model's end token, or the last token that the grammar allows.
    Token,
    /// There is no room for more tokens.
    Length,
}
