//! A tenant's edits as the store of a run.

use amend_editor::{AddEdits, EditError, MAX_BATCH, NewEdit, RetireEdit, TenantEditor};
use amend_eval::edit::protocol::{self, Decision, EditStore, Hit, Lookup, StoreError};
use amend_proto::{EditId, Message};
use async_trait::async_trait;
use std::num::NonZeroUsize;

/// The store.
#[derive(Debug, Clone)]
pub struct TenantStore(TenantEditor);

impl TenantStore {
    /// A tenant that nobody else writes to while the run lasts.
    #[must_use]
    pub fn new(tenant: TenantEditor) -> Self {
        Self(tenant)
    }
}

fn failed(doing: String) -> impl FnOnce(EditError) -> StoreError {
    move |error| match error {
        EditError::InvalidEdit { .. } | EditError::Conflict { .. } => {
            StoreError::Rejected { reason: error.to_string() }
        }
        error => StoreError::Failed { doing, source: error.into() },
    }
}

#[async_trait]
impl EditStore for TenantStore {
    fn batch(&self) -> NonZeroUsize {
        NonZeroUsize::MIN.saturating_add(MAX_BATCH - 1)
    }

    async fn add(&self, edits: Vec<protocol::NewEdit>) -> Result<(), StoreError> {
        let doing = format!("add {} edits", edits.len());
        let edit = |edit: protocol::NewEdit| NewEdit::new(edit.text).about(edit.subject).named(edit.id);
        let edits = edits.into_iter().map(edit).collect();
        self.0.add(AddEdits::new(edits)).await.map_err(failed(doing))?;
        Ok(())
    }

    async fn remove(&self, ids: Vec<EditId>) -> Result<(), StoreError> {
        for id in ids {
            let doing = format!("remove {id}");
            match self.0.retire(RetireEdit { id, by: Default::default() }).await {
                Ok(_) | Err(EditError::NotFound { .. }) => {}
                Err(error) => return Err(failed(doing)(error)),
            }
        }
        Ok(())
    }

    async fn lookup(&self, query: &str) -> Result<Lookup, StoreError> {
        let preview = self.0.preview_async(vec![Message::user(query)]).await;
        let preview = preview.map_err(failed("look a question up".to_owned()))?;
        // In the prompt the best edit is the last.
        let ranked = preview.edits.into_iter().rev().map(|edit| Hit { id: edit.id, score: edit.score });
        let decision = match preview.decision {
            amend_editor::Decision::Apply => Decision::Apply,
            amend_editor::Decision::None => Decision::Bypass,
        };
        Ok(Lookup { decision, ranked: ranked.collect() })
    }
}
