//! [`ChatModel`]: the one seam that every layer of the server implements and wraps.

use crate::{
    chat::ChatRequest,
    error::ModelError,
    event::{ChatEvent, Completion, Delta, Provenance},
    ids::{ModelId, RevisionId},
};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use std::sync::Arc;

/// The events of one answer. Dropping it cancels the generation.
pub type ChatStream = BoxStream<'static, Result<ChatEvent, ModelError>>;

/// What a model says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// The name that clients ask for.
    pub id: ModelId,
    /// What answers now.
    pub revision: RevisionId,
    /// Most tokens of prompt and answer together.
    pub context_length: usize,
    /// What a person should know: where it comes from, and whether it is a model at all.
    pub description: String,
}

/// A language model, or a layer around one.
///
/// Streaming is the primitive; [`complete`](ChatModel::complete) folds it. The contract, which
/// `testing::conformance` checks: a stream is `Started`, any number of `Delta`s, then either `Finished` or one error,
/// and nothing after; the deltas' texts concatenated are the answer; dropping the stream cancels; a failed request
/// leaves the model able to answer the next.
#[async_trait]
pub trait ChatModel: Send + Sync + 'static {
    /// What this model is at this moment.
    fn info(&self) -> ModelInfo;

    /// Starts an answer.
    ///
    /// # Errors
    /// When the request is refused before anything is generated: invalid, unsupported, too long, queue full.
    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError>;

    /// How many tokens a piece of a prompt is to this model; `None` when it cannot tell. CPU work that grows with the
    /// text.
    fn count_tokens(&self, _text: &str) -> Option<usize> {
        None
    }

    /// The whole answer.
    ///
    /// # Errors
    /// As [`stream`](ChatModel::stream), and whatever failed while generating.
    async fn complete(&self, request: ChatRequest) -> Result<Completion, ModelError> {
        collect(self.stream(request).await?).await
    }
}

#[async_trait]
impl<M: ChatModel + ?Sized> ChatModel for Arc<M> {
    fn info(&self) -> ModelInfo {
        self.as_ref().info()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        self.as_ref().stream(request).await
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        self.as_ref().count_tokens(text)
    }

    async fn complete(&self, request: ChatRequest) -> Result<Completion, ModelError> {
        self.as_ref().complete(request).await
    }
}

/// Folds a stream into the completion that it spells.
///
/// # Errors
/// The stream's own error, or [`ErrorKind::Engine`](crate::ErrorKind::Engine) when it breaks the contract: no start,
/// or an end without `Finished`.
pub async fn collect(mut stream: ChatStream) -> Result<Completion, ModelError> {
    let mut provenance: Option<Provenance> = None;
    let mut answer = Delta::default();
    while let Some(event) = stream.next().await {
        match event? {
            ChatEvent::Started(by) => provenance = Some(by),
            ChatEvent::Delta(delta) => {
                answer.text.push_str(&delta.text);
                answer.logprobs.extend(delta.logprobs);
                answer.tool_calls.extend(delta.tool_calls);
            }
            ChatEvent::Finished(finish) => {
                let Some(provenance) = provenance else {
                    return Err(ModelError::engine("the stream finished before it started"));
                };
                let Delta { text, logprobs, tool_calls } = answer;
                return Ok(Completion { provenance, text, logprobs, tool_calls, finish });
            }
        }
    }
    Err(ModelError::engine("the stream ended without a finish event"))
}
