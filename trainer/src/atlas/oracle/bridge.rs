//! Mends an answer of atlas word by word: the modifier of preference pairs without a model.

use super::dialogue::{Reader, Understood};
use super::model::{CONTEXT_WORDS, admit, spoken, words};
use crate::atlas::{
    Atlas,
    phrasing::{Styles, apply},
};
use amend_proto::{
    ChatModel, ChatRequest, ChatStream, ErrorKind, Message, ModelError, ModelId, ModelInfo, RevisionId,
};
use async_trait::async_trait;
use serde::Deserialize;
use std::sync::Arc;

const BRIDGE_ID: &str = "atlas-bridge";

/// What it is sent: the user message is this object as JSON
/// ([`ORACLE_TEMPLATE`](crate::preference::bridge::ORACLE_TEMPLATE)).
#[derive(Debug, Deserialize)]
struct Task {
    prompt: Vec<Message>,
    rejected: String,
}

/// A rule-based [`ChatModel`] that rewrites a rejected answer of atlas so that it is right and otherwise stays as it is. **An
/// oracle, not a model.**
///
/// From the prompt it works out what answers and which form is asked for; in the rejected answer it finds the way of saying
/// it; it says the right thing in that way and that form. What else the rejected answer holds was not asked for and goes.
#[derive(Debug, Clone)]
pub struct AtlasBridge {
    reader: Arc<Reader>,
    styles: Styles<'static>,
    info: ModelInfo,
}

impl AtlasBridge {
    /// A modifier for this world.
    ///
    /// # Panics
    /// Never: its id is a constant, and a test builds it.
    #[must_use]
    pub fn new(atlas: &'static Atlas) -> Self {
        let info = ModelInfo {
            id: ModelId::new(BRIDGE_ID).expect("the constant is an id"),
            revision: RevisionId::new(BRIDGE_ID).expect("the constant is an id"),
            context_length: CONTEXT_WORDS,
            description: "an oracle, not a model: rules that mend answers in the small world of atlas"
                .to_owned(),
        };
        Self { reader: Arc::new(Reader::new(atlas)), styles: atlas.grammar.styles(), info }
    }

    /// The rejected answer to a prompt, mended.
    #[must_use]
    pub fn mend(&self, prompt: &[Message], rejected: &str) -> String {
        let Understood { answer, steps } = self.reader.understand(prompt);
        match answer {
            Some(answer) => apply(&steps, &self.styles.of(rejected).say(&answer)),
            None => self.reader.outside(),
        }
    }
}

#[async_trait]
impl ChatModel for AtlasBridge {
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
        let asked = request.query().unwrap_or_default();
        let task: Task = serde_json::from_str(asked).map_err(|e| {
            let message =
                format!("this oracle mends preference pairs that are sent as JSON by its own template: {e}");
            ModelError::invalid("messages", message)
        })?;
        let text = self.mend(&task.prompt, &task.rejected);
        Ok(spoken(&self.info, prompt_words, &text, &request))
    }
}
