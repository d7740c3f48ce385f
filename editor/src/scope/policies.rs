//! Whose scope is decided how: what is set for one tenant, over what is set for all, over what the editor was opened with.

use super::{ScopeModelError, ScopePolicy, ScopeSettings};
use amend_proto::TenantId;
use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The most tenants that may have settings of their own.
pub(crate) const MAX_SCOPES: usize = 10_000;

/// What is set for somebody, and the policy that it makes.
#[derive(Debug, Clone)]
struct Set {
    settings: Arc<ScopeSettings>,
    policy: Arc<ScopePolicy>,
}

#[derive(Debug)]
struct State {
    everyone: Set,
    tenants: FxHashMap<TenantId, Set>,
}

/// The policies in use. Read by every request without a lock; changed by the writer alone.
#[derive(Debug)]
pub(crate) struct Policies {
    base: ScopePolicy,
    state: ArcSwap<State>,
}

/// Settings of one tenant, or of all for `None`.
pub(crate) type Row = (Option<TenantId>, ScopeSettings);

impl Policies {
    /// # Errors
    /// [`ScopeModelError::Range`] when a number in the rows is out of its range.
    pub(crate) fn new(base: ScopePolicy, rows: Vec<Row>) -> Result<Self, ScopeModelError> {
        let state = State::new(&base, rows)?;
        Ok(Self { base, state: ArcSwap::from_pointee(state) })
    }

    /// How the scope of a tenant's edits is decided.
    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<ScopePolicy> {
        let state = self.state.load();
        Arc::clone(&state.tenants.get(tenant).unwrap_or(&state.everyone).policy)
    }

    /// What is set for a tenant, or for all.
    pub(crate) fn settings(&self, tenant: Option<&TenantId>) -> Option<ScopeSettings> {
        let state = self.state.load();
        let set = match tenant {
            Some(tenant) => state.tenants.get(tenant)?,
            None => &state.everyone,
        };
        (*set.settings != ScopeSettings::default()).then(|| set.settings.as_ref().clone())
    }

    /// The state after a change, if it is a possible one.
    fn changed(&self, (tenant, settings): Row) -> Result<State, ScopeModelError> {
        let state = self.state.load();
        let others = state.tenants.iter().filter(|(known, _)| Some(*known) != tenant.as_ref());
        let mut rows: Vec<Row> =
            others.map(|(tenant, set)| (Some(tenant.clone()), set.settings.as_ref().clone())).collect();
        if tenant.is_some() {
            rows.push((None, state.everyone.settings.as_ref().clone()));
        }
        if settings != ScopeSettings::default() {
            rows.push((tenant, settings));
        }
        State::new(&self.base, rows)
    }

    /// Whether a change is possible, before it is stored.
    pub(crate) fn check(&self, row: &Row) -> Result<(), ScopeModelError> {
        self.changed(row.clone()).map(drop)
    }

    /// Makes a change that is stored; one that is not possible is not made.
    pub(crate) fn set(&self, row: Row) {
        if let Ok(state) = self.changed(row) {
            self.state.store(Arc::new(state));
        }
    }
}

impl State {
    fn new(base: &ScopePolicy, rows: Vec<Row>) -> Result<Self, ScopeModelError> {
        let most = MAX_SCOPES + 1;
        if rows.len() > most {
            let (field, value) = ("the number of tenants with settings".to_owned(), rows.len() as f64);
            return Err(ScopeModelError::Range { field, value, range: "at most 10000" });
        }
        let for_all = rows.iter().find(|(tenant, _)| tenant.is_none()).map(|(_, settings)| settings.clone());
        let everyone = Set::over(base, for_all.unwrap_or_default())?;
        let of_tenants = rows.into_iter().filter_map(|(tenant, settings)| Some((tenant?, settings)));
        let tenants = of_tenants
            .map(|(tenant, settings)| Ok((tenant, Set::over(&everyone.policy, settings)?)))
            .collect::<Result<_, ScopeModelError>>()?;
        Ok(Self { everyone, tenants })
    }
}

impl Set {
    fn over(base: &ScopePolicy, settings: ScopeSettings) -> Result<Self, ScopeModelError> {
        let policy = Arc::new(settings.over(base)?);
        Ok(Self { settings: Arc::new(settings), policy })
    }
}
