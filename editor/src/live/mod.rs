//! The edits that stand, in memory: what the log adds up to. Every tenant's are kept apart.

mod load;
mod tenant;

use crate::{
    conflict::{ConflictKind, Conflicting, Conflicts, FactsView, Search},
    dense::Near,
    edit::{Content, Edit, Listed, Seq},
    index::{Index, Prepared, Reading, Slot},
    operation::{Cause, Operation},
    time::Timestamp,
};
use amend_proto::{EditId, TenantId};
use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use tenant::Standing;

/// After so many operations lookups get their turn, unless a request is not in whole (about 10 µs each). A rollback,
/// which may be of millions, need not be.
const MAX_LOCKED: usize = 64;
/// So many versions are looked at for one page of conflicts, whatever they yield.
const MAX_LOOKED_AT: usize = 128;

#[derive(Debug, Default)]
struct State {
    tenants: BTreeMap<TenantId, Standing>,
    /// Edits that stand, of all tenants.
    count: usize,
    /// The last operation that is in here.
    through: Seq,
}

/// The edits that stand, read by every request and changed by the writer alone.
///
/// Reading takes a shared lock for the time of one lookup, far below a millisecond; the writer takes the lock for
/// itself only to put in what was prepared outside it.
#[derive(Debug, Default)]
pub(crate) struct Live {
    state: RwLock<State>,
}

/// An operation, ready to be put in.
struct Step {
    operation: Operation,
    /// Of the version that stands after it.
    prepared: Option<Prepared>,
}

/// Statements to compare with the edits that stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) id: &'a EditId,
    pub(crate) content: &'a Content,
    pub(crate) facts: FactsView<'a>,
    /// Only edits that may still be in force count.
    pub(crate) now: Timestamp,
    /// Only versions older than this one count.
    pub(crate) before: Seq,
    pub(crate) search: Search,
}

impl Live {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic inside a lookup cannot leave the state half changed: lookups change nothing.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies operations in order, those of one request all at once for those who look; those that are in already are
    /// passed over.
    pub(crate) fn apply(&self, operations: Vec<(Operation, Option<Reading>)>) {
        let steps: Vec<Step> = operations
            .into_iter()
            .map(|(operation, reading)| {
                let prepared = operation.change.edit().map(|edit| match reading {
                    Some(reading) => Prepared::with(edit, reading),
                    None => Prepared::new(edit),
                });
                Step { operation, prepared }
            })
            .collect();
        let pieces: Vec<usize> = pieces(&steps).collect();
        let mut steps = steps.into_iter();
        for piece in pieces {
            let mut state = self.write();
            for step in steps.by_ref().take(piece) {
                state.step(step);
            }
            drop(state);
            // Whoever waited to look gets to.
            std::thread::yield_now();
        }
    }

    /// The last operation that is in.
    pub(crate) fn through(&self) -> Seq {
        self.read().through
    }

    /// How many edits stand, of all tenants.
    pub(crate) fn len(&self) -> usize {
        self.read().count
    }

    /// How many edits of a tenant stand.
    pub(crate) fn count(&self, tenant: &TenantId) -> usize {
        self.read().tenants.get(tenant).map_or(0, |standing| standing.index.len())
    }

    /// `limit` tenants that have edits, by name, after this one.
    pub(crate) fn tenants(&self, limit: usize, after: Option<&TenantId>) -> Vec<TenantId> {
        let state = self.read();
        let behind = |tenant: &&TenantId| after.is_none_or(|after| *tenant > after);
        state.tenants.keys().filter(behind).take(limit).cloned().collect()
    }

    pub(crate) fn get(&self, tenant: &TenantId, id: &EditId) -> Option<Edit> {
        let state = self.read();
        state.tenants.get(tenant)?.get(id)
    }

    /// `limit` edits of a tenant whose versions come after `after`, the oldest version first.
    pub(crate) fn list(&self, tenant: &TenantId, limit: usize, after: Seq) -> Listed {
        let state = self.read();
        match state.tenants.get(tenant) {
            Some(standing) => standing.list(limit, after),
            None => Listed { edits: Vec::new(), next: None },
        }
    }

