//! [`TenantEditor`]: what can be done with one tenant's edits.

use crate::{
    budget::Counter,
    conflict::Conflicts,
    edit::{
        AddEdits, Added, Content, Edit, ListAfter, Listed, Page, RestoreEdit, RetireEdit, RollBack,
        RolledBack, Seq, Served, Status, SupersedeEdit, Written, attribution, page_limit,
    },
    editor::Editor,
    error::EditError,
    index::Reading,
    operation::{Change, Differences, Known, Operation, Operations, PastEdits},
    store::{AddBatch, Done, Part, Write},
    watch::Watch,
};
use amend_proto::{ChatModel, EditId, TenantId};
use std::{sync::Arc, time::Instant};

/// The most edits of a batch that are read on the caller's thread, about ten microseconds each.
const SHORT_EDITS: usize = 8;
/// And all their texts together, in bytes.
const SHORT_BYTES: usize = 1_024;
/// The most edits of a page that are copied on the caller's thread, a few microseconds each.
const SHORT_PAGE: usize = 100;

/// Whether edits take so little to check and read that it may be done on the runtime.
fn is_short<'a>(edits: impl Iterator<Item = &'a Content>) -> bool {
    let sum = |(count, bytes), content: &Content| (count + 1, bytes + content.bytes());
    let (count, bytes) = edits.fold((0, 0), sum);
    count <= SHORT_EDITS && bytes <= SHORT_BYTES
}

/// Checks and reads edits on a thread for blocking work.
async fn off_the_runtime<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, EditError> + Send + 'static,
) -> Result<T, EditError> {
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|error| EditError::storage("read its edits", error))?
}

/// The edits of one tenant. No method shows or changes another tenant's, nor tells whether there is one; only the gaps
/// between [sequence numbers](Seq) show that others write as well.
#[derive(Debug, Clone)]
pub struct TenantEditor {
    editor: Editor,
    tenant: TenantId,
    served: Option<Served>,
    counter: Option<Counter>,
}

impl TenantEditor {
    pub(crate) fn new(editor: Editor, tenant: TenantId) -> Self {
        Self { editor, tenant, served: None, counter: None }
    }

    /// The same, looking up for this model: edits that [target](crate::Target) other models do not apply, those that
    /// target it do.
    #[must_use]
    pub fn serving(mut self, served: impl Into<Served>) -> Self {
        self.served = Some(served.into());
        self
    }

    /// As [`serving`](Self::serving) what answers now, whose tokenizer and context then also decide how many edits fit; see
    /// [`Budget`](crate::Budget).
    #[must_use]
    pub fn answered_by(mut self, model: Arc<dyn ChatModel>) -> Self {
        self.served = Some(model.info().into());
        self.counter = Some(Counter(model));
        self
    }

    /// Whose edits they are.
    #[must_use]
    pub fn id(&self) -> &TenantId {
        &self.tenant
    }

    pub(crate) fn editor(&self) -> &Editor {
        &self.editor
    }

    pub(crate) fn served(&self) -> Option<&Served> {
        self.served.as_ref()
    }

    pub(crate) fn counter(&self) -> Option<&Counter> {
        self.counter.as_ref()
    }

    /// Adds edits: all of them, or none. When this returns they are on disk, and the next lookup sees them, by their words
    /// and, with an [encoder](crate::EditorOptions::encoder), by what they mean. Edits for which the encoder fails are
    /// found by their words; that is logged and counted.
    ///
    /// An edit whose id stands with the same content (whoever wrote it, from whatever source) is not added again; its
    /// stored form is returned. An id that was retired may be used again. If the caller goes away while waiting, the
    /// edits may still be added.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`], [`EditError::Conflict`], [`EditError::Full`], [`EditError::Storage`].
    pub async fn add(&self, request: AddEdits) -> Result<Added, EditError> {
        let batch = match is_short(request.edits.iter().map(|edit| &edit.content)) {
            true => AddBatch::read(request)?,
            false => off_the_runtime(move || AddBatch::read(request)).await?,
        };
        Ok(self.write(Write::Add(batch)).await?.into())
    }

    pub(crate) async fn write(&self, write: Write) -> Result<Done, EditError> {
        let begun = Instant::now();
        if let Some(dense) = &self.editor.dense {
            // Here and not in the writer, so that what others write does not wait for it.
            dense.embed_ahead(write.texts()).await;
        }
        let done = self.editor.writer.write(self.tenant.clone(), write).await?;
        metrics::histogram!("amend_edit_write_seconds").record(begun.elapsed().as_secs_f64());
        Ok(done)
    }

    async fn write_one(&self, id: EditId, write: Write) -> Result<Written, EditError> {
        self.write(write).await?.written().ok_or(EditError::NotFound { id })
    }

