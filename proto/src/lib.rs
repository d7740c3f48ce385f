//! The vocabulary of Amend.
//!
//! Everything that the other crates say to one another is said in these types: [ids], [chat messages](chat),
//! the [events](event) of an answer being generated, the [`ChatModel`] trait that every layer implements (the engine,
//! the edited model around it, the queue around that), the [`Embedder`] that retrieval asks, the [kinds of failure](error) and the [wire types](wire) of
//! the HTTP API. The crate knows no engine, no HTTP framework and no database.
//!
//! With the feature `testing` it also holds `testing`: a scripted model and the conformance suite that every
//! [`ChatModel`] must pass, and the same for [`Embedder`].

pub mod chat;
pub mod embed;
pub mod error;
pub mod event;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod ids;
pub mod model;
#[cfg(feature = "testing")]
pub mod testing;
pub mod wire;

pub use chat::{
    ChatRequest, Logprobs, Message, Priority, Prompt, ResponseFormat, Role, Sampling, Tool, ToolCall,
    ToolChoice,
};
pub use embed::{EmbedError, Embedder, Embedding, InvalidEmbedding, TextRole};
pub use error::{ErrorKind, ModelError};
pub use event::{
    AppliedEdit, ChatEvent, Completion, Delta, Finish, FinishReason, Provenance, TokenLogprob, Usage,
};
pub use ids::{
    CanaryId, CompletionId, EditId, EmbedderId, GateId, InvalidId, JobId, ModelId, PairId, RequestId,
    RevisionId, TenantId,
};
pub use model::{ChatModel, ChatStream, ModelInfo, collect};
