//! [`Revisions`]: the registry as the rest of the daemon uses it.

use super::{
    RevisionError,
    files::{adopt, folder_of, list},
    load::{Gatekeeper, Load, Loadable, Names},
    store::{self, Candidate, How, Revision, Switch},
};
use crate::{ledger::Ledger, registry::Registry};
use amend_proto::{
    ChatModel, GateId, Priority, RevisionId,
    wire::{
        GateVerdict, PromoteRequest, RevisionFile, RevisionKind, RevisionProvenance, RevisionState,
        SwitchNote,
    },
};
use futures::FutureExt;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::{Mutex, MutexGuard};

/// What the registry is made of.
pub struct RevisionsConfig {
    /// Where it is kept.
    pub ledger: Ledger,
    /// `revisions/` of the data folder.
    pub folder: PathBuf,
    /// Which model requests take.
    pub registry: Arc<Registry>,
    /// What loads.
    pub loader: Arc<dyn Load>,
    /// What judges.
    pub gatekeeper: Arc<dyn Gatekeeper>,
}

/// The revisions of the served model. Clones share them.
#[derive(Clone)]
pub struct Revisions(Arc<Inner>);

struct Inner {
    config: RevisionsConfig,
    /// Known once the base model is.
    names: OnceLock<Names>,
    /// One change at a time.
    switching: Mutex<()>,
}

/// How a promotion went.
#[derive(Debug, Clone, PartialEq)]
pub struct Promotion {
    /// What was live before.
    pub from: RevisionId,
    /// What is live now.
    pub to: RevisionId,
    /// When, Unix seconds.
    pub at: i64,
    /// How long loading and warming took.
    pub load: Duration,
}

impl Revisions {
    /// A registry; nothing is loaded yet.
    #[must_use]
    pub fn new(config: RevisionsConfig) -> Self {
        Self(Arc::new(Inner { config, names: OnceLock::new(), switching: Mutex::new(()) }))
    }

    /// Loads what is live: the registry's live revision of this base model, or the base model. When the files of a trained one
    /// cannot be used any more, it is rejected and the base model goes live.
    ///
    /// # Errors
    /// When the base model cannot be loaded, or the database fails.
    pub async fn begin(&self) -> Result<(), RevisionError> {
        let _alone = self.0.switching.lock().await;
        let loader = &self.0.config.loader;
        let (names, loaded) = match loader.names().await? {
            Some(names) => (names, None),
            None => {
                let base = loader.load(&Loadable::Base, Priority::Live).await?;
                let id = base.info().revision;
                (Names { line: id.to_string(), base: id }, Some(base))
            }
        };
        let live = self.open_line(names.clone()).await?;
        // Begun twice it would be the same names.
        let names = self.0.names.get_or_init(|| names);
        let (what, model) = match (loaded, live.kind) {
            (Some(base), _) => (Loadable::Base, base),
            (None, RevisionKind::Base) => {
                (Loadable::Base, loader.load(&Loadable::Base, Priority::Live).await?)
            }
            (None, RevisionKind::Trained) => match self.load(&live, Priority::Live).await {
                Ok(loaded) => loaded,
                Err(error) => self.fall_back(&live, names, &error).await?,
            },
        };
        self.0.config.loader.goes_live(&what);
        self.0.config.registry.switch(model);
        Ok(())
    }

    async fn open_line(&self, names: Names) -> Result<Revision, RevisionError> {
        let base = self.base_candidate(&names);
        self.0
            .config
            .ledger
            .write(move |connection| {
                async move { store::open_line(connection, &names, (&base, now())).await }.boxed()
            })
            .await
    }

    fn base_candidate(&self, names: &Names) -> Candidate {
        let provenance = RevisionProvenance {
            model: self.0.config.loader.base(),
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..RevisionProvenance::default()
        };
        Candidate { id: names.base.clone(), provenance }
    }

    async fn fall_back(
        &self,
        live: &Revision,
        names: &Names,
        error: &RevisionError,
    ) -> Result<(Loadable, Box<dyn ChatModel>), RevisionError> {
        tracing::error!(
            revision = %live.id, error = error as &dyn std::error::Error,
            "the live revision cannot be used any more; it is rejected, and the base model answers"
        );
        let base = self.0.config.loader.load(&Loadable::Base, Priority::Live).await?;
        let candidate = self.base_candidate(names);
        let (line, from) = (names.line.clone(), live.id.clone());
        self.0
            .config
            .ledger
            .write(move |connection| {
                async move {
                    let to = store::add(connection, &line, RevisionKind::Base, (&candidate, now())).await?;
                    let (leaves, how) = (RevisionState::Rejected, How::Fallback);
                    let switch = Switch { line, from, leaves, to: to.id, was: to.state, how, at: now() };
                    store::switch(connection, &switch).await
                }
                .boxed()
            })
            .await?;
        Ok((Loadable::Base, base))
    }