    /// Gives an edit that stands a new content, whole. Its history keeps the old one. The same content again changes
    /// nothing.
    ///
    /// # Errors
    /// [`EditError::NotFound`] when no edit stands under this id, [`EditError::InvalidEdit`], [`EditError::Conflict`]
    /// (at `seen`, or at `edit`), [`EditError::Storage`].
    pub async fn supersede(&self, request: SupersedeEdit) -> Result<Written, EditError> {
        let (id, short) = (request.id.clone(), is_short([&request.content].into_iter()));
        let read = move || {
            let content = request.content.checked("")?;
            let reading = Reading::new(&content);
            Ok(Box::new((SupersedeEdit { content, ..request }, reading)))
        };
        let new = match short {
            true => read()?,
            false => off_the_runtime(read).await?,
        };
        self.write_one(id, Write::Supersede(new)).await
    }

    /// Takes an edit that stands back; gives what it said. When this returns no lookup sees it any more, also after a
    /// restart. It can be [restored](Self::restore).
    ///
    /// # Errors
    /// [`EditError::NotFound`], [`EditError::InvalidEdit`] for `author` and `reason`, [`EditError::Storage`].
    pub async fn retire(&self, request: RetireEdit) -> Result<Edit, EditError> {
        let request = RetireEdit { by: attribution(request.by)?, ..request };
        Ok(self.write_one(request.id.clone(), Write::Retire(request)).await?.edit)
    }

    /// Makes an edit that was retired or superseded stand again, or puts an older version in the place of the one that
    /// stands. It is what it was: also its `expires_at`, even if that has passed, and its place among the others. An
    /// edit that stands already as wanted is left alone.
    ///
    /// # Errors
    /// [`EditError::NotFound`] when this tenant never had this id, [`EditError::InvalidEdit`] for `version` when the edit
    /// never had it, [`EditError::Full`], [`EditError::Storage`].
    pub async fn restore(&self, request: RestoreEdit) -> Result<Written, EditError> {
        let request = RestoreEdit { by: attribution(request.by)?, ..request };
        self.write_one(request.id.clone(), Write::Restore(request)).await
    }

    /// Makes the edits stand as they stood after an entry of the log, by appending what it takes in one transaction:
    /// everything after that entry stays in the history. Edits whose time has passed since stand as well, but are not in
    /// force. Rollbacks take effect one after the other, so of two that race the later one decides; each tells what it
    /// did and between which entries. While a large one is being taken in, lookups may see a part of it.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `to` when it lies ahead of the log, [`EditError::Full`], [`EditError::Storage`].
    pub async fn roll_back(&self, request: RollBack) -> Result<RolledBack, EditError> {
        self.editor.rolled_back(request, Some(self.tenant.clone())).await
    }

    /// The edit that stands under this id, whether its time is now or not.
    #[must_use]
    pub fn get(&self, id: &EditId) -> Option<Edit> {
        self.editor.live.get(&self.tenant, id)
    }

    /// How many edits stand.
    #[must_use]
    pub fn count(&self) -> usize {
        self.editor.live.count(&self.tenant)
    }

    /// A part of the edits that stand, the oldest version first; [`Content::status_at`](crate::Content::status_at) tells
    /// which of them are in force.
    ///
    /// Pages that begin after [versions](ListAfter::Version) list every edit that stands all the while, whatever is
    /// written between them; one that gets a new version meanwhile comes again, as that version. A page may also begin
    /// after an [edit](ListAfter::Edit), which may have been retired since: the list goes on where it stood.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `limit` when it is 0 or above [`MAX_PAGE`](crate::MAX_PAGE), and for `after` when
    /// it lies ahead of the log or this tenant has never had that id; [`EditError::Storage`].
    pub async fn list(&self, page: Page) -> Result<Listed, EditError> {
        let Page { limit, after } = page;
        page_limit(limit)?;
        let after = match after {
            None => Seq::START,
            Some(ListAfter::Version(version)) => {
                self.editor.reached("after", version)?;
                version
            }
            Some(ListAfter::Edit(id)) => match self.editor.live.get(&self.tenant, &id) {
                Some(edit) => edit.seq,
                None => self.last_version(&id).await?.ok_or_else(|| {
                    let reason = format!("must be the id of an edit; {:?} never was one", id.as_str());
                    EditError::invalid("after", reason)
                })?,
            },
        };
        if limit <= SHORT_PAGE {
            return Ok(self.editor.live.list(&self.tenant, limit, after));
        }
        let (live, tenant) = (Arc::clone(&self.editor.live), self.tenant.clone());
        tokio::task::spawn_blocking(move || live.list(&tenant, limit, after))
            .await
            .map_err(|error| EditError::storage("list its edits", error))
    }

    async fn last_version(&self, id: &EditId) -> Result<Option<Seq>, EditError> {
        let found = self.editor.reader.last_of(&self.tenant, id, Seq::MAX).await?;
        Ok(found.and_then(|(_, version)| version.change.edit().map(|edit| edit.seq)))
    }

