//! A [`ChatModel`] without a model: it answers from a function of the request.

use crate::{
    AppliedEdit, ChatEvent, ChatModel, ChatRequest, ChatStream, Delta, ErrorKind, Finish, FinishReason,
    ModelError, ModelId, ModelInfo, Prompt, Provenance, RevisionId, Usage,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Semaphore;

/// What a [`ScriptedModel`] does with one request.
#[derive(Debug, Clone)]
pub enum Script {
    /// Says this, a word at a time, and stops.
    Say(String),
    /// Says this, then fails as an engine does.
    FailAfter(String),
    /// Refuses with this kind of error before it starts.
    Refuse(ErrorKind),
    /// Starts, and says nothing until it is dropped or [`ScriptedModel::release`]d; then says this.
    Hold(String),
}

type Decide = dyn Fn(&ChatRequest) -> Script + Send + Sync;

/// A model whose answers a test writes. It counts what is running and records every request it saw.
#[derive(Clone)]
pub struct ScriptedModel {
    decide: Arc<Decide>,
    running: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<ChatRequest>>>,
    gate: Arc<Semaphore>,
    edits: Vec<AppliedEdit>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl ScriptedModel {
    /// A model that does with each request what `decide` says.
    pub fn new(decide: impl Fn(&ChatRequest) -> Script + Send + Sync + 'static) -> Self {
        Self {
            decide: Arc::new(decide),
            running: Arc::default(),
            seen: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            edits: Vec::new(),
        }
    }

    /// A model that repeats the last user message.
    #[must_use]
    pub fn echo() -> Self {
        Self::new(|request| Script::Say(request.query().unwrap_or_default().to_owned()))
    }

    /// The same, saying that these edits stand in front of every question.
    #[must_use]
    pub fn with_edits(self, edits: Vec<AppliedEdit>) -> Self {
        Self { edits, ..self }
    }

    /// How many answers are being streamed at this moment.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Every request so far, in order of arrival.
    ///
    /// # Panics
    /// When a test panicked while holding the record.
    #[must_use]
    pub fn seen(&self) -> Vec<ChatRequest> {
        self.seen.lock().expect("no test panics while recording").clone()
    }

    /// Lets `count` of the held answers go on.
    pub fn release(&self, count: usize) {
        self.gate.add_permits(count);
    }

    fn provenance(&self) -> Provenance {
        let info = self.info();
        Provenance { model: info.id, revision: info.revision, edits: self.edits.clone() }
    }
}

fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a valid id")
}

/// The words of a text, each with the white space that follows it: concatenated they are the text.
fn words(text: &str) -> Vec<String> {
    text.split_inclusive(char::is_whitespace).map(str::to_owned).collect()
}

/// Cuts at the first stop text and at `max_tokens` words, and says why it ended.
fn shape(text: &str, request: &ChatRequest) -> (Vec<String>, FinishReason) {
    let cut = request.sampling.stop.iter().filter_map(|stop| text.find(stop.as_str())).min();
    let mut words = words(&text[..cut.unwrap_or(text.len())]);
    match request.sampling.max_tokens.map(|max| max as usize) {
        Some(max) if words.len() > max => {
            words.truncate(max);
            (words, FinishReason::Length)
        }
        _ => (words, FinishReason::Stop),
    }
}

fn prompt_words(prompt: &Prompt) -> usize {
    match prompt {
        Prompt::Text(text) => words(text).len(),
        Prompt::Chat(messages) => messages.iter().map(|m| words(&m.content).len()).sum(),
    }
}

#[async_trait]
impl ChatModel for ScriptedModel {
    fn info(&self) -> ModelInfo {
        ModelInfo {
            id: id::<ModelId>("scripted"),
            revision: id::<RevisionId>("scripted-1"),
            context_length: 4096,
            description: "answers written by a test".to_owned(),
        }
    }

    /// Words.
    fn count_tokens(&self, text: &str) -> Option<usize> {
        Some(words(text).len())
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        self.seen.lock().expect("no test panics while recording").push(request.clone());
        if matches!(&request.prompt, Prompt::Chat(messages) if messages.is_empty()) {
            return Err(ModelError::invalid("messages", "messages must not be empty"));
        }
        let (text, fails, held) = match (self.decide)(&request) {
            Script::Say(text) => (text, false, false),
            Script::FailAfter(text) => (text, true, false),
            Script::Hold(text) => (text, false, true),
            Script::Refuse(kind) => return Err(ModelError::new(kind, "the script refuses this request")),
        };
        let (words, reason) = shape(&text, &request);
        let usage = Usage {
            prompt_tokens: u32::try_from(prompt_words(&request.prompt)).unwrap_or(u32::MAX),
            completion_tokens: u32::try_from(words.len()).unwrap_or(u32::MAX),
        };
        let mut events = vec![Ok(ChatEvent::Started(self.provenance()))];
        events.extend(words.into_iter().map(|text| Ok(ChatEvent::Delta(Delta { text, ..Delta::default() }))));
        events.push(match fails {
            true => Err(ModelError::engine("the script fails here")),
            false => Ok(ChatEvent::Finished(Finish { reason, usage })),
        });
        self.running.fetch_add(1, Ordering::SeqCst);
        let running = Running(Arc::clone(&self.running));
        let gate = Arc::clone(&self.gate);
        Ok(stream::iter(events)
            .enumerate()
            .then(move |(index, event)| {
                let _held = &running;
                let gate = (held && index == 1).then(|| Arc::clone(&gate));
                async move {
                    if let Some(gate) = gate {
                        gate.acquire().await.expect("the gate is never closed").forget();
                    }
                    event
                }
            })
            .boxed())
    }
}
