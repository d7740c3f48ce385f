//! [`Editor`]: the service that HTTP, the command line and [`EditedModel`](crate::EditedModel) share.

use crate::{
    dense::{DenseSide, DenseStatus, EncoderSetup},
    edit::{
        AddEdits, Attribution, Edit, Limits, Listed, Page, RetireEdit, RollBack, RolledBack, Seq,
        attribution, page_limit,
    },
    error::EditError,
    live::Live,
    lookup::Preview,
    operation::Operations,
    scope::{Policies, ScopePolicy, ScopeSettings},
    store::{Database, Part, Reader, Rollback, Writer, WriterDeps},
    template::EditTemplate,
    tenant::TenantEditor,
    time::{Clock, SystemClock, Timestamp},
    watch::{Follow, Watch},
};
use amend_proto::{EditId, Message, TenantId};
use arc_swap::ArcSwap;
use std::{path::PathBuf, sync::Arc, time::Instant};

/// What an [`Editor`] is made of.
#[derive(Debug, Clone)]
pub struct EditorOptions {
    /// The database file. It and its folder are made if they are not there; a lock file is kept beside it.
    pub database: PathBuf,
    /// How edits are put in front of a question.
    pub template: EditTemplate,
    /// Which edits are, unless [`set_scope`](Editor::set_scope) said otherwise.
    pub policy: ScopePolicy,
    /// How much is kept.
    pub limits: Limits,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Finds edits by what they mean, too. Without one they are found by their words.
    pub encoder: Option<EncoderSetup>,
}

impl EditorOptions {
    /// The defaults, without an encoder, with the database at this path.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Self {
            database: database.into(),
            template: EditTemplate::default(),
            policy: ScopePolicy::default(),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            encoder: None,
        }
    }
}

