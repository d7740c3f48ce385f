//! Who rewrites, how often it is tried again, and what comes back.

use super::prompt::BridgeTemplate;
use crate::atlas::{Atlas, oracle::AtlasBridge};
use crate::digest;
use crate::preference::pair::Pair;
use crate::retries::{Pause, Retries, may_pass, refusal};
use amend_proto::{ChatModel, ChatRequest, FinishReason, Message, ModelError, Priority};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who rewrites rejected answers, and how it is asked.
#[derive(Clone)]
pub struct Modifier {
    /// The model: a remote endpoint, the live model, an oracle. It is asked greedily, as a background request.
    pub model: Arc<dyn ChatModel>,
    /// What it is asked.
    pub template: BridgeTemplate,
    /// Requests at a time, at least one.
    pub concurrency: usize,
    /// Tokens of an answer at most.
    pub max_tokens: u32,
    /// When it fails for now.
    pub retries: Retries,
    /// How the pauses between tries are waited for.
    pub pause: Pause,
}

impl Modifier {
    /// The built-in template, four requests at a time, answers of at most 2048 tokens.
    #[must_use]
    pub fn new(model: Arc<dyn ChatModel>, pause: Pause) -> Self {
        Self {
            model,
            template: BridgeTemplate::built_in(),
            concurrency: 4,
            max_tokens: 2048,
            retries: Retries::default(),
            pause,
        }
    }

    /// Rules that bridge the pairs of [`atlas_preferences`](crate::preference::atlas_preferences) without a model.
    #[must_use]
    pub fn atlas_oracle(atlas: &'static Atlas, pause: Pause) -> Self {
        let template = BridgeTemplate::for_oracle();
        Self { template, ..Self::new(Arc::new(AtlasBridge::new(atlas)), pause) }
    }

    /// The model and its revision.
    #[must_use]
    pub fn name(&self) -> String {
        let info = self.model.info();
        format!("{}@{}", info.id, info.revision)
    }

    /// Names what is asked about a pair, of whom, and how: SHA-256 over modifier, template, bound, prompt and answers.
    pub(super) fn key(&self, name: &str, pair: &Pair) -> String {
        let bound = self.max_tokens.to_string();
        let prompt: Vec<String> =
            pair.prompt.iter().map(|m| serde_json::to_string(m).expect("a message is json")).collect();
        let parts = [name, self.template.source(), &bound, &pair.chosen, &pair.rejected];
        digest::hex(&digest::of_parts(parts.into_iter().chain(prompt.iter().map(String::as_str))))
    }

    /// Asks, and asks again while that has a chance.
    pub(super) async fn ask(&self, message: Message) -> Result<Reply, ModelError> {
        self.retries.run(&self.pause, may_pass, || self.once(message.clone())).await
    }

    async fn once(&self, message: Message) -> Result<Reply, ModelError> {
        let mut request = ChatRequest::greedy(vec![message]);
        request.sampling.max_tokens = Some(self.max_tokens);
        request.priority = Priority::Background;
        match self.model.complete(request).await {
            Ok(completion) if completion.finish.reason == FinishReason::Length => Ok(Reply::CutShort),
            Ok(completion) => Ok(Reply::Said { text: completion.text.trim().to_owned() }),
            Err(error) => match refusal(&error) {
                Some(reason) => Ok(Reply::Refused { reason }),
                None => Err(error),
            },
        }
    }
}

/// What the modifier did with a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(crate) enum Reply {
    /// It said this, perhaps nothing; without white space around it.
    Said {
        /// Its answer.
        text: String,
    },
    /// Its answer was longer than allowed.
    CutShort,
    /// It refuses this request, and would again.
    Refused {
        /// Why.
        reason: String,
    },
}
