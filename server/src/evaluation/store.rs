//! A tenant's edits as the store of a run.

use amend_editor::{
    AddEdits, ConsideredEdit, EditError, Editor, MAX_BATCH, NewEdit, RetireEdit, ScopeModel, TenantEditor,
};
use amend_eval::edit::{
    metrics::Micros,
    protocol::{self, Decision, EditStore, Fate, Hit, Lookup, StoreError, StoreInfo},
};
use amend_proto::{EditId, Message};
use async_trait::async_trait;
use sha2::{Digest, Sha256};
use std::{num::NonZeroUsize, time::Instant};

/// The store.
#[derive(Debug, Clone)]
pub struct TenantStore {
    editor: Editor,
    tenant: TenantEditor,
}

impl TenantStore {
    /// A tenant of this editor that nobody else writes to while the run lasts.
    #[must_use]
    pub fn new(editor: Editor, tenant: TenantEditor) -> Self {
        Self { editor, tenant }
    }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A scope model by its content and its threshold.
fn named(model: &ScopeModel) -> String {
    let json = serde_json::to_string(model).expect("a struct of names and finite numbers is JSON");
    format!("{:.16} at {}", sha256(&json), model.threshold())
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
    fn info(&self) -> StoreInfo {
        let policy = self.editor.scope_policy(self.tenant.id());
        StoreInfo {
            encoder: self.editor.dense_status().map(|status| status.embedder.to_string()),
            scope: format!(
                "at most {} edits of {} tokens together, model without encoder {}, with encoder {}",
                policy.top_k,
                policy.max_tokens,
                named(&policy.lexical),
                named(&policy.hybrid)
            ),
            template: sha256(self.editor.template().source()),
        }
    }

    fn batch(&self) -> NonZeroUsize {
        NonZeroUsize::MIN.saturating_add(MAX_BATCH - 1)
    }

    async fn add(&self, edits: Vec<protocol::NewEdit>) -> Result<(), StoreError> {
        let doing = format!("add {} edits", edits.len());
        let edit = |edit: protocol::NewEdit| NewEdit::new(edit.text).about(edit.subject).named(edit.id);
        let edits = edits.into_iter().map(edit).collect();
        self.tenant.add(AddEdits::new(edits)).await.map_err(failed(doing))?;
        Ok(())
    }

    async fn remove(&self, ids: Vec<EditId>) -> Result<(), StoreError> {
        for id in ids {
            let doing = format!("remove {id}");
            match self.tenant.retire(RetireEdit { id, by: Default::default() }).await {
                Ok(_) | Err(EditError::NotFound { .. }) => {}
                Err(error) => return Err(failed(doing)(error)),
            }
        }
        Ok(())
    }

    async fn lookup(&self, query: &str) -> Result<Lookup, StoreError> {
        let messages = vec![Message::user(query)];
        let begun = Instant::now();
        let preview = self.tenant.preview_async(messages.clone()).await;
        let took = Micros::from(begun.elapsed());
        let preview = preview.map_err(failed("look a question up".to_owned()))?;
        // Not timed: no request asks for what was considered and left out.
        let explanation = self.tenant.explain_async(messages, usize::MAX).await;
        let considered = explanation.map_err(failed("explain a lookup".to_owned()))?.considered;
        let ranked = considered.into_iter().map(|ConsideredEdit { edit, .. }| {
            let applied = preview.edits.iter().any(|applied| applied.id == edit.id);
            Hit { score: edit.score, fate: if applied { Fate::Applied } else { Fate::LeftOut }, id: edit.id }
        });
        let decision = match preview.decision {
            amend_editor::Decision::Apply => Decision::Apply,
            amend_editor::Decision::None => Decision::Bypass,
        };
        Ok(Lookup { decision, ranked: ranked.collect(), took })
    }
}
