//! Brings the store to the state that a step needs.

use super::{
    plan::Protocol,
    store::{EditStore, NewEdit, StoreError},
};
use crate::data::EditRecord;
use amend_proto::EditId;
use std::collections::{HashMap, HashSet};

/// The name of a record's edit. It depends on nothing but the record, so that any later run over the same set finds
/// what an interrupted one left.
fn edit_id(record: &EditRecord, fact: usize) -> EditId {
    EditId::new(format!("eval/{}/{fact}", record.index)).expect("digits and slashes make an id")
}

/// The names of a record's edits.
pub(crate) fn edit_ids(record: &EditRecord) -> Vec<EditId> {
    (0..record.facts().count()).map(|fact| edit_id(record, fact)).collect()
}

fn edits(record: &EditRecord) -> impl Iterator<Item = NewEdit> {
    record.facts().enumerate().map(|(place, fact)| NewEdit {
        id: edit_id(record, place),
        subject: fact.subject.clone(),
        text: fact.statement.clone(),
    })
}

/// The store, and what this run has put into it.
pub(crate) struct Live<'a> {
    store: &'a dyn EditStore,
    records: &'a [EditRecord],
    /// Places in `records`, in the order in which they were added.
    inside: Vec<usize>,
    /// Records that the store would not take, and why.
    rejected: HashMap<usize, String>,
}

impl<'a> Live<'a> {
    /// Removes what an earlier run may have left of these records.
    pub(crate) async fn begin(
        store: &'a dyn EditStore,
        records: &'a [EditRecord],
        used: &HashSet<usize>,
    ) -> Result<Self, StoreError> {
        let live = Self { store, records, inside: Vec::new(), rejected: HashMap::new() };
        let mut used: Vec<usize> = used.iter().copied().collect();
        used.sort_unstable();
        live.remove(&used).await?;
        Ok(live)
    }

    /// Why the store would not take this record's edits.
    pub(crate) fn rejected(&self, record: usize) -> Option<String> {
        self.rejected.get(&record).cloned()
    }

    /// Makes the store hold these records' edits and no others of this run.
    pub(crate) async fn bring(&mut self, wanted: &[usize], protocol: Protocol) -> Result<(), StoreError> {
        let keep: HashSet<usize> = wanted.iter().copied().collect();
        let (kept, gone): (Vec<usize>, Vec<usize>) =
            self.inside.iter().partition(|record| keep.contains(record));
        self.remove(&gone).await?;
        let inside: HashSet<usize> = kept.iter().copied().collect();
        self.inside = kept;
        let missing: Vec<usize> = wanted.iter().copied().filter(|record| !inside.contains(record)).collect();
        for together in self.groups(&missing, protocol) {
            self.add(&together).await?;
        }
        Ok(())
    }

    /// Takes everything out.
    pub(crate) async fn clear(&mut self) -> Result<(), StoreError> {
        let inside = std::mem::take(&mut self.inside);
        self.remove(&inside).await
    }

    /// Which records are added in one call.
    fn groups(&self, records: &[usize], protocol: Protocol) -> Vec<Vec<usize>> {
        if protocol != Protocol::Batch {
            return records.iter().map(|&record| vec![record]).collect();
        }
        let (mut groups, mut room): (Vec<Vec<usize>>, usize) = (Vec::new(), 0);
        for &record in records {
            let needed = self.records[record].facts().count();
            match groups.last_mut() {
                Some(group) if needed <= room => {
                    room -= needed;
                    group.push(record);
                }
                _ => {
                    room = self.store.batch().get().saturating_sub(needed);
                    groups.push(vec![record]);
                }
            }
        }
        groups
    }

    async fn add(&mut self, together: &[usize]) -> Result<(), StoreError> {
        // Noted first: what a failing store may have taken after all is removed in the end.
        self.inside.extend(together);
        let all = together.iter().flat_map(|&record| edits(&self.records[record])).collect();
        match self.store.add(all).await {
            Err(StoreError::Rejected { .. }) if together.len() > 1 => {}
            Err(StoreError::Rejected { reason }) => {
                self.rejected.extend(together.iter().map(|&record| (record, reason.clone())));
                return Ok(());
            }
            done => return done,
        }
        // One of them is at fault; the others are not to suffer.
        for &record in together {
            match self.store.add(edits(&self.records[record]).collect()).await {
                Err(StoreError::Rejected { reason }) => {
                    self.rejected.insert(record, reason);
                }
                done => done?,
            }
        }
        Ok(())
    }

    async fn remove(&self, records: &[usize]) -> Result<(), StoreError> {
        let ids: Vec<EditId> = records.iter().flat_map(|&record| edit_ids(&self.records[record])).collect();
        for batch in ids.chunks(self.store.batch().get()) {
            self.store.remove(batch.to_vec()).await?;
        }
        Ok(())
    }
}
