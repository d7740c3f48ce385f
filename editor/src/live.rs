//! The live edits in memory: what the log adds up to.

use crate::{
    edit::{Edit, Listed},
    index::{Index, Prepared, Slot},
    store::Operation,
};
use amend_proto::EditId;
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

/// The live edits by id, in order, and by what they are about.
#[derive(Debug, Default)]
struct State {
    by_id: HashMap<EditId, (i64, Slot)>,
    by_seq: BTreeMap<i64, Arc<Edit>>,
    index: Index,
    /// The last operation that is in here.
    through: i64,
}

/// The live edits, read by every request and changed by the writer alone.
///
/// Reading takes a shared lock for the time of one lookup, far below a millisecond; the writer takes the lock for
/// itself only to put in what was prepared outside it.
#[derive(Debug, Default)]
pub(crate) struct Live {
    state: RwLock<State>,
}

enum Change {
    Add(Arc<Edit>, Prepared),
    Retire(i64, EditId),
}

impl Live {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic inside a lookup cannot leave the state half changed: lookups change nothing.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies operations in order; those that are in already are passed over.
    pub(crate) fn apply(&self, operations: Vec<Operation>) {
        let changes: Vec<Change> = operations
            .into_iter()
            .map(|operation| match operation {
                Operation::Add(edit) => {
                    let edit = Arc::new(edit);
                    Change::Add(Arc::clone(&edit), Prepared::new(edit))
                }
                Operation::Retire { seq, id } => Change::Retire(seq, id),
            })
            .collect();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            state.change(change);
        }
    }

    /// The last operation that is in.
    pub(crate) fn through(&self) -> i64 {
        self.read().through
    }

    pub(crate) fn len(&self) -> usize {
        self.read().index.len()
    }

    pub(crate) fn get(&self, id: &EditId) -> Option<Edit> {
        let state = self.read();
        let (seq, _) = state.by_id.get(id)?;
        state.by_seq.get(seq).map(|edit| edit.as_ref().clone())
    }

    /// Where in the log a live edit stands.
    pub(crate) fn seq_of(&self, id: &EditId) -> Option<i64> {
        self.read().by_id.get(id).map(|(seq, _)| *seq)
    }

    /// `limit` edits with a sequence number above `after`, oldest first.
    pub(crate) fn list(&self, limit: usize, after: i64) -> Listed {
        let state = self.read();
        let mut rest = state.by_seq.range((Bound::Excluded(after), Bound::Unbounded));
        let edits = rest.by_ref().take(limit).map(|(_, edit)| edit.as_ref().clone()).collect();
        Listed { edits, has_more: rest.next().is_some() }
    }

    /// Runs a lookup on the index.
    pub(crate) fn look_up<T>(&self, lookup: impl FnOnce(&Index) -> T) -> T {
        lookup(&self.read().index)
    }
}

impl State {
    fn change(&mut self, change: Change) {
        match change {
            Change::Add(edit, prepared) if edit.seq > self.through => {
                self.through = edit.seq;
                self.forget(&edit.id);
                let slot = self.index.insert(prepared);
                self.by_id.insert(edit.id.clone(), (edit.seq, slot));
                self.by_seq.insert(edit.seq, edit);
            }
            Change::Retire(seq, id) if seq > self.through => {
                self.through = seq;
                self.forget(&id);
            }
            Change::Add(..) | Change::Retire(..) => {}
        }
    }

    fn forget(&mut self, id: &EditId) {
        if let Some((seq, slot)) = self.by_id.remove(id) {
            self.by_seq.remove(&seq);
            self.index.remove(slot);
        }
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