/// The edits of all tenants: stored, searchable, and put in front of the questions that they concern.
///
/// What concerns one tenant is done through [`tenant`](Self::tenant). A tenant is there from its first edit on; one that
/// nobody has heard of has no edits, and that is all that can be learned about it. No edit is shared between tenants.
/// The short forms here ([`add`](Self::add), [`get`](Self::get), [`list`](Self::list), [`remove`](Self::remove),
/// [`preview`](Self::preview)) are for the default tenant.
///
/// Clones share everything. [`close`](Self::close) ends it in order; dropping the last clone does as well, but nobody
/// can wait for it.
#[derive(Debug, Clone)]
pub struct Editor {
    pub(crate) live: Arc<Live>,
    pub(crate) dense: Option<Arc<DenseSide>>,
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) template: Arc<ArcSwap<EditTemplate>>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Editor {
    /// Opens the store and reads its log. With an encoder, edits whose embeddings are not in the cache are embedded, which
    /// may take long the first time; the progress is logged. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`EditError::Locked`] when another process has it open, [`EditError::UnknownOperation`] when a newer version
    /// wrote it, [`EditError::Encoder`] when the encoder does not work or its cache cannot be used,
    /// [`EditError::Open`] when it cannot be read or written.
    ///
    /// Stored scope settings that this version cannot use are left out, which is logged as an error.
    pub async fn open(options: EditorOptions) -> Result<Self, EditError> {
        Self::opened(options).await.map_err(EditError::while_opening)
    }

    async fn opened(options: EditorOptions) -> Result<Self, EditError> {
        let EditorOptions { database: path, template, policy, limits, clock, encoder } = options;
        let begun = Instant::now();
        let database = Database::open(&path).await?;
        let reader = Reader::new(&path);
        let dense = match encoder {
            Some(setup) => Some(open_dense(setup, path, limits).await?),
            None => None,
        };
        let live = Live::load(&reader, dense.as_ref()).await?;
        let edits = live.len();
        metrics::gauge!("amend_edits_live").set(edits as f64);
        let (seconds, through) = (begun.elapsed().as_secs_f64(), live.through().get());
        tracing::info!(through, edits, seconds, "the edit log is read");
        let policies = Policies::new(policy, reader.scopes().await?)
            .map_err(|error| EditError::storage("use its scope settings", error))?;
        let policies = Arc::new(policies);
        let deps = WriterDeps {
            database,
            live: Arc::clone(&live),
            dense: dense.clone(),
            policies: Arc::clone(&policies),
            limits,
            clock: Arc::clone(&clock),
        };
        let (writer, template) = (Writer::start(deps)?, Arc::new(ArcSwap::from_pointee(template)));
        Ok(Self { live, dense, writer, reader, template, policies, clock })
    }

    /// The edits of one tenant.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> TenantEditor {
        TenantEditor::new(self.clone(), tenant)
    }

    fn default_tenant(&self) -> TenantEditor {
        self.tenant(TenantId::default())
    }

    /// Adds edits of the default tenant; see [`TenantEditor::add`], which also tells of conflicts.
    ///
    /// # Errors
    /// As [`TenantEditor::add`].
    pub async fn add(&self, batch: AddEdits) -> Result<Vec<Edit>, EditError> {
        Ok(self.default_tenant().add(batch).await?.edits)
    }

    /// The edit of the default tenant that stands under this id.
    #[must_use]
    pub fn get(&self, id: &EditId) -> Option<Edit> {
        self.default_tenant().get(id)
    }

    /// A part of the default tenant's edits that stand; see [`TenantEditor::list`].
    ///
    /// # Errors
    /// As [`TenantEditor::list`].
    pub async fn list(&self, page: Page) -> Result<Listed, EditError> {
        self.default_tenant().list(page).await
    }

    /// Takes an edit of the default tenant back; see [`TenantEditor::retire`].
    ///
    /// # Errors
    /// As [`TenantEditor::retire`].
    pub async fn remove(&self, id: &EditId) -> Result<Edit, EditError> {
        self.default_tenant().retire(RetireEdit { id: id.clone(), by: Attribution::default() }).await
    }

    /// What would be done with a conversation of the default tenant; see [`TenantEditor::preview`].
    ///
    /// # Errors
    /// As [`TenantEditor::preview`].
    pub fn preview(&self, messages: &[Message]) -> Result<Preview, EditError> {
        self.default_tenant().preview(messages)
    }

    /// As [`preview`](Self::preview), but a long conversation does not hold up the caller's thread.
    ///
    /// # Errors
    /// As [`TenantEditor::preview`].
    pub async fn preview_async(&self, messages: Vec<Message>) -> Result<Preview, EditError> {
        self.default_tenant().preview_async(messages).await
    }

    /// The tenants that have edits which stand, by name: `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)) of those after this one.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `limit`.
    pub fn tenants(&self, limit: usize, after: Option<&TenantId>) -> Result<Vec<TenantId>, EditError> {
        page_limit(limit)?;
        Ok(self.live.tenants(limit, after))
    }

    /// How many edits stand, of all tenants.
    #[must_use]
    pub fn count(&self) -> usize {
        self.live.len()
    }

    /// The sequence number of the last operation that lookups see, of all tenants.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.live.through()
    }

    /// How far the dense side is; `None` without an encoder.
    #[must_use]
    pub fn dense_status(&self) -> Option<DenseStatus> {
        self.dense.as_ref().map(|dense| dense.status())
    }

    /// What time it is for edits.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The operations of all tenants after an entry: `limit` of them, 1 to [`MAX_PAGE`](crate::MAX_PAGE).
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `limit`, [`EditError::Storage`].
    pub async fn all_operations(&self, after: Seq, limit: usize) -> Result<Operations, EditError> {
        page_limit(limit)?;
        self.reader.operations(Part { after, through: self.last_seq(), limit }, None).await
    }

    /// The operations of all tenants after an entry, and each that follows; see [`TenantEditor::watch`].
    ///
    /// # Errors
    /// As [`TenantEditor::watch`].
    pub fn watch_all(&self, after: Seq) -> Result<Watch, EditError> {
        self.follow(after, None)
    }

    pub(crate) fn follow(&self, after: Seq, tenant: Option<TenantId>) -> Result<Watch, EditError> {
        self.reached("after", after)?;
        let (reader, progress) = (self.reader.clone(), self.writer.progress());
        Ok(Follow { reader, progress, tenant, after }.stream())
    }

    /// Goes back to the state after an entry for all tenants together; see [`TenantEditor::roll_back`].
    ///
    /// # Errors
    /// As [`TenantEditor::roll_back`].
    pub async fn roll_back_all(&self, request: RollBack) -> Result<RolledBack, EditError> {
        self.rolled_back(request, None).await
    }

    pub(crate) async fn rolled_back(
        &self,
        request: RollBack,
        tenant: Option<TenantId>,
    ) -> Result<RolledBack, EditError> {
        let request = RollBack { by: attribution(request.by)?, ..request };
        self.writer.roll_back(Rollback { tenant, request }).await
    }

    /// Refuses an entry that lies ahead.
    pub(crate) fn reached(&self, param: &str, seq: Seq) -> Result<(), EditError> {
        let last = self.last_seq();
        match seq > last {
            true => Err(EditError::invalid(
                param,
                format!("must not lie ahead: the log ends at {last}, not at {seq}"),
            )),
            false => Ok(()),
        }
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

    /// Decides the scope of one tenant's edits (`None`: of all tenants that have nothing of their own) by these settings
    /// from now on, also after a restart. Settings that set nothing take back what was set. A tenant's settings lie over
    /// those for all, and these over the [policy](EditorOptions::policy) that the editor was opened with.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `scope` when a number is out of its range, or too many tenants have settings;
    /// [`EditError::Storage`].
    pub async fn set_scope(
        &self,
        tenant: Option<TenantId>,
        settings: ScopeSettings,
    ) -> Result<(), EditError> {
        self.writer.set_scope((tenant, settings)).await
    }

    /// What was [set](Self::set_scope) for one tenant, or for all.
    #[must_use]
    pub fn scope_settings(&self, tenant: Option<&TenantId>) -> Option<ScopeSettings> {
        self.policies.settings(tenant)
    }

    /// How the scope of a tenant's edits is decided, all settings taken together.
    #[must_use]
    pub fn scope_policy(&self, tenant: &TenantId) -> Arc<ScopePolicy> {
        self.policies.of(tenant)
    }

    /// Finishes the writes that wait, closes the database and releases its lock. Other clones can still look up;
    /// whatever else they ask fails with [`EditError::Closed`]. Watches end: with that error if they have not yet read
    /// all.
    ///
    /// # Errors
    /// [`EditError::Closed`] when it is closed already, [`EditError::Storage`] when closing fails.
    pub async fn close(&self) -> Result<(), EditError> {
        // Readers first: the last connection to close is the one that may tidy up behind all.
        self.reader.close().await;
        self.writer.close().await
    }
}

async fn open_dense(setup: EncoderSetup, path: PathBuf, limits: Limits) -> Result<Arc<DenseSide>, EditError> {
    let opened = tokio::task::spawn_blocking(move || DenseSide::open(&setup, &path, &limits).map(Arc::new));
    opened.await.map_err(|error| EditError::storage("open its encoder", error))?
}

#[cfg(test)]
#[path = "editor_tests.rs"]
mod tests;