    pub(super) fn config(&self) -> &RevisionsConfig {
        &self.0.config
    }

    /// The names of the line, once the first model is loaded.
    pub(super) fn names(&self) -> Result<&Names, RevisionError> {
        self.0.names.get().ok_or(RevisionError::NotReady)
    }

    /// A revision.
    ///
    /// # Errors
    /// [`RevisionError::NotFound`]; [`RevisionError::NotReady`]; the database's.
    pub async fn get(&self, id: &RevisionId) -> Result<Revision, RevisionError> {
        let line = &self.names()?.line;
        let mut connection = self.0.config.ledger.read().await?;
        let found = store::get(&mut connection, line, id).await?;
        found.ok_or_else(|| RevisionError::NotFound(id.to_string()))
    }

    /// The live revision.
    ///
    /// # Errors
    /// [`RevisionError::NotReady`]; the database's.
    pub async fn live(&self) -> Result<Revision, RevisionError> {
        let line = &self.names()?.line;
        let mut connection = self.0.config.ledger.read().await?;
        store::live(&mut connection, line).await?.ok_or(RevisionError::NotReady)
    }

    /// What a rollback would make live; `None` when no other was live before.
    ///
    /// # Errors
    /// As [`live`](Self::live).
    pub async fn previous(&self) -> Result<Option<Revision>, RevisionError> {
        let live = self.live().await?;
        self.before(&live.id).await
    }

    async fn before(&self, live: &RevisionId) -> Result<Option<Revision>, RevisionError> {
        let names = self.names()?;
        let before = {
            let mut connection = self.0.config.ledger.read().await?;
            store::before(&mut connection, &names.line, live).await?
        };
        // The base is served as the daemon is set up now.
        Ok(match before {
            Some(before) if before.kind == RevisionKind::Base => Some(self.get(&names.base).await?),
            before => before,
        })
    }

