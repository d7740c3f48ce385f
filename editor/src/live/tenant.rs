//! The edits of one tenant that stand.

use super::Claim;
use crate::{
    conflict::{Conflict, ConflictKind, Conflicting, MAX_CONFLICTS, Register, Resolution},
    edit::{Edit, Listed, Seq},
    index::{Document, Index, Prepared, Slot},
    time::Timestamp,
};
use amend_proto::EditId;
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// By id, by version, by what they are about, and by what they state.
#[derive(Debug, Default)]
pub(super) struct Standing {
    by_id: FxHashMap<EditId, Seq>,
    by_seq: BTreeMap<Seq, (Slot, Arc<Edit>)>,
    pub(super) index: Index,
    pub(super) register: Register,
}

impl Standing {
    pub(super) fn insert(&mut self, prepared: Prepared) {
        let edit = Arc::clone(&prepared.edit);
        self.register.insert(edit.seq, prepared.reading.facts());
        let slot = self.index.insert(prepared);
        self.by_id.insert(edit.id.clone(), edit.seq);
        self.by_seq.insert(edit.seq, (slot, edit));
    }

    /// Whether there was something to forget.
    pub(super) fn forget(&mut self, id: &EditId) -> bool {
        let Some(seq) = self.by_id.remove(id) else { return false };
        if let Some((slot, _)) = self.by_seq.remove(&seq) {
            if let Some(document) = self.index.document(slot) {
                self.register.remove(seq, &document.facts);
            }
            self.index.remove(slot);
        }
        true
    }

    pub(super) fn get(&self, id: &EditId) -> Option<&Arc<Edit>> {
        self.by_seq.get(self.by_id.get(id)?).map(|(_, edit)| edit)
    }

    /// Where a version is kept, if it stands.
    pub(super) fn slot(&self, version: Seq) -> Option<Slot> {
        self.by_seq.get(&version).map(|(slot, _)| *slot)
    }

    pub(super) fn list(&self, limit: usize, after: Seq) -> Listed {
        let mut rest = self.by_seq.range((Bound::Excluded(after), Bound::Unbounded));
        let edits = rest.by_ref().take(limit).map(|(_, (_, edit))| edit.as_ref().clone()).collect();
        Listed { edits, has_more: rest.next().is_some() }
    }

    fn document(&self, seq: Seq) -> Option<&Document> {
        self.by_seq.get(&seq).and_then(|(slot, _)| self.index.document(*slot))
    }

    pub(super) fn conflicting(&self, claim: Claim<'_>) -> Vec<(Arc<Edit>, ConflictKind)> {
        let conflict = |seq: Seq| {
            let document = self.document(seq)?;
            let edit = &document.edit;
            if edit.id == *claim.id || !edit.content.meets(claim.content, claim.now) {
                return None;
            }
            Some((Arc::clone(edit), claim.facts.against(&document.facts)?))
        };
        let sharing = self.register.sharing(claim.facts, claim.before, claim.most);
        sharing.into_iter().filter_map(conflict).take(claim.most).collect()
    }

    /// A version with the older ones that it conflicts with, if there are any.
    pub(super) fn conflicts_of(&self, seq: Seq, now: Timestamp) -> Option<Conflicting> {
        let document = self.document(seq)?;
        let edit = document.edit.as_ref();
        let (before, most) = (seq, MAX_CONFLICTS);
        let claim = Claim { id: &edit.id, content: &edit.content, facts: &document.facts, now, before, most };
        let conflicts: Vec<Conflict> = self
            .conflicting(claim)
            .into_iter()
            .map(|(other, kind)| Conflict {
                edit: edit.id.clone(),
                with: other.id.clone(),
                with_seq: other.seq,
                kind,
                resolution: Resolution::KeptBoth,
            })
            .collect();
        (!conflicts.is_empty()).then(|| Conflicting { edit: edit.clone(), conflicts })
    }
}
