//! The edits of one tenant that stand.

use super::Claim;
use crate::{
    conflict::{Conflict, ConflictKind, Conflicting, Register, Resolution, Search},
    edit::{Edit, Listed, Seq},
    index::{Document, Index, Prepared, Slot},
    table::{Entry, Numbered, Table, short_hash},
    time::Timestamp,
};
use amend_proto::{EditId, TenantId};
use std::{collections::BTreeMap, ops::Bound};

/// By id, by version, by what they are about, and by what they state. The edits themselves are in the index.
#[derive(Debug, Default)]
pub(super) struct Standing {
    by_id: Table<Numbered>,
    by_seq: BTreeMap<Seq, Slot>,
    pub(super) index: Index,
    pub(super) register: Register,
}

fn entry(id: &EditId, number: Slot) -> Numbered {
    Numbered { hash: short_hash(id.as_str()), number }
}

impl Standing {
    pub(super) fn of(tenant: TenantId) -> Self {
        Self { index: Index::of(tenant), ..Self::default() }
    }

    /// Puts in a version; none may stand under its id.
    pub(super) fn insert(&mut self, prepared: Prepared) {
        let (seq, id) = (prepared.seq, prepared.id.clone());
        self.register.insert(seq, prepared.reading.facts());
        let slot = self.index.insert(prepared);
        self.by_id.insert(entry(&id, slot));
        self.by_seq.insert(seq, slot);
    }

    fn slot(&self, id: &EditId) -> Option<Slot> {
        let wanted = entry(id, 0);
        let fits = |known: &Numbered| known.hash == wanted.hash && is(&self.index, known.number, id);
        self.by_id.get(wanted.hash(), fits).map(|known| known.number)
    }

    /// Whether there was something to forget.
    pub(super) fn forget(&mut self, id: &EditId) -> bool {
        let (wanted, index) = (entry(id, 0), &self.index);
        let fits = |known: &Numbered| known.hash == wanted.hash && is(index, known.number, id);
        let Some(slot) = self.by_id.remove(wanted.hash(), fits).map(|known| known.number) else {
            return false;
        };
        if let Some(document) = self.index.document(slot) {
            let seq = document.edit.seq;
            self.register.remove(seq, document.facts);
            self.by_seq.remove(&seq);
        }
        self.index.remove(slot);
        true
    }

    pub(super) fn get(&self, id: &EditId) -> Option<Edit> {
        self.index.edit(self.slot(id)?)
    }

    /// Where a version is kept, if it stands.
    pub(super) fn slot_of(&self, version: Seq) -> Option<Slot> {
        self.by_seq.get(&version).copied()
    }

    pub(super) fn list(&self, limit: usize, after: Seq) -> Listed {
        let mut rest = self.by_seq.range((Bound::Excluded(after), Bound::Unbounded));
        let (mut edits, mut last) = (Vec::new(), None);
        for (version, slot) in rest.by_ref().take(limit) {
            last = Some(*version);
            edits.extend(self.index.edit(*slot));
        }
        Listed { edits, next: last.filter(|_| rest.next().is_some()) }
    }

    fn document(&self, seq: Seq) -> Option<(Slot, Document<'_>)> {
        let slot = *self.by_seq.get(&seq)?;
        self.index.document(slot).map(|document| (slot, document))
    }

    pub(super) fn conflicting(
        &self,
        claim: Claim<'_>,
        counts: impl Fn(&Edit) -> bool,
    ) -> Vec<(Edit, ConflictKind)> {
        let conflict = |seq: Seq| {
            let (slot, document) = self.document(seq)?;
            if document.edit.is(claim.id.as_str()) {
                return None;
            }
            let kind = claim.facts.against(document.facts)?;
            let edit = self.index.edit(slot)?;
            (edit.content.meets(claim.content, claim.now) && counts(&edit)).then_some((edit, kind))
        };
        let sharing = self.register.sharing(claim.facts, claim.before).take(claim.search.compared);
        sharing.filter_map(conflict).take(claim.search.found).collect()
    }

    /// A version with the older ones that it conflicts with, if there are any.
    pub(super) fn conflicts_of(&self, seq: Seq, now: Timestamp) -> Option<Conflicting> {
        let (slot, document) = self.document(seq)?;
        let edit = self.index.edit(slot)?;
        let (id, content, facts) = (&edit.id, &edit.content, document.facts);
        let claim = Claim { id, content, facts, now, before: seq, search: Search::TOLD };
        let conflicts: Vec<Conflict> = self
            .conflicting(claim, |_| true)
            .into_iter()
            .map(|(other, kind)| Conflict {
                edit: edit.id.clone(),
                with: other.id.clone(),
                with_seq: other.seq,
                kind,
                resolution: Resolution::KeptBoth,
            })
            .collect();
        (!conflicts.is_empty()).then_some(Conflicting { edit, conflicts })
    }
}

/// Whether the edit of a slot has this id.
fn is(index: &Index, slot: Slot, id: &EditId) -> bool {
    index.document(slot).is_some_and(|document| document.edit.is(id.as_str()))
}
