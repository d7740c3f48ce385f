//! From a revision's files to the live model: loading, warming, switching.

use super::{
    RevisionError,
    load::{LoadError, Loadable},
    service::{Promotion, Revisions, now},
    store::{self, How, Revision, Switch},
};
use crate::threads::apart;
use amend_proto::{
    ChatModel, ChatRequest, GateId, Message, Priority, RevisionId,
    wire::{PromoteRequest, RevisionKind, RevisionState},
};
use futures::FutureExt;
use std::time::{Duration, Instant};
use tokio::sync::MutexGuard;

/// What a new revision is asked before it answers anybody.
const WARM_UP: &str = include_str!("warm_up.txt");
/// Tokens of that answer.
const WARM_UP_TOKENS: u32 = 8;
/// How long it may take.
const WARM_UP_LIMIT: Duration = Duration::from_secs(120);

/// A revision that is ready to answer beside the live one.
pub(crate) struct Beside<'a> {
    pub(crate) model: Box<dyn ChatModel>,
    pub(crate) live: RevisionId,
    /// What let it through; nothing when somebody insisted.
    pub(crate) gate: Option<GateId>,
    /// While this is held no other revision becomes live.
    pub(crate) alone: MutexGuard<'a, ()>,
}

impl Revisions {
    pub(super) async fn change(
        &self,
        (live, target): (Revision, Revision),
        how: How,
    ) -> Result<Promotion, RevisionError> {
        let begun = Instant::now();
        let loaded = match self.load(&target, Priority::Live).await {
            Err(RevisionError::Load(source)) => {
                return Err(RevisionError::Unusable { id: target.id, live: live.id, source });
            }
            loaded => loaded,
        };
        let (what, model) = loaded?;
        let load = begun.elapsed();
        let (line, at) = (self.names()?.line.clone(), now());
        let (from, to, was) = (live.id.clone(), target.id.clone(), target.state);
        let forced = matches!(how, How::Promote { gate: None });
        self.config()
            .ledger
            .write(move |connection| {
                async move {
                    let leaves = RevisionState::Retired;
                    store::switch(connection, &Switch { line, from, leaves, to, was, how, at }).await
                }
                .boxed()
            })
            .await?;
        self.config().loader.goes_live(&what);
        self.config().registry.switch(model);
        metrics::counter!(crate::telemetry::names::REVISION_SWITCHES).increment(1);
        if forced {
            tracing::warn!(from = %live.id, to = %target.id, "a revision is promoted that no gate has let through");
        }
        tracing::info!(from = %live.id, to = %target.id, forced, seconds = load.as_secs_f64(), "another revision is live");
        Ok(Promotion { from: live.id, to: target.id, at, load })
    }

    /// Loads a revision that shall answer beside the live one, if a gate has let it through or somebody insists.
    ///
    /// # Errors
    /// As [`promote`](Self::promote).
    pub(crate) async fn load_beside(
        &self,
        id: &RevisionId,
        request: PromoteRequest,
    ) -> Result<Beside<'_>, RevisionError> {
        let alone = self.alone().await;
        let (live, target, gate) = self.let_through(id, request).await?;
        match self.load(&target, Priority::Live).await {
            Ok((_, model)) => Ok(Beside { model, live: live.id, gate, alone }),
            Err(RevisionError::Load(source)) => {
                Err(RevisionError::Unusable { id: target.id, live: live.id, source })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a job that asks the live revision much has a copy of its own.
    pub(crate) fn copies_for_jobs(&self) -> bool {
        self.config().loader.copies_for_jobs()
    }

    /// Loads and warms a revision beside the live one, for users or for the daemon's own jobs.
    ///
    /// # Errors
    /// [`RevisionError::Changed`]; when it cannot be loaded or does not answer.
    pub(crate) async fn load(
        &self,
        revision: &Revision,
        priority: Priority,
    ) -> Result<(Loadable, Box<dyn ChatModel>), RevisionError> {
        let what = match revision.kind {
            RevisionKind::Base => Loadable::Base,
            RevisionKind::Trained => {
                let model = self.folder(&revision.id).join("model");
                let (folder, content) = (model.clone(), revision.provenance.content.clone());
                let hash = move || amend_trainer::lte::folder_hash(&folder);
                let found = apart("amend-hash", priority, hash)
                    .await
                    .map_err(|gone| RevisionError::Load(gone.into()))?;
                let found = found?;
                if content.is_some_and(|content| content != found) {
                    return Err(RevisionError::Changed(revision.id.clone()));
                }
                Loadable::Folder { id: revision.id.clone(), model }
            }
        };
        let model = self.config().loader.load(&what, priority).await?;
        warm(&*model).await?;
        Ok((what, model))
    }
}

/// A short answer: what is read from disk or compiled at first use is then there, and a model that cannot answer is found
/// out before it is live.
async fn warm(model: &dyn ChatModel) -> Result<(), LoadError> {
    let mut request = ChatRequest::greedy(vec![Message::user(WARM_UP.trim())]);
    request.sampling.max_tokens = Some(WARM_UP_TOKENS);
    let answer = tokio::time::timeout(WARM_UP_LIMIT, model.complete(request)).await;
    answer.map_err(|_| format!("it did not answer within {} s", WARM_UP_LIMIT.as_secs()))??;
    Ok(())
}
