//! What a transaction in the making changes, over what stands; and how a part of it is taken back.

use crate::{
    conflict::{ConflictKind, FactKey},
    edit::{Edit, Seq},
    index::Reading,
    live::{Claim, Live},
    operation::{Change, Operation},
};
use amend_proto::{EditId, TenantId};
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;

type Name = (TenantId, EditId);

/// An id as the transaction leaves it.
#[derive(Debug, Clone)]
pub(super) enum State {
    Stands(Arc<Edit>),
    /// It does not stand; this was its last version.
    Gone(Arc<Edit>),
}

/// One operation with the reading of the version that it makes stand, as far as there is one.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) operation: Operation,
    pub(super) reading: Option<Reading>,
}

/// The operations of a transaction, and what they add up to.
pub(super) struct Pending<'a> {
    live: &'a Live,
    pub(super) steps: Vec<Step>,
    /// How many edits stand after it.
    pub(super) count: usize,
    states: HashMap<Name, State>,
    /// By statement: the steps that make it.
    stating: HashMap<(TenantId, FactKey), Vec<usize>>,
    /// Former states of the names that were changed, in order.
    undo: Vec<(Name, Option<State>)>,
}

/// A point to which a transaction can be taken back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    steps: usize,
    undo: usize,
    count: usize,
}

impl<'a> Pending<'a> {
    pub(super) fn new(live: &'a Live) -> Self {
        Self {
            live,
            steps: Vec::new(),
            count: live.len(),
            states: HashMap::default(),
            stating: HashMap::default(),
            undo: Vec::new(),
        }
    }

    pub(super) fn next_seq(&self) -> Seq {
        self.live.through().plus(1 + self.steps.len())
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { steps: self.steps.len(), undo: self.undo.len(), count: self.count }
    }

    pub(super) fn take_back(&mut self, mark: Mark) {
        self.count = mark.count;
        for (name, former) in self.undo.drain(mark.undo..).rev() {
            match former {
                Some(state) => self.states.insert(name, state),
                None => self.states.remove(&name),
            };
        }
        for step in self.steps.drain(mark.steps..) {
            let Some(reading) = step.reading else { continue };
            for key in reading.facts().keys() {
                if let Some(steps) = self.stating.get_mut(&(step.operation.tenant.clone(), key)) {
                    steps.retain(|at| *at < mark.steps);
                }
            }
        }
    }

    pub(super) fn push(&mut self, step: Step) {
        let name = (step.operation.tenant.clone(), step.operation.edit.clone());
        let stood = self.current(&name);
        let state = match step.operation.change.edit() {
            Some(edit) => State::Stands(Arc::clone(edit)),
            None => match stood.clone().or_else(|| self.gone(&name)) {
                Some(edit) => State::Gone(edit),
                // Nothing was there to take back; planning has refused it before.
                None => return,
            },
        };
        self.count -= usize::from(stood.is_some());
        self.count += usize::from(matches!(state, State::Stands(_)));
        if let Some(reading) = &step.reading {
            for key in reading.facts().keys() {
                self.stating.entry((name.0.clone(), key)).or_default().push(self.steps.len());
            }
        }
        let former = self.states.insert(name.clone(), state);
        self.undo.push((name, former));
        self.steps.push(step);
    }

    /// What stands under a name.
    pub(super) fn current(&self, name: &Name) -> Option<Arc<Edit>> {
        match self.states.get(name) {
            Some(State::Stands(edit)) => Some(Arc::clone(edit)),
            Some(State::Gone(_)) => None,
            None => self.live.get(&name.0, &name.1).map(Arc::new),
        }
    }

    /// The last version of an edit that this transaction took back.
    pub(super) fn gone(&self, name: &Name) -> Option<Arc<Edit>> {
        match self.states.get(name) {
            Some(State::Gone(edit)) => Some(Arc::clone(edit)),
            Some(State::Stands(_)) | None => None,
        }
    }

    /// What a claim conflicts with, newest first.
    pub(super) fn conflicting(&self, tenant: &TenantId, claim: Claim<'_>) -> Vec<(Arc<Edit>, ConflictKind)> {
        let mut found = self.here(tenant, claim);
        if found.len() < claim.search.found {
            let unchanged = |edit: &Edit| !self.states.contains_key(&(tenant.clone(), edit.id.clone()));
            let standing = self.live.conflicting(tenant, claim, unchanged).into_iter();
            found.extend(standing.map(|(edit, kind)| (Arc::new(edit), kind)));
            found.truncate(claim.search.found);
        }
        found
    }

    /// The same, among the versions that this transaction makes stand.
    fn here(&self, tenant: &TenantId, claim: Claim<'_>) -> Vec<(Arc<Edit>, ConflictKind)> {
        if self.stating.is_empty() {
            return Vec::new();
        }
        let keys = claim.facts.keys().filter_map(|key| self.stating.get(&(tenant.clone(), key)));
        let compared = claim.search.compared;
        let mut steps: Vec<usize> =
            keys.flat_map(|steps| steps.iter().rev().take(compared).copied()).collect();
        steps.sort_unstable_by(|a, b| b.cmp(a));
        steps.dedup();
        let conflict = |at: usize| {
            let step = self.steps.get(at)?;
            let edit = step.operation.change.edit()?;
            let name = (tenant.clone(), edit.id.clone());
            let stands = matches!(self.states.get(&name), Some(State::Stands(now)) if now.seq == edit.seq);
            if !stands || edit.id == *claim.id || !edit.content.meets(claim.content, claim.now) {
                return None;
            }
            let facts = step.reading.as_ref()?.facts();
            Some((Arc::clone(edit), claim.facts.against(facts)?))
        };
        steps.into_iter().take(compared).filter_map(conflict).take(claim.search.found).collect()
    }

    /// A version that this transaction writes, by its number.
    pub(super) fn version(&self, seq: Seq) -> Option<Arc<Edit>> {
        let at = self.steps.binary_search_by_key(&seq, |step| step.operation.seq).ok()?;
        self.steps.get(at).and_then(|step| match &step.operation.change {
            Change::Add(edit) | Change::Supersede(edit) => Some(Arc::clone(edit)),
            Change::Restore(_) | Change::Retire | Change::Displace { .. } => None,
        })
    }
}