    /// `limit` revisions, newest first, those older than `after` only.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn list(
        &self,
        after: Option<&RevisionId>,
        limit: usize,
    ) -> Result<Vec<Revision>, RevisionError> {
        let before = match after {
            Some(id) => self.get(id).await?.seq,
            None => i64::MAX,
        };
        let line = &self.names()?.line;
        let mut connection = self.0.config.ledger.read().await?;
        store::list(&mut connection, line, before, i64::try_from(limit).unwrap_or(i64::MAX)).await
    }

    /// The folder of a revision's model files, for training from it; `None` when they are not a folder on this machine.
    #[must_use]
    pub fn model_folder(&self, revision: &Revision) -> Option<PathBuf> {
        match revision.kind {
            RevisionKind::Base => self.0.config.loader.base_folder(),
            RevisionKind::Trained => Some(self.folder(&revision.id).join("model")),
        }
    }

    /// The base model in an operator's words.
    #[must_use]
    pub fn base(&self) -> String {
        self.0.config.loader.base()
    }

    /// The folder of a trained revision.
    #[must_use]
    pub fn folder(&self, id: &RevisionId) -> PathBuf {
        folder_of(&self.0.config.folder, id)
    }

    /// The files of a revision, and the folder that they are in.
    ///
    /// # Errors
    /// As [`get`](Self::get); [`RevisionError::NotFound`] when they are not in a folder on this machine.
    pub async fn files(&self, id: &RevisionId) -> Result<(PathBuf, Vec<RevisionFile>), RevisionError> {
        let revision = self.get(id).await?;
        let folder = match revision.kind {
            RevisionKind::Trained => Some(self.folder(id)),
            RevisionKind::Base => self.model_folder(&revision),
        };
        let folder = folder.ok_or_else(|| RevisionError::NotFound(format!("{id} in a folder")))?;
        let below = folder.clone();
        let found =
            blocking(move || list(&below).map_err(RevisionError::files("list the files of a revision")))
                .await?;
        Ok((folder, found))
    }

    /// Registers the result of the training in `run` as a candidate. Doing it again changes nothing.
    ///
    /// # Errors
    /// When its files cannot be laid out; the database's.
    pub async fn register(&self, candidate: Candidate, run: &Path) -> Result<Revision, RevisionError> {
        let line = self.names()?.line.clone();
        let (run, folder) = (run.to_owned(), self.folder(&candidate.id));
        blocking(move || {
            std::fs::create_dir_all(folder.parent().unwrap_or(Path::new(".")))
                .map_err(RevisionError::files("make the folder of revisions"))?;
            adopt(&run, &folder)
        })
        .await?;
        self.0
            .config
            .ledger
            .write(move |connection| {
                async move { store::add(connection, &line, RevisionKind::Trained, (&candidate, now())).await }
                    .boxed()
            })
            .await
    }

    /// Makes a revision live. It goes on when whoever asked is gone.
    ///
    /// # Errors
    /// [`RevisionError`] says why it was not done; then nothing has changed.
    pub async fn promote(&self, id: RevisionId, request: PromoteRequest) -> Result<Promotion, RevisionError> {
        let this = self.clone();
        finish(tokio::spawn(async move {
            let _alone = this.alone().await;
            let (live, target, gate) = this.let_through(&id, request).await?;
            this.change((live, target), How::Promote { gate }).await
        }))
        .await
    }

    /// While this is held no other revision becomes live.
    pub(super) async fn alone(&self) -> MutexGuard<'_, ()> {
        self.0.switching.lock().await
    }

    /// The live revision, one that may answer in its place, and the gate that let it through: none when somebody insists.
    pub(super) async fn let_through(
        &self,
        id: &RevisionId,
        request: PromoteRequest,
    ) -> Result<(Revision, Revision, Option<GateId>), RevisionError> {
        let target = self.get(id).await?;
        let live = self.expect(request.expected_live).await?;
        if target.state == RevisionState::Live {
            return Err(RevisionError::Live(target.id));
        }
        let gate = self.0.config.gatekeeper.let_through(&target.line, &target.id, &live.id).await?;
        if gate.is_none() && !request.force {
            return Err(RevisionError::NotGated { id: target.id, state: target.state, live: live.id });
        }
        Ok((live, target, gate))
    }

    /// Makes the revision live that was live before this one.
    ///
    /// # Errors
    /// As [`promote`](Self::promote).
    pub async fn roll_back(&self, expected_live: Option<RevisionId>) -> Result<Promotion, RevisionError> {
        let this = self.clone();
        finish(tokio::spawn(async move {
            let _alone = this.0.switching.lock().await;
            let live = this.expect(expected_live).await?;
            let target = this.before(&live.id).await?;
            let target = target.ok_or_else(|| RevisionError::NothingBefore(live.id.clone()))?;
            this.change((live, target), How::Rollback).await
        }))
        .await
    }

    /// Puts a revision aside that is not live.
    ///
    /// # Errors
    /// [`RevisionError::Live`] when it is live; as [`get`](Self::get).
    pub async fn retire(&self, id: &RevisionId) -> Result<Revision, RevisionError> {
        let _alone = self.0.switching.lock().await;
        let revision = self.get(id).await?;
        if revision.state == RevisionState::Live {
            return Err(RevisionError::Live(revision.id));
        }
        let (name, was) = (revision.id.clone(), revision.state);
        self.0
            .config
            .ledger
            .write(move |connection| {
                async move { store::set_state(connection, &name, (was, RevisionState::Retired)).await }
                    .boxed()
            })
            .await?;
        self.get(id).await
    }

    /// The changes of the live revision, newest first: `limit` of those that are older than `before`.
    ///
    /// # Errors
    /// [`RevisionError::NotReady`]; the database's.
    pub async fn switches(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<SwitchNote>, RevisionError> {
        let line = &self.names()?.line;
        let mut connection = self.0.config.ledger.read().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        store::switches(&mut connection, line, (before.unwrap_or(i64::MAX), limit)).await
    }

    /// Notes what a gate found of a revision: what passed is gated, what failed rejected. A live one stays live.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn judged(&self, id: &RevisionId, verdict: GateVerdict) -> Result<(), RevisionError> {
        let _alone = self.0.switching.lock().await;
        let revision = self.get(id).await?;
        let state = match verdict {
            GateVerdict::Pass => RevisionState::Gated,
            GateVerdict::Fail => RevisionState::Rejected,
            GateVerdict::Inconclusive => return Ok(()),
        };
        if revision.state == RevisionState::Live {
            return Ok(());
        }
        let (name, was) = (revision.id, revision.state);
        let write = self.0.config.ledger.write(move |connection| {
            async move { store::set_state(connection, &name, (was, state)).await }.boxed()
        });
        write.await.map(drop)
    }

    /// The line: the base model's name in the ledger.
    ///
    /// # Errors
    /// [`RevisionError::NotReady`].
    pub fn line(&self) -> Result<&str, RevisionError> {
        Ok(&self.names()?.line)
    }

    async fn expect(&self, expected: Option<RevisionId>) -> Result<Revision, RevisionError> {
        let live = self.live().await?;
        match expected {
            Some(expected) if expected != live.id => Err(RevisionError::NotLive { live: live.id, expected }),
            _ => Ok(live),
        }
    }
}

/// The outcome of a task of our own, which nobody aborts.
async fn finish<T>(task: tokio::task::JoinHandle<Result<T, RevisionError>>) -> Result<T, RevisionError> {
    task.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Disk work, off the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RevisionError> + Send + 'static,
) -> Result<T, RevisionError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Unix seconds.
pub(super) fn now() -> i64 {
    chrono::Utc::now().timestamp()
}
