//! The wire types of the HTTP API: what OpenAI's clients send and read, and what Amend adds to it.
//!
//! Plain serde structs, for the server and for whoever calls it. They are Amend's own and not a types crate's,
//! because three things are asked of them that such crates do not do: a field that nobody knows is found and
//! [reported](UnknownFields), a wrong value names its place (`messages[0].content[1].text`), and a known field that
//! cannot be honoured is told from both.
//!
//! A body becomes a request in two steps: [`parse`] takes the bytes to a struct, whose `read` takes it to a
//! [`ChatRequest`](crate::ChatRequest) and checks every value. Either step fails with a
//! [`ModelError`](crate::ModelError) that names the field; [`ErrorBody`] is what the client sees of it.
//!
//! With the feature `openapi` the types describe themselves to `utoipa`.

mod answer;
mod canary;
mod chat;
mod choice;
mod chunk;
mod completion;
mod content;
mod edit;
mod error;
mod fields;
mod format;
mod gate;
mod job;
mod message;
mod model;
mod parse;
mod preference;
mod revision;
mod sampling;
#[cfg(test)]
mod tests;
mod tool;

pub use answer::{
    AmendInfo, AnswerHead, AppliedEditObject, AssistantTag, ChatAnswer, ChatChoice, ChatCompletion,
    ChatCompletionTag, TokenUsage,
};
pub use canary::{
    CanaryArm, CanaryEnd, CanaryList, CanaryObject, CanaryRequest, CanaryState, CanaryTag,
    ENOUGH_CANARY_ANSWERS,
};
pub use chat::{Asked, ChatCompletionRequest, Delivery, RequestLimits, Store, StreamOptions};
pub use choice::{ChoiceLogprobs, TokenInfo, TopToken};
pub use chunk::{ChatCompletionChunk, ChunkChoice, ChunkDelta, ChunkTag, ChunkToolCall};
pub use completion::{CompletionRequest, TextChoice, TextCompletion, TextCompletionTag, TextLogprobs};
pub use content::{Content, ContentPart, PartType, PromptItem, PromptParam, TextList};
pub use edit::{
    ConflictKind, ConflictList, ConflictObject, ConflictRule, DeletedEdit, DifferenceList, DifferenceObject,
    EditChange, EditConsidered, EditCursor, EditDecision, EditInput, EditList, EditObject, EditPreview,
    EditPreviewRequest, EditReplacement, EditScore, EditStatus, EditTag, EditTarget, EditVerdict, EditsBody,
    EditsForm, EditsInput, HowDifferent, ImportObject, ImportProblem, KnownEdit, OperationKind,
    OperationList, OperationObject, PreviewDetail, Resolution, RollbackObject, RollbackRequest, WantedStatus,
    WrittenEdit,
};
pub use error::{ErrorBody, ErrorCode, ErrorObject, ErrorType, status_of};
pub use fields::{Extra, UnknownFields};
pub use format::{FormatType, JsonSchemaFormat, ResponseFormatParam};
pub use gate::{
    GateAction, GateList, GateObject, GateOrigin, GatePolicy, GateReason, GateRequest, GateState, GateTag,
    GateVerdict,
};
pub use job::{
    JobKind, JobLine, JobLineTag, JobList, JobObject, JobPhase, JobProgress, JobRequest, JobState, JobTag,
    TrainBridging, TrainMethod, TrainObjective,
};
pub use message::{ChatMessage, MessageRole};
pub use model::{Health, HealthStatus, ModelDetails, ModelList, ModelObject, ModelTag, OwnerTag};
pub use parse::parse;
pub use preference::{
    About, DeletedCompletionTag, DeletedCompletions, DeletedPreference, DeletedPreferenceTag, FeedbackInput,
    FeedbackObject, FeedbackOpinion, FeedbackTag, KeepRule, KeptCompletionObject, KeptList, MAX_AUTHOR_CHARS,
    PreferenceBody, PreferenceImport, PreferenceInput, PreferenceList, PreferenceObject, PreferenceProblem,
    PreferenceScores, PreferenceSettings, PreferenceSource, PreferenceTag, Thumb,
};
pub use revision::{
    PromoteRequest, RevisionFile, RevisionFileList, RevisionKind, RevisionList, RevisionObject,
    RevisionProvenance, RevisionState, RevisionTag, RollbackRevisionRequest, SwitchHow, SwitchList,
    SwitchNote, SwitchObject, SwitchTag,
};
pub use tool::{
    FunctionCall, FunctionDef, FunctionName, NamedToolChoice, ToolCallObject, ToolChoiceParam, ToolParam,
    ToolType,
};

/// The `data:` of the event that ends a stream.
pub const DONE: &str = "[DONE]";

/// A field that always says the same word, such as `"object": "list"`.
macro_rules! tag {
    ($(#[$doc:meta])* $name:ident, $word:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            /// The only value.
            #[default]
            #[serde(rename = $word)]
            Tag,
        }

        // By hand: the derive does not see the word that the macro puts in.
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let text = utoipa::openapi::schema::Type::String;
                utoipa::openapi::ObjectBuilder::new().schema_type(text).enum_values(Some([$word])).into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }
    };
}
pub(crate) use tag;

tag! {
    /// `"object": "list"`.
    ListTag, "list"
}
