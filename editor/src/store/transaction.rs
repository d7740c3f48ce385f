//! One transaction of the log: what the waiting requests add and retire, checked against what is live.

use super::{
    database::{Database, LogRow, Operation},
    writer::{now, seconds},
};
use crate::{
    edit::{AddEdits, Edit, Limits, NewEdit},
    error::EditError,
    live::Live,
};
use amend_proto::EditId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// One request to the log.
#[derive(Debug)]
pub(super) enum Write {
    Add(AddEdits),
    Retire(EditId),
}

/// What one request is answered: its edits, or why it was refused.
type Outcome = Result<Vec<Edit>, EditError>;

/// A transaction in the making.
pub(super) struct Transaction<'a> {
    database: &'a mut Database,
    live: &'a Live,
    limits: &'a Limits,
    now: i64,
    next_seq: i64,
    /// How many edits are live after it.
    count: usize,
    /// What it makes of ids: live with this content, or retired.
    pending: HashMap<EditId, Option<Edit>>,
    operations: Vec<Operation>,
}

impl<'a> Transaction<'a> {
    /// Writes and commits. A request that is refused leaves no trace and does not keep the others from theirs; a
    /// failure of the database is everyone's.
    pub(super) async fn run(
        database: &'a mut Database,
        live: &'a Live,
        limits: &'a Limits,
        writes: &[Write],
    ) -> Result<(Vec<Operation>, Vec<Outcome>), sqlx::Error> {
        database.begin().await?;
        let next_seq = database.next_seq().await?;
        let (pending, operations) = (HashMap::new(), Vec::new());
        let count = live.len();
        let mut this = Self { database, live, limits, now: now(), next_seq, count, pending, operations };
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(match write {
                Write::Add(batch) => this.add(batch).await?,
                Write::Retire(id) => this.retire(id).await?,
            });
        }
        this.database.commit().await?;
        Ok((this.operations, outcomes))
    }

    async fn add(&mut self, batch: &AddEdits) -> Result<Outcome, sqlx::Error> {
        let Some(key) = &batch.idempotency_key else { return self.store(batch).await };
        let body = serde_json::to_vec(&batch.edits).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let body = Sha256::digest(body);
        let since = self.now - seconds(self.limits.key_retention);
        if let Some(answered) = self.database.answered(key, since).await? {
            return Ok(match answered.body == body.as_slice() {
                true => self.database.added_by(&answered.seqs).await,
                false => Err(EditError::Conflict {
                    param: "idempotency_key".to_owned(),
                    message: format!("the idempotency key {key:?} was used with another body; use a new key"),
                }),
            });
        }
        let outcome = self.store(batch).await?;
        if let Ok(edits) = &outcome {
            let seqs: Vec<i64> = edits.iter().map(|edit| edit.seq).collect();
            let seqs = serde_json::to_string(&seqs).map_err(|error| sqlx::Error::Encode(error.into()))?;
            self.database.remember(key, &body, &seqs, self.now).await?;
        }
        Ok(outcome)
    }

    /// Appends what of a batch is not live already.
    async fn store(&mut self, batch: &AddEdits) -> Result<Outcome, sqlx::Error> {
        let mut edits = Vec::with_capacity(batch.edits.len());
        let mut fresh = Vec::new();
        for (at, new) in batch.edits.iter().enumerate() {
            let seq = self.next_seq + fresh.len() as i64;
            match new.id.as_ref().and_then(|id| self.current(id)) {
                Some(known) if known.text == new.text && known.subject == new.subject => edits.push(known),
                Some(known) => return Ok(Err(taken(at, &known.id))),
                None => {
                    let edit = self.make(new, seq);
                    fresh.push(edit.clone());
                    edits.push(edit);
                }
            }
        }
        if self.count + fresh.len() > self.limits.max_live && !fresh.is_empty() {
            return Ok(Err(EditError::Full { limit: self.limits.max_live, live: self.count }));
        }
        let row = |edit: &Edit| (edit.id.clone(), Some(edit.clone()));
        if let Some(first) = fresh.first() {
            let rows: Vec<LogRow<'_>> = fresh.iter().map(|edit| LogRow::add(edit, first.seq)).collect();
            self.database.append(&rows).await?;
        }
        self.next_seq += fresh.len() as i64;
        self.count += fresh.len();
        self.pending.extend(fresh.iter().map(row));
        self.operations.extend(fresh.into_iter().map(Operation::Add));
        Ok(Ok(edits))
    }

    async fn retire(&mut self, id: &EditId) -> Result<Outcome, sqlx::Error> {
        let Some(edit) = self.current(id) else { return Ok(Err(EditError::NotFound { id: id.clone() })) };
        let seq = self.next_seq;
        self.database.append(&[LogRow::retire(id, seq, self.now)]).await?;
        self.next_seq += 1;
        self.count = self.count.saturating_sub(1);
        self.pending.insert(id.clone(), None);
        self.operations.push(Operation::Retire { seq, id: id.clone() });
        Ok(Ok(vec![edit]))
    }

    /// What is live under an id as this transaction stands.
    fn current(&self, id: &EditId) -> Option<Edit> {
        match self.pending.get(id) {
            Some(pending) => pending.clone(),
            None => self.live.get(id),
        }
    }

    fn make(&self, new: &NewEdit, seq: i64) -> Edit {
        let id = new.id.clone().unwrap_or_else(EditId::fresh);
        Edit { id, seq, text: new.text.clone(), subject: new.subject.clone(), created_at: self.now }
    }
}

fn taken(at: usize, id: &EditId) -> EditError {
    EditError::Conflict {
        param: format!("edits[{at}].id"),
        message: format!(
            "an edit {:?} with another text or subject is live; remove it first, or use another id",
            id.as_str()
        ),
    }
}
