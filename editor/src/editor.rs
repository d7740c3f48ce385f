//! [`Editor`]: the service that HTTP, the command line and [`EditedModel`](crate::EditedModel) share.

use crate::{
    edit::{AddEdits, Edit, Limits, Listed, MAX_PAGE, Page},
    error::EditError,
    live::Live,
    scope::{InScope, ScopePolicy, Turn},
    store::{Database, Writer, WriterDeps},
    template::EditTemplate,
};
use amend_proto::{EditId, Message, Role};
use arc_swap::ArcSwap;
use serde::Serialize;
use std::{path::PathBuf, sync::Arc, time::Instant};

/// The longest conversation that is looked up on the caller's thread: about a tenth of a millisecond (`cargo bench`).
const SHORT_BYTES: usize = 2048;

/// What an [`Editor`] is made of.
#[derive(Debug, Clone)]
pub struct EditorOptions {
    /// The database file. It and its folder are made if they are not there; a lock file is kept beside it.
    pub database: PathBuf,
    /// How edits are put in front of a question.
    pub template: EditTemplate,
    /// Which edits are.
    pub policy: ScopePolicy,
    /// How much is kept.
    pub limits: Limits,
}

impl EditorOptions {
    /// The defaults, with the database at this path.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Self {
            database: database.into(),
            template: EditTemplate::default(),
            policy: ScopePolicy::default(),
            limits: Limits::default(),
        }
    }
}

/// Whether a question gets edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// At least one live edit is in scope.
    Apply,
    /// None is.
    None,
}

impl Decision {
    /// The wire's and the metrics' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::None => "none",
        }
    }
}

/// An edit in scope of a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredEdit {
    /// Which edit.
    pub id: EditId,
    /// Its text, as stored.
    pub text: String,
    /// How well it fits, 0 to 1; see [`ScopePolicy`].
    pub score: f32,
}

/// What would be done with a conversation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// Whether edits are applied.
    pub decision: Decision,
    /// Those in scope, in prompt order: the best last, next to the question.
    pub edits: Vec<ScoredEdit>,
    /// The last user message as the model will see it; empty when the conversation has none.
    pub prompt: String,
}

/// A conversation ready for the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edited {
    pub(crate) messages: Vec<Message>,
    pub(crate) edits: Vec<ScoredEdit>,
    /// The place of the message that was rewritten.
    last: Option<usize>,
}

/// The live edits: stored, searchable, and put in front of the questions that they concern.
///
/// Clones share everything. [`close`](Self::close) ends it in order; dropping the last clone does as well, but nobody
/// can wait for it.
#[derive(Debug, Clone)]
pub struct Editor {
    live: Arc<Live>,
    writer: Writer,
    template: Arc<ArcSwap<EditTemplate>>,
    policy: ScopePolicy,
}

impl Editor {
    /// Opens the store and reads its log. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`EditError::Locked`] when another process has it open, [`EditError::UnknownOperation`] when a newer version
    /// wrote it, [`EditError::Storage`] when it cannot be read or written.
    pub async fn open(options: EditorOptions) -> Result<Self, EditError> {
        let EditorOptions { database, template, policy, limits } = options;
        let begun = Instant::now();
        let mut database = Database::open(&database).await?;
        let operations = database.operations_after(0).await?;
        let read = operations.len();
        let live = Arc::new(Live::default());
        let filled = Arc::clone(&live);
        tokio::task::spawn_blocking(move || filled.apply(operations))
            .await
            .map_err(|error| EditError::storage("build its index", error))?;
        let edits = live.len();
        metrics::gauge!("amend_edits_live").set(edits as f64);
        tracing::info!(
            operations = read,
            edits,
            seconds = begun.elapsed().as_secs_f64(),
            "the edit log is read"
        );
        let writer = Writer::start(WriterDeps { database, live: Arc::clone(&live), limits });
        Ok(Self { live, writer, template: Arc::new(ArcSwap::from_pointee(template)), policy })
    }

    /// Adds edits: all of them, or none. When this returns they are on disk, and the next lookup sees them.
    ///
    /// An edit whose id is live with the same text and subject is not added again; its stored form is returned. If the
    /// caller goes away while waiting, the edits may still be added.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`], [`EditError::Conflict`], [`EditError::Full`], [`EditError::Storage`].
    pub async fn add(&self, batch: AddEdits) -> Result<Vec<Edit>, EditError> {
        let begun = Instant::now();
        let edits = self.writer.add(batch.validated()?).await?;
        metrics::histogram!("amend_edit_write_seconds").record(begun.elapsed().as_secs_f64());
        Ok(edits)
    }

    /// The live edit of this id.
    #[must_use]
    pub fn get(&self, id: &EditId) -> Option<Edit> {
        self.live.get(id)
    }

