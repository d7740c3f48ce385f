//! The rules behind the [`ChatModel`] trait.

use super::dialogue::Reader;
use crate::atlas::Atlas;
use amend_proto::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, Delta, ErrorKind, Finish, FinishReason, Logprobs, Message,
    ModelError, ModelId, ModelInfo, Prompt, Provenance, ResponseFormat, RevisionId, Role, Usage,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use std::sync::Arc;

/// The name that clients ask for.
const ORACLE_ID: &str = "atlas-oracle";

/// Most words of a prompt: bounds the work of one request.
pub(super) const CONTEXT_WORDS: usize = 8192;

/// A rule-based [`ChatModel`] that answers perfectly in the world of atlas. **An oracle, not a model**: see the module.
///
/// Its tokens are words with the blanks in front of them. Sampling settings other than `max_tokens` and `stop` change
/// nothing, since there is only one answer; log-probabilities, tools and JSON are refused.
#[derive(Debug, Clone)]
pub struct AtlasOracle {
    reader: Arc<Reader>,
    info: ModelInfo,
}

impl AtlasOracle {
    /// An oracle of this world.
    ///
    /// # Panics
    /// Never: its id is a constant, and a test builds it.
    #[must_use]
    pub fn new(atlas: &'static Atlas) -> Self {
        let info = ModelInfo {
            id: ModelId::new(ORACLE_ID).expect("the constant is an id"),
            revision: RevisionId::new(ORACLE_ID).expect("the constant is an id"),
            context_length: CONTEXT_WORDS,
            description: "an oracle, not a model: rules that answer perfectly in the small world of atlas, for tests and \
                          demonstrations"
                .to_owned(),
        };
        Self { reader: Arc::new(Reader::new(atlas)), info }
    }

    /// The whole answer to a dialogue.
    #[must_use]
    pub fn answer(&self, messages: &[Message]) -> String {
        self.reader.answer(messages)
    }
}

#[async_trait]
impl ChatModel for AtlasOracle {
    fn info(&self) -> ModelInfo {
        self.info.clone()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let messages = admit(&request)?;
        let prompt_words: usize = messages.iter().map(|m| words(&m.content).len()).sum();
        if prompt_words > CONTEXT_WORDS {
            let message =
                format!("the prompt has {prompt_words} words, this oracle reads at most {CONTEXT_WORDS}");
            return Err(ModelError::new(ErrorKind::ContextLength, message));
        }
        Ok(spoken(&self.info, prompt_words, &self.answer(&messages), &request))
    }
}

/// The stream of an answer that is known, word by word, as `stop` and `max_tokens` leave it.
pub(super) fn spoken(info: &ModelInfo, prompt_words: usize, text: &str, request: &ChatRequest) -> ChatStream {
    let text = until_stop(text.to_owned(), &request.sampling.stop);
    let pieces = words(&text);
    let most = request.sampling.max_tokens.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let reason = if pieces.len() > most { FinishReason::Length } else { FinishReason::Stop };
    let deltas: Vec<Delta> =
        pieces.into_iter().take(most).map(|text| Delta { text, ..Delta::default() }).collect();
    let usage = Usage { prompt_tokens: counted(prompt_words), completion_tokens: counted(deltas.len()) };
    let started = Provenance { model: info.id.clone(), revision: info.revision.clone(), edits: Vec::new() };
    let events = std::iter::once(ChatEvent::Started(started))
        .chain(deltas.into_iter().map(ChatEvent::Delta))
        .chain([ChatEvent::Finished(Finish { reason, usage })])
        .map(Ok);
    stream::iter(events.collect::<Vec<_>>()).boxed()
}

/// The dialogue of a request that the oracle can answer.
pub(super) fn admit(request: &ChatRequest) -> Result<Vec<Message>, ModelError> {
    if request.logprobs != Logprobs::Off {
        return Err(ModelError::unsupported(
            "logprobs",
            "an oracle has no probabilities; leave logprobs off",
        ));
    }
    if request.format != ResponseFormat::Text {
        return Err(ModelError::unsupported("response_format", "this oracle answers in text only"));
    }
    if !request.tools.is_empty() {
        return Err(ModelError::unsupported("tools", "this oracle calls no tools"));
    }
    let messages = match &request.prompt {
        Prompt::Chat(messages) => messages.clone(),
        Prompt::Text(text) => vec![Message::user(text)],
    };
    if !messages.iter().any(|m| m.role == Role::User) {
        return Err(ModelError::invalid("messages", "the conversation has no user message; add one"));
    }
    Ok(messages)
}

/// The text before the first stop text.
fn until_stop(mut text: String, stops: &[String]) -> String {
    let first =
        stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min();
    if let Some(at) = first {
        text.truncate(at);
    }
    text
}

/// Words, each with the blanks in front of it; blanks at the end stay with the last word.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        let starts_new = words.last().is_none_or(|last| !last.trim().is_empty());
        match words.last_mut() {
            Some(last) if !starts_new || piece.trim().is_empty() => last.push_str(piece),
            _ => words.push(piece.to_owned()),
        }
    }
    words
}

fn counted(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
