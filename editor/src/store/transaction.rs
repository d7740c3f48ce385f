//! One transaction of the log: what the waiting requests add and retire, checked against what is live.

use super::{
    database::{Answered, Database, KeyRow, LogRow, Operation},
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

/// A transaction in the making. It is planned in memory, which is right because nobody else writes, and then written
/// at once.
pub(super) struct Transaction<'a> {
    database: &'a mut Database,
    live: &'a Live,
    limits: &'a Limits,
    now: i64,
    /// How many edits are live after it.
    count: usize,
    /// What it makes of ids: live with this content, or retired.
    pending: HashMap<EditId, Option<Edit>>,
    operations: Vec<Operation>,
    /// By operation: the sequence number of the first one of its request.
    batches: Vec<i64>,
    keys: Vec<KeyRow>,
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
        let mut this = Self {
            count: live.len(),
            database,
            live,
            limits,
            now: now(),
            pending: HashMap::new(),
            operations: Vec::new(),
            batches: Vec::new(),
            keys: Vec::new(),
        };
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(match write {
                Write::Add(batch) => this.add(batch).await?,
                Write::Retire(id) => this.retire(id),
            });
        }
        let rows: Vec<LogRow<'_>> = this
            .operations
            .iter()
            .zip(&this.batches)
            .map(|(op, batch)| LogRow::new(op, *batch, this.now))
            .collect();
        this.database.write(&rows, &this.keys).await?;
        Ok((this.operations, outcomes))
    }

    async fn add(&mut self, batch: &AddEdits) -> Result<Outcome, sqlx::Error> {
        let Some(key) = &batch.idempotency_key else { return Ok(self.plan(batch)) };
        let body = serde_json::to_vec(&batch.edits).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let body: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        if let Some(answered) = self.answered(key).await? {
            return match answered.body == body {
                true => self.again(&answered.seqs).await,
                false => Ok(Err(EditError::Conflict {
                    param: "idempotency_key".to_owned(),
                    message: format!("the idempotency key {key:?} was used with another body; use a new key"),
                })),
            };
        }
        let outcome = self.plan(batch);
        if let Ok(edits) = &outcome {
            let seqs = edits.iter().map(|edit| edit.seq).collect();
            self.keys.push(KeyRow { key: key.clone(), answered: Answered { body, seqs }, at: self.now });
        }
        Ok(outcome)
    }

    /// What a key was answered before, in this transaction or an earlier one.
    async fn answered(&mut self, key: &str) -> Result<Option<Answered>, sqlx::Error> {
        match self.keys.iter().find(|row| row.key == key) {
            Some(row) => Ok(Some(row.answered.clone())),
            None => self.database.answered(key, self.now - seconds(self.limits.key_retention)).await,
        }
    }

    /// The edits that log entries added, live or not.
    async fn again(&mut self, seqs: &[i64]) -> Result<Outcome, sqlx::Error> {
        let planned = |seq: &i64| {
            self.operations.iter().find_map(|operation| match operation {
                Operation::Add(edit) if edit.seq == *seq => Some(edit.clone()),
                Operation::Add(_) | Operation::Retire { .. } => None,
            })
        };
        match seqs.iter().map(planned).collect::<Option<Vec<Edit>>>() {
            Some(edits) => Ok(Ok(edits)),
            None => self.database.added_by(seqs).await,
        }
    }

    /// Adds what of a batch is not live already.
    fn plan(&mut self, batch: &AddEdits) -> Outcome {
        let first = self.next_seq();
        let mut edits = Vec::with_capacity(batch.edits.len());
        let mut fresh: Vec<Edit> = Vec::new();
        for (at, new) in batch.edits.iter().enumerate() {
            match new.id.as_ref().and_then(|id| self.current(id)) {
                Some(known) if known.text == new.text && known.subject == new.subject => edits.push(known),
                Some(known) => return Err(taken(at, &known.id)),
                None => {
                    let edit = self.make(new, first + fresh.len() as i64);
                    fresh.push(edit.clone());
                    edits.push(edit);
                }
            }
        }
        if self.count + fresh.len() > self.limits.max_live && !fresh.is_empty() {
            return Err(EditError::Full { limit: self.limits.max_live, live: self.count });
        }
        self.count += fresh.len();
        for edit in fresh {
            self.pending.insert(edit.id.clone(), Some(edit.clone()));
            self.batches.push(first);
            self.operations.push(Operation::Add(edit));
        }
        Ok(edits)
    }

    fn retire(&mut self, id: &EditId) -> Outcome {
        let edit = self.current(id).ok_or_else(|| EditError::NotFound { id: id.clone() })?;
        let seq = self.next_seq();
        self.count = self.count.saturating_sub(1);
        self.pending.insert(id.clone(), None);
        self.batches.push(seq);
        self.operations.push(Operation::Retire { seq, id: id.clone() });
        Ok(vec![edit])
    }

    fn next_seq(&self) -> i64 {
        self.live.through() + 1 + self.operations.len() as i64
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
