//! What is asked of the writer, and what it answers.

use super::{database::Answered, transaction::Transaction};
use crate::{
    conflict::Conflict,
    edit::{AddEdits, Added, Edit, OnConflict, RestoreEdit, RetireEdit, Seq, SupersedeEdit, Written},
    error::EditError,
    index::Reading,
};
use amend_proto::TenantId;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A validated batch with its texts read.
#[derive(Debug)]
pub(crate) struct AddBatch {
    pub(crate) request: AddEdits,
    /// One an edit.
    pub(crate) readings: Vec<Reading>,
    /// All or none; otherwise what is refused does not keep the rest out.
    pub(crate) atomic: bool,
}

impl AddBatch {
    /// Checks and reads a request, of which all or nothing is to go in.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`].
    pub(crate) fn read(request: AddEdits) -> Result<Self, EditError> {
        let request = request.validated()?;
        let readings = request.edits.iter().map(|edit| Reading::new(&edit.content)).collect();
        Ok(Self { request, readings, atomic: true })
    }
}

/// One request to the log.
#[derive(Debug)]
pub(crate) enum Write {
    Add(AddBatch),
    Supersede(Box<(SupersedeEdit, Reading)>),
    Retire(RetireEdit),
    Restore(RestoreEdit),
}

impl Write {
    /// The texts that it may make stand, as far as it brings them along.
    pub(crate) fn texts(&self) -> Vec<String> {
        match self {
            Self::Add(batch) => batch.request.edits.iter().map(|edit| edit.content.text.clone()).collect(),
            Self::Supersede(new) => vec![new.0.content.text.clone()],
            Self::Retire(_) | Self::Restore(_) => Vec::new(),
        }
    }
}

/// What became of one edit of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Added,
    Superseded,
    Restored,
    Retired,
    /// It stood already as it was asked for.
    Unchanged,
}

/// One edit of a request.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) edit: Arc<Edit>,
    pub(crate) how: How,
}

/// What a request did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// In the order of the request.
    pub(crate) placed: Vec<Placed>,
    pub(crate) conflicts: Vec<Conflict>,
    /// By place in the request; none of an atomic one.
    pub(crate) refused: Vec<(usize, EditError)>,
}

/// What one request is answered, or why it was refused.
pub(super) type Outcome = Result<Done, EditError>;

impl From<Placed> for Done {
    fn from(placed: Placed) -> Self {
        Self { placed: vec![placed], ..Self::default() }
    }
}

impl From<Done> for Added {
    fn from(done: Done) -> Self {
        let edits = done.placed.iter().map(|placed| placed.edit.as_ref().clone()).collect();
        Self { edits, conflicts: done.conflicts }
    }
}

impl Done {
    /// Of a request about one edit.
    pub(crate) fn written(mut self) -> Option<Written> {
        let edit = self.placed.pop()?.edit.as_ref().clone();
        Some(Written { edit, conflicts: self.conflicts })
    }
}

impl Transaction<'_> {
    pub(super) async fn add(&mut self, tenant: &TenantId, batch: &AddBatch) -> Result<Outcome, sqlx::Error> {
        let Some(key) = &batch.request.idempotency_key else { return Ok(self.plan(tenant, batch)) };
        let body = digest(&batch.request)?;
        if let Some(answered) = self.answered(tenant, key).await? {
            return match answered.body == body {
                true => self.again(answered).await,
                false => Ok(Err(EditError::Conflict {
                    param: "idempotency_key".to_owned(),
                    message: format!("the idempotency key {key:?} was used with another body; use a new key"),
                })),
            };
        }
        let outcome = self.plan(tenant, batch);
        if let Ok(done) = &outcome {
            let seqs = done.placed.iter().map(|placed| placed.edit.seq).collect();
            self.remember(tenant, key, Answered { body, seqs, conflicts: done.conflicts.clone() });
        }
        Ok(outcome)
    }

    /// What a key was answered before, in this transaction or an earlier one.
    async fn answered(&mut self, tenant: &TenantId, key: &str) -> Result<Option<Answered>, sqlx::Error> {
        match self.keys.iter().find(|row| row.key == key && row.tenant == *tenant) {
            Some(row) => Ok(Some(row.answered.clone())),
            None => {
                let since = self.now.earlier(self.limits.key_retention);
                self.database.answered(tenant, key, since).await
            }
        }
    }

    /// The same answer: the versions that log entries wrote, whether they stand or not, some of them perhaps in this
    /// transaction.
    async fn again(&mut self, answered: Answered) -> Result<Outcome, sqlx::Error> {
        let Answered { body: _, seqs, conflicts } = answered;
        let here: Vec<Option<Arc<Edit>>> = seqs.iter().map(|seq| self.pending.version(*seq)).collect();
        let before = seqs.iter().zip(&here).filter(|(_, here)| here.is_none());
        let before: Vec<Seq> = before.map(|(seq, _)| *seq).collect();
        let stored = match before.is_empty() {
            true => Vec::new(),
            false => match self.database.entries(&before).await? {
                Ok(stored) => stored,
                Err(error) => return Ok(Err(error)),
            },
        };
        let mut stored = stored.into_iter().filter_map(|operation| operation.change.edit().cloned());
        let edits = here.into_iter().filter_map(|here| here.or_else(|| stored.next()));
        let placed = edits.map(|edit| Placed { edit, how: How::Unchanged }).collect();
        Ok(Ok(Done { placed, conflicts, ..Done::default() }))
    }
}

/// SHA-256 of what a request asks for, in hexadecimal digits.
fn digest(request: &AddEdits) -> Result<String, sqlx::Error> {
    let mut body = serde_json::to_vec(&request.edits).map_err(|error| sqlx::Error::Encode(error.into()))?;
    body.extend_from_slice(match request.on_conflict {
        // The only rule there was before rules could be chosen.
        OnConflict::KeepBoth => b"",
        OnConflict::Refuse => b"refuse",
        OnConflict::Supersede => b"supersede",
    });
    Ok(Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect())
}