    /// A part of the live edits, oldest first.
    ///
    /// [`Page::after`] may name an edit that was removed since: the list goes on where it stood.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `limit` when it is 0 or above [`MAX_PAGE`], and for `after` when the log has
    /// never held that id; [`EditError::Storage`].
    pub async fn list(&self, page: Page) -> Result<Listed, EditError> {
        if page.limit == 0 || page.limit > MAX_PAGE {
            return Err(EditError::invalid("limit", format!("must be 1 to {MAX_PAGE}, not {}", page.limit)));
        }
        let after = match page.after {
            None => 0,
            Some(id) => match self.live.seq_of(&id) {
                Some(seq) => seq,
                None => self.writer.seq_of(id.clone()).await?.ok_or_else(|| {
                    EditError::invalid(
                        "after",
                        format!("must be the id of an edit; {:?} never was one", id.as_str()),
                    )
                })?,
            },
        };
        Ok(self.live.list(page.limit, after))
    }

    /// Takes a live edit back. When this returns no lookup sees it any more, also after a restart.
    ///
    /// # Errors
    /// [`EditError::NotFound`], [`EditError::Storage`].
    pub async fn remove(&self, id: &EditId) -> Result<Edit, EditError> {
        self.writer.remove(id.clone()).await
    }

    /// How many edits are live.
    #[must_use]
    pub fn count(&self) -> usize {
        self.live.len()
    }

    /// The sequence number of the last operation that lookups see; 0 when there was none.
    #[must_use]
    pub fn last_seq(&self) -> i64 {
        self.live.through()
    }

    /// The template in use.
    #[must_use]
    pub fn template(&self) -> Arc<EditTemplate> {
        self.template.load_full()
    }

    /// Uses another template from the next request on.
    pub fn set_template(&self, template: EditTemplate) {
        self.template.store(Arc::new(template));
    }

    /// What [`EditedModel`](crate::EditedModel) would do with this conversation, by the same code. It takes CPU time:
    /// on an async runtime call [`preview_async`](Self::preview_async).
    ///
    /// # Errors
    /// [`EditError::Template`] when the template fails on these texts.
    pub fn preview(&self, messages: &[Message]) -> Result<Preview, EditError> {
        Ok(Preview::from(self.edit(messages.to_vec())?))
    }

    /// As [`preview`](Self::preview), but a long conversation does not hold up the caller's thread.
    ///
    /// # Errors
    /// As [`preview`](Self::preview).
    pub async fn preview_async(&self, messages: Vec<Message>) -> Result<Preview, EditError> {
        Ok(Preview::from(self.edit_async(messages).await?))
    }

    /// Finishes the writes that wait, closes the database and releases its lock. Other clones can still look up;
    /// their writes fail with [`EditError::Closed`].
    ///
    /// # Errors
    /// [`EditError::Closed`] when it is closed already, [`EditError::Storage`] when closing fails.
    pub async fn close(&self) -> Result<(), EditError> {
        self.writer.close().await
    }

    /// As [`edit`](Self::edit); a conversation that is longer than [`SHORT_BYTES`] goes to a thread for blocking work.
    pub(crate) async fn edit_async(&self, messages: Vec<Message>) -> Result<Edited, EditError> {
        if messages.iter().map(|message| message.content.len()).sum::<usize>() <= SHORT_BYTES {
            return self.edit(messages);
        }
        let editor = self.clone();
        tokio::task::spawn_blocking(move || editor.edit(messages))
            .await
            .map_err(|error| EditError::storage("look up its edits", error))?
    }

    /// Neutralises a conversation and puts the edits in scope in front of its last user message.
    pub(crate) fn edit(&self, mut messages: Vec<Message>) -> Result<Edited, EditError> {
        let template = self.template.load();
        let users: Vec<usize> =
            (0..messages.len()).rev().filter(|at| messages[*at].role == Role::User).take(2).collect();
        let last = users.first().copied();
        let in_scope = match last {
            Some(last) => {
                let before = users.get(1).map(|at| messages[*at].content.as_str());
                let turn = Turn { question: &messages[last].content, before };
                self.live.look_up(|index| self.policy.decide(index, turn))
            }
            None => Vec::new(),
        };
        let texts: Vec<&str> = in_scope.iter().map(|found| found.edit.text.as_str()).collect();
        for (at, message) in messages.iter_mut().enumerate() {
            message.content = match Some(at) == last {
                true => template.render(&texts, &message.content)?,
                false => template.neutralise(&message.content),
            };
            for call in &mut message.tool_calls {
                call.arguments = template.neutralise(&call.arguments);
            }
        }
        Ok(Edited { messages, edits: in_scope.into_iter().map(scored).collect(), last })
    }
}

impl From<Edited> for Preview {
    fn from(Edited { messages, edits, last }: Edited) -> Self {
        let decision = if edits.is_empty() { Decision::None } else { Decision::Apply };
        let prompt =
            last.and_then(|last| messages.into_iter().nth(last)).map(|m| m.content).unwrap_or_default();
        Self { decision, edits, prompt }
    }
}

fn scored(found: InScope) -> ScoredEdit {
    ScoredEdit { id: found.edit.id.clone(), text: found.edit.text.clone(), score: found.score }
}

#[cfg(test)]
#[path = "editor_tests.rs"]
mod tests;
