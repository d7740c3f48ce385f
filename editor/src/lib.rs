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
//! What concerns one tenant is done through [`Editor::tenant`]: adding, [superseding](TenantEditor::supersede),
//! [retiring](TenantEditor::retire), [restoring](TenantEditor::restore), [going back](TenantEditor::roll_back); reading
//! what stands, what stood ([`TenantEditor::state_as_of`], [`TenantEditor::diff`]) and who did what
//! ([`TenantEditor::history`], [`TenantEditor::operations`], [`TenantEditor::watch`]); what [conflicts](Conflict); and
//! [import](TenantEditor::import) and [export](TenantEditor::export).
//!
//! The log in the database is the truth: operations in order, never changed. The edits that stand and the index over them
//! are what the log adds up to; they are rebuilt from it at every start. Whether an edit that stands is in force is for
//! the clock to say. Nothing on the way of a question touches the disk.

mod budget;
pub mod calibration;
mod conflict;
mod dense;
mod edit;
mod editor;
mod encoder;
mod error;
mod fields;
mod index;
mod live;
mod lookup;
mod model;
mod neutral;
mod operation;
mod scope;
mod store;
mod table;
mod template;
mod tenant;
mod text;
mod time;
mod transfer;
mod watch;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use conflict::{Conflict, ConflictKind, Conflicting, Conflicts, MAX_CONFLICTS, Resolution};
pub use dense::{
    CacheError, CacheOptions, CachedEmbedder, DenseError, DenseHit, DenseIndex, DenseKey, DenseOptions,
    DenseQuery, DenseStatus, EmbeddingCache, EncoderSetup, Precision, Quantised,
};
pub use edit::{
    AddEdits, Added, Attribution, Content, Edit, Limits, ListAfter, Listed, MAX_ALIASES, MAX_BATCH,
    MAX_KEY_BYTES, MAX_NOTE_CHARS, MAX_PAGE, MAX_SUBJECT_CHARS, MAX_TEXT_CHARS, NewEdit, OnConflict, Page,
    RestoreEdit, RetireEdit, RollBack, RolledBack, Seq, Served, Status, SupersedeEdit, Target, Written,
};
pub use editor::{Editor, EditorOptions};
pub use encoder::{EncoderError, EncoderOptions, Prompts, SentenceEncoder, locate_model};
pub use error::EditError;
pub use lookup::{ConsideredEdit, Decision, Explanation, Preview, ScoredEdit};
pub use model::{EditedModel, describe_metrics};
pub use operation::{Cause, Change, Difference, Differences, Known, Operation, Operations, PastEdits};
pub use scope::{
    FEATURES, SCOPE_SCHEMA, ScopeFeatures, ScopeModel, ScopeModelError, ScopePolicy, ScopeSettings,
    TrainedOn, Verdict,
};
pub use template::EditTemplate;
pub use tenant::TenantEditor;
pub use time::{Clock, SystemClock, Timestamp};
pub use transfer::{ImportOptions, ImportReport, ImportStopped, MAX_LINE_BYTES, Problem};
pub use watch::Watch;