    /// What has become of an edit, whether it stands or not; `None` when this tenant never had it.
    ///
    /// # Errors
    /// [`EditError::Storage`].
    pub async fn find(&self, id: &EditId) -> Result<Option<Known>, EditError> {
        let now = self.editor.now();
        let known = |(last, version): (Operation, Operation)| {
            let edit = version.change.edit()?.as_ref().clone();
            let (status, superseded_by) = match last.change {
                Change::Retire => (Status::Retired, None),
                Change::Displace { by } => (Status::Superseded, Some(by)),
                Change::Add(_) | Change::Supersede(_) | Change::Restore(_) => {
                    (edit.content.status_at(now), None)
                }
            };
            Some(Known { edit, status, superseded_by, last: last.seq })
        };
        Ok(self.editor.reader.last_of(&self.tenant, id, Seq::MAX).await?.and_then(known))
    }

    /// What was done to an edit, by whom, why and when: `limit` operations (1 to [`MAX_PAGE`](crate::MAX_PAGE)) after an
    /// entry. Versions that later ones took the place of are among them.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `limit`, [`EditError::NotFound`] when this tenant never had this id,
    /// [`EditError::Storage`].
    pub async fn history(&self, id: &EditId, after: Seq, limit: usize) -> Result<Operations, EditError> {
        page_limit(limit)?;
        let part = Part { after, through: Seq::MAX, limit };
        let history = self.editor.reader.history(&self.tenant, id, part).await?;
        if history.operations.is_empty() && self.last_version(id).await?.is_none() {
            return Err(EditError::NotFound { id: id.clone() });
        }
        Ok(history)
    }

    /// What was done to any edit: `limit` operations (1 to [`MAX_PAGE`](crate::MAX_PAGE)) after an entry.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `limit`, [`EditError::Storage`].
    pub async fn operations(&self, after: Seq, limit: usize) -> Result<Operations, EditError> {
        page_limit(limit)?;
        let part = Part { after, through: self.editor.last_seq(), limit };
        self.editor.reader.operations(part, Some(&self.tenant)).await
    }

    /// The edits that stood after entry `seq`, the oldest version first: `limit` of them, beginning after the version
    /// `after` (the former page's [`next`](PastEdits::next)). The log does not change, so pages of one `seq` fit together whatever is written
    /// meanwhile.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `limit`, and for `seq` when it lies ahead of the log; [`EditError::Storage`].
    pub async fn state_as_of(&self, seq: Seq, after: Seq, limit: usize) -> Result<PastEdits, EditError> {
        page_limit(limit)?;
        self.editor.reached("seq", seq)?;
        self.editor.reader.standing(Part { after, through: seq, limit }, &self.tenant).await
    }

    /// The version of an edit that stood after entry `seq`, if one did.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `seq` when it lies ahead of the log, [`EditError::Storage`].
    pub async fn get_as_of(&self, id: &EditId, seq: Seq) -> Result<Option<Edit>, EditError> {
        self.editor.reached("seq", seq)?;
        let found = self.editor.reader.last_of(&self.tenant, id, seq).await?;
        Ok(found.and_then(|(last, _)| last.change.edit().map(|edit| edit.as_ref().clone())))
    }

    /// What changed between the states after two entries, in whichever order: for `limit` edits that operations between
    /// them were about, beginning after the edit `after` (the former page's [`next`](Differences::next)).
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `limit`, and for `from` and `to` when they lie ahead of the log;
    /// [`EditError::Storage`].
    pub async fn diff(
        &self,
        (from, to): (Seq, Seq),
        after: Option<&EditId>,
        limit: usize,
    ) -> Result<Differences, EditError> {
        page_limit(limit)?;
        self.editor.reached("from", from)?;
        self.editor.reached("to", to)?;
        self.editor.reader.differences(&self.tenant, (from, to), (limit, after)).await
    }

    /// The operations after an entry, and then each that follows, once and in order. It holds at most a few hundred of
    /// them; whoever reads it slowly holds up nobody. It ends when the editor is closed.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `after` when it lies ahead of the log: it is of another log then. The stream's own
    /// error is its last item; it can be begun again after the last operation that it gave.
    pub fn watch(&self, after: Seq) -> Result<Watch, EditError> {
        self.editor.follow(after, Some(self.tenant.clone()))
    }

    /// The edits that [conflict](crate::Conflict) with older ones: `limit` of those whose versions come after `after`
    /// (the former page's [`next`](Conflicts::next)).
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `limit`.
    pub fn conflicts(&self, after: Seq, limit: usize) -> Result<Conflicts, EditError> {
        page_limit(limit)?;
        Ok(self.editor.live.conflicts(&self.tenant, limit, after, self.editor.now()))
    }
}