    /// The edits of a tenant that a claim conflicts with, newest first, but for the one under its own id and those that
    /// do not count.
    pub(crate) fn conflicting(
        &self,
        tenant: &TenantId,
        claim: Claim<'_>,
        counts: impl Fn(&Edit) -> bool,
    ) -> Vec<(Edit, ConflictKind)> {
        let state = self.read();
        state.tenants.get(tenant).map_or_else(Vec::new, |standing| standing.conflicting(claim, counts))
    }

    /// The edits of a tenant that conflict with older ones: `limit` of those whose versions come after `after`.
    pub(crate) fn conflicts(&self, tenant: &TenantId, limit: usize, after: Seq, now: Timestamp) -> Conflicts {
        let state = self.read();
        let Some(standing) = state.tenants.get(tenant) else {
            return Conflicts { conflicts: Vec::new(), next: None };
        };
        let mut conflicts: Vec<Conflicting> = Vec::new();
        let mut last = after;
        for (looked_at, seq) in standing.register.shared_after(after).enumerate() {
            if conflicts.len() == limit || looked_at == MAX_LOOKED_AT {
                return Conflicts { conflicts, next: Some(last) };
            }
            conflicts.extend(standing.conflicts_of(seq, now));
            last = seq;
        }
        Conflicts { conflicts, next: None }
    }

    /// Whether this version of an edit of a tenant stands.
    pub(crate) fn stands(&self, tenant: &TenantId, version: Seq) -> bool {
        self.read().tenants.get(tenant).is_some_and(|standing| standing.slot_of(version).is_some())
    }

    /// Runs a lookup on the index of a tenant, with those of the near edits that stand, by slot, in their order; `None`
    /// when the tenant has no edits.
    pub(crate) fn look_up<T>(
        &self,
        tenant: &TenantId,
        near: &[Near],
        lookup: impl FnOnce(&Index, &[(Slot, f32)]) -> T,
    ) -> Option<T> {
        let state = self.read();
        let standing = state.tenants.get(tenant)?;
        let slot = |near: &Near| Some((standing.slot_of(near.seq)?, near.similarity));
        let near: Vec<(Slot, f32)> = near.iter().filter_map(slot).collect();
        Some(lookup(&standing.index, &near))
    }
}

/// How many of the steps are put in at a time.
fn pieces(steps: &[Step]) -> impl Iterator<Item = usize> {
    let together =
        |a: &Step, b: &Step| a.operation.batch == b.operation.batch && a.operation.cause == Cause::Request;
    let mut requests = steps.chunk_by(together).map(<[Step]>::len);
    std::iter::from_fn(move || {
        let mut piece = requests.next()?;
        while piece < MAX_LOCKED
            && let Some(more) = requests.next()
        {
            piece += more;
        }
        Some(piece)
    })
}

impl State {
    fn step(&mut self, Step { operation, prepared }: Step) {
        if operation.seq <= self.through {
            return;
        }
        self.through = operation.seq;
        match prepared {
            Some(prepared) => self.put(&operation.tenant, prepared),
            None => self.forget(&operation.tenant, &operation.edit),
        }
    }

    fn put(&mut self, tenant: &TenantId, prepared: Prepared) {
        // The name is cloned only for the first edit of a tenant.
        let standing = match self.tenants.get_mut(tenant) {
            Some(standing) => standing,
            None => self.tenants.entry(tenant.clone()).or_insert_with(|| Standing::of(tenant.clone())),
        };
        self.count -= usize::from(standing.forget(&prepared.id));
        self.count += 1;
        standing.insert(prepared);
    }

    fn forget(&mut self, tenant: &TenantId, id: &EditId) {
        let Some(standing) = self.tenants.get_mut(tenant) else { return };
        self.count -= usize::from(standing.forget(id));
        if standing.index.len() == 0 {
            self.tenants.remove(tenant);
        }
    }
}

#[cfg(test)]
mod tests;
