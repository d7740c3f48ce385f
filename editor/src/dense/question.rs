//! The dense side beside the async runtime: questions within their budget, and edits before they are written.

use super::{DenseSide, side::Near};
use amend_proto::{EmbedError, TenantId};
use std::{
    error::Error,
    sync::{Arc, atomic::Ordering},
};
use tokio::time::timeout;

/// Texts that are embedded together ahead of their writing: a fraction of a second.
const AHEAD: usize = 64;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Found,
    Failed,
    /// Its embedding took longer than its budget, or as many questions as are embedded at once were before it.
    Late,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Failed => "failed",
            Self::Late => "late",
        }
    }
}

impl DenseSide {
    /// The edits of a tenant that are nearest to a question, best first; none when the encoder fails or takes too long,
    /// which is logged and counted. A pass of the encoder that takes too long is finished on its thread, and holds its
    /// place among those at work until then, so that a stuck encoder takes a few threads and no more.
    pub(crate) async fn ask(self: &Arc<Self>, tenant: &TenantId, question: &str) -> Vec<Near> {
        if !self.has(tenant) || question.trim().is_empty() {
            return Vec::new();
        }
        let (side, tenant, question) = (Arc::clone(self), tenant.clone(), question.to_owned());
        let asked = async {
            let permit = Arc::clone(&self.queries).acquire_owned().await.map_err(EmbedError::new)?;
            let search = move || side.search(&tenant, &question, permit);
            tokio::task::spawn_blocking(search).await.map_err(EmbedError::new)?
        };
        match timeout(self.budget, asked).await {
            Ok(Ok(near)) => self.told(Outcome::Found, None, near),
            Ok(Err(error)) => self.told(Outcome::Failed, Some(&error), Vec::new()),
            Err(_elapsed) => self.told(Outcome::Late, None, Vec::new()),
        }
    }

    /// As [`ask`](Self::ask), on this thread and however long it takes.
    pub(crate) fn ask_blocking(&self, tenant: &TenantId, question: &str) -> Vec<Near> {
        if !self.has(tenant) || question.trim().is_empty() {
            return Vec::new();
        }
        match self.search(tenant, question, ()) {
            Ok(near) => self.told(Outcome::Found, None, near),
            Err(error) => self.told(Outcome::Failed, Some(&error), Vec::new()),
        }
    }

    /// `_held` is let go when the encoder is done.
    fn search<P>(&self, tenant: &TenantId, question: &str, _held: P) -> Result<Vec<Near>, EmbedError> {
        let embedding = self.encoder().query(question)?;
        self.nearest(tenant, &embedding).map_err(EmbedError::new)
    }

    fn told(&self, outcome: Outcome, error: Option<&EmbedError>, near: Vec<Near>) -> Vec<Near> {
        metrics::counter!("amend_dense_lookups_total", "outcome" => outcome.as_str()).increment(1);
        let healthy = outcome == Outcome::Found;
        // Told once, not for every question: an encoder that fails does so for many.
        match (self.healthy.swap(healthy, Ordering::Relaxed), healthy) {
            (true, false) => {
                let error = error.and_then(Error::source);
                let outcome = outcome.as_str();
                tracing::warn!(
                    error,
                    outcome,
                    "the encoder gives no embedding; edits are found by their words"
                );
            }
            (false, true) => tracing::info!("the encoder works again"),
            (true, true) | (false, false) => {}
        }
        near
    }

    /// Embeds what is about to be written, into the cache, so that the writer finds it there. A failure is the writer's
    /// to tell: it asks again. A large import lets others' few edits in between.
    pub(crate) async fn embed_ahead(self: &Arc<Self>, texts: Vec<String>) {
        for batch in texts.chunks(AHEAD) {
            let Ok(permit) = Arc::clone(&self.writes).acquire_owned().await else { return };
            let (side, batch) = (Arc::clone(self), batch.to_vec());
            let embed = move || {
                let _held = permit;
                let texts: Vec<&str> = batch.iter().map(String::as_str).collect();
                // One text that it fails for must not keep the others out of the cache.
                side.encoder().passages_each(&texts).1
            };
            if let Ok(Some(error)) = tokio::task::spawn_blocking(embed).await {
                tracing::debug!(
                    error = &error as &dyn Error,
                    "edits are not embedded ahead of their writing"
                );
            }
        }
    }
}
