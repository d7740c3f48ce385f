//! Learning to edit (LTE, arXiv 2402.11905), at inference: live edits in front of the questions that they concern.
//!
//! A write goes `Editor::add` → one transaction with all that wait → SQLite, synced → index → acknowledged.
//! A question goes `EditedModel` → index → [scope decision](ScopePolicy) → [template](EditTemplate) → the wrapped model.
//!
//! ```no_run
//! # async fn example(engine: std::sync::Arc<dyn amend_proto::ChatModel>) -> Result<(), Box<dyn std::error::Error>> {
//! use amend_editor::{EditedModel, Editor, EditorOptions, NewEdit};
//! use amend_proto::{ChatModel, ChatRequest, Message};
//!
//! let editor = Editor::open(EditorOptions::new("data/amend.db")).await?;
//! editor.add(NewEdit::new("The capital of France is Lyon.").into()).await?;
//! let model = EditedModel::new(editor, engine);
//! let answer = model.complete(ChatRequest::greedy(vec![Message::user("What is France's capital?")])).await?;
//! assert_eq!(answer.provenance.edits.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! The log in the database is the truth: operations in order, never changed. The set of live edits and the index over
//! it are what the log adds up to; they are rebuilt from it at every start. Nothing on the way of a question touches
//! the disk.

mod dense;
mod edit;
mod editor;
mod encoder;
mod error;
mod index;
mod live;
mod model;
mod scope;
mod store;
mod template;
mod text;

pub use dense::{
    CacheError, CacheOptions, CachedEmbedder, DenseError, DenseHit, DenseIndex, DenseKey, DenseOptions,
    DenseQuery, EmbeddingCache, Fusion, Precision, Quantised, Ranked, fuse,
};
pub use edit::{
    AddEdits, Edit, Limits, Listed, MAX_BATCH, MAX_KEY_BYTES, MAX_PAGE, MAX_SUBJECT_CHARS, MAX_TEXT_CHARS,
    NewEdit, Page,
};
pub use editor::{Decision, Editor, EditorOptions, Preview, ScoredEdit};
pub use encoder::{EncoderError, EncoderOptions, Prompts, SentenceEncoder};
pub use error::EditError;
pub use model::{EditedModel, describe_metrics};
pub use scope::ScopePolicy;
pub use template::EditTemplate;
