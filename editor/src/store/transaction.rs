//! One transaction of the log: what the waiting requests ask for, checked against what stands.

use super::{
    database::{Answered, Database, KeyRow},
    pending::{Pending, Step},
    write::{AddBatch, Done, How, Outcome, Placed, Write},
};
use crate::{
    conflict::{Conflict, ConflictKind, MAX_CONFLICTS, Resolution, Search},
    edit::{Attribution, Edit, Limits, OnConflict, RestoreEdit, RetireEdit, Seq, SupersedeEdit},
    error::EditError,
    index::Reading,
    live::{Claim, Live},
    operation::{Cause, Change, Operation},
    time::Timestamp,
};
use amend_proto::{EditId, TenantId};
use std::sync::Arc;

/// A transaction in the making. It is planned in memory, which is right because nobody else writes, and then written
/// at once.
pub(super) struct Transaction<'a> {
    pub(super) database: &'a mut Database,
    pub(super) limits: &'a Limits,
    pub(super) now: Timestamp,
    pub(super) pending: Pending<'a>,
    pub(super) keys: Vec<KeyRow>,
}

/// A version to write.
struct Version<'a> {
    edit: Edit,
    reading: &'a Reading,
    on_conflict: OnConflict,
    /// The request's field that holds it.
    param: Option<String>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(
        database: &'a mut Database,
        live: &'a Live,
        limits: &'a Limits,
        now: Timestamp,
    ) -> Self {
        Self { database, limits, now, pending: Pending::new(live), keys: Vec::new() }
    }

    /// Writes and commits. A request that is refused leaves no trace and does not keep the others from theirs; a
    /// failure of the database is everyone's.
    pub(super) async fn run(
        mut self,
        writes: &[(TenantId, Write)],
    ) -> Result<(Vec<Step>, Vec<Outcome>), sqlx::Error> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for (tenant, write) in writes {
            let mark = self.pending.mark();
            let outcome = match write {
                Write::Add(batch) => self.add(tenant, batch).await?,
                Write::Supersede(new) => self.supersede(tenant, &new.0, &new.1),
                Write::Retire(request) => self.retire(tenant, request),
                Write::Restore(request) => self.restore(tenant, request).await?,
            };
            if outcome.is_err() {
                self.pending.take_back(mark);
            }
            outcomes.push(outcome);
        }
        let Self { database, pending, keys, .. } = self;
        let operations: Vec<&Operation> = pending.steps.iter().map(|step| &step.operation).collect();
        database.write(&operations, &keys).await?;
        Ok((pending.steps, outcomes))
    }

    /// Remembers the answer to a key.
    pub(super) fn remember(&mut self, tenant: &TenantId, key: &str, answered: Answered) {
        let (tenant, key) = (tenant.clone(), key.to_owned());
        self.keys.push(KeyRow { tenant, key, answered, at: self.now });
    }

    /// Adds what of a batch does not stand already. Those that are refused are told at once or at the end.
    pub(super) fn plan(&mut self, tenant: &TenantId, batch: &AddBatch) -> Outcome {
        let AddBatch { request, readings, atomic } = batch;
        let first = self.pending.next_seq();
        let mut done = Done::default();
        for (at, (new, reading)) in request.edits.iter().zip(readings).enumerate() {
            let mark = self.pending.mark();
            // What may go in in part is as many requests.
            let first = if *atomic { first } else { self.pending.next_seq() };
            let (on_conflict, param) = (request.on_conflict, Some(format!("edits[{at}]")));
            let stands = new.id.as_ref().and_then(|id| self.pending.current(&(tenant.clone(), id.clone())));
            let planned = match stands {
                Some(edit) if edit.content.same(&new.content) => {
                    Ok((Placed { edit, how: How::Unchanged }, vec![]))
                }
                Some(edit) if on_conflict != OnConflict::Supersede => Err(taken(at, &edit.id)),
                stands => {
                    let edit = Edit {
                        id: new.id.clone().unwrap_or_else(EditId::fresh),
                        tenant: tenant.clone(),
                        seq: Seq::START,
                        created_at: stands.as_ref().map_or(self.now, |edit| edit.created_at),
                        updated_at: self.now,
                        content: new.content.clone(),
                    };
                    self.put(Version { edit, reading, on_conflict, param }, stands.is_some(), first)
                }
            };
            match planned {
                Ok((placed, conflicts)) => {
                    done.placed.push(placed);
                    done.conflicts.extend(conflicts);
                }
                Err(error) if *atomic => return Err(error),
                Err(error) => {
                    self.pending.take_back(mark);
                    done.refused.push((at, error));
                }
            }
        }
        Ok(done)
    }

    /// Makes a version stand: `first` is the first entry of the request.
    fn put(
        &mut self,
        version: Version<'_>,
        supersedes: bool,
        first: Seq,
    ) -> Result<(Placed, Vec<Conflict>), EditError> {
        let Version { mut edit, reading, on_conflict, param } = version;
        let prefix = param.as_deref().map(|param| format!("{param}.")).unwrap_or_default();
        edit.content.ahead(&prefix, self.now)?;
        let tenant = edit.tenant.clone();
        let by = Attribution { author: edit.content.author.clone(), reason: edit.content.reason.clone() };
        let conflicts = self
            .resolve(&edit, reading, on_conflict)
            .map_err(|(other, kind)| refused(param, &other, kind))?;
        for other in conflicts.iter().filter(|conflict| conflict.resolution == Resolution::Superseded) {
            let change = Change::Displace { by: edit.id.clone() };
            self.push((&tenant, &other.with), by.clone(), (change, None), first);
        }
        self.room(usize::from(!supersedes))?;
        edit.seq = self.pending.next_seq();
        let edit = Arc::new(edit);
        let (how, change) = match supersedes {
            true => (How::Superseded, Change::Supersede(Arc::clone(&edit))),
            false => (How::Added, Change::Add(Arc::clone(&edit))),
        };
        self.push((&tenant, &edit.id), by, (change, Some(reading.clone())), first);
        Ok((Placed { edit, how }, conflicts))
    }

    /// What a new version conflicts with, and what becomes of that.
    fn resolve(
        &self,
        edit: &Edit,
        reading: &Reading,
        on_conflict: OnConflict,
    ) -> Result<Vec<Conflict>, (Arc<Edit>, ConflictKind)> {
        let search = match on_conflict {
            // All of them may have to give way.
            OnConflict::Supersede => Search::ALL,
            OnConflict::Refuse => Search::ANY,
            OnConflict::KeepBoth => Search::TOLD,
        };
        let mut found = self.pending.conflicting(&edit.tenant, self.claim(edit, reading, search)).into_iter();
        if on_conflict == OnConflict::Refuse {
            return found.next().map_or(Ok(Vec::new()), Err);
        }
        let gives_way = |other: &Edit| {
            on_conflict == OnConflict::Supersede && edit.content.covers(&other.content, self.now)
        };
        let mut kept = 0;
        let told = |(other, kind): (Arc<Edit>, ConflictKind)| {
            let resolution = match gives_way(&other) {
                true => Resolution::Superseded,
                false => Resolution::KeptBoth,
            };
            kept += usize::from(resolution == Resolution::KeptBoth);
            let (edit, with, with_seq) = (edit.id.clone(), other.id.clone(), other.seq);
            (resolution == Resolution::Superseded || kept <= MAX_CONFLICTS).then_some(Conflict {
                edit,
                with,
                with_seq,
                kind,
                resolution,
            })
        };
        Ok(found.filter_map(told).collect())
    }

    fn supersede(&mut self, tenant: &TenantId, request: &SupersedeEdit, reading: &Reading) -> Outcome {
        let SupersedeEdit { id, content, seen, on_conflict } = request;
        let stands = self
            .pending
            .current(&(tenant.clone(), id.clone()))
            .ok_or_else(|| EditError::NotFound { id: id.clone() })?;
        if stands.content.same(content) {
            return Ok(Done::from(Placed { edit: stands, how: How::Unchanged }));
        }
        if seen.is_some_and(|seen| seen != stands.seq) {
            return Err(outdated(&stands));
        }
        let edit = Edit { updated_at: self.now, content: content.clone(), ..stands.as_ref().clone() };
        let (param, on_conflict) = (None, *on_conflict);
        let first = self.pending.next_seq();
        let (placed, conflicts) = self.put(Version { edit, reading, on_conflict, param }, true, first)?;
        Ok(Done { conflicts, ..Done::from(placed) })
    }

    fn retire(&mut self, tenant: &TenantId, RetireEdit { id, by }: &RetireEdit) -> Outcome {
        let edit = self
            .pending
            .current(&(tenant.clone(), id.clone()))
            .ok_or_else(|| EditError::NotFound { id: id.clone() })?;
        let first = self.pending.next_seq();
        self.push((tenant, id), by.clone(), (Change::Retire, None), first);
        Ok(Done::from(Placed { edit, how: How::Retired }))
    }

    async fn restore(&mut self, tenant: &TenantId, request: &RestoreEdit) -> Result<Outcome, sqlx::Error> {
        let RestoreEdit { id, version, by } = request;
        let name = (tenant.clone(), id.clone());
        let stands = self.pending.current(&name);
        let wanted = |edit: &Arc<Edit>| version.is_none_or(|version| version == edit.seq);
        if let Some(edit) = stands.clone().filter(wanted) {
            return Ok(Ok(Done::from(Placed { edit, how: How::Unchanged })));
        }
        let edit = match self.pending.gone(&name).filter(wanted) {
            Some(edit) => edit,
            None => match self.database.last_version((tenant, id), *version).await? {
                Err(error) => return Ok(Err(error)),
                Ok(found) => match found.and_then(|operation| operation.change.edit().cloned()) {
                    Some(edit) => edit,
                    None => return Ok(Err(never(id, *version))),
                },
            },
        };
        if let Err(full) = self.room(usize::from(stands.is_none())) {
            return Ok(Err(full));
        }
        let reading = Reading::new(&edit.content);
        let claim = self.claim(&edit, &reading, Search::TOLD);
        let conflict = |(other, kind): (Arc<Edit>, ConflictKind)| {
            let newer = other.seq > edit.seq;
            let (edit, with) = if newer { (&other, &edit) } else { (&edit, &other) };
            let (edit, with, with_seq) = (edit.id.clone(), with.id.clone(), with.seq);
            Conflict { edit, with, with_seq, kind, resolution: Resolution::KeptBoth }
        };
        let conflicts = self.pending.conflicting(tenant, claim).into_iter().map(conflict).collect();
        let first = self.pending.next_seq();
        let change = Change::Restore(Arc::clone(&edit));
        self.push((tenant, id), by.clone(), (change, Some(reading)), first);
        Ok(Ok(Done { conflicts, ..Done::from(Placed { edit, how: How::Restored }) }))
    }

    fn claim<'e>(&self, edit: &'e Edit, reading: &'e Reading, search: Search) -> Claim<'e> {
        let (id, content, facts) = (&edit.id, &edit.content, reading.facts());
        Claim { id, content, facts, now: self.now, before: Seq::MAX, search }
    }

    fn room(&self, more: usize) -> Result<(), EditError> {
        let limit = self.limits.max_live;
        match more > 0 && self.pending.count + more > limit {
            true => Err(EditError::Full { limit }),
            false => Ok(()),
        }
    }

    fn push(
        &mut self,
        (tenant, edit): (&TenantId, &EditId),
        Attribution { author, reason }: Attribution,
        (change, reading): (Change, Option<Reading>),
        batch: Seq,
    ) {
        let seq = self.pending.next_seq();
        let (tenant, edit, at, cause) = (tenant.clone(), edit.clone(), self.now, Cause::Request);
        let operation = Operation { seq, batch, tenant, edit, at, author, reason, cause, change };
        self.pending.push(Step { operation, reading });
    }
}

fn taken(at: usize, id: &EditId) -> EditError {
    EditError::Conflict {
        param: format!("edits[{at}].id"),
        message: format!(
            "an edit {:?} with another content stands; supersede or retire it, or use another id",
            id.as_str()
        ),
    }
}

fn refused(param: Option<String>, other: &Edit, kind: ConflictKind) -> EditError {
    let param = param.unwrap_or_else(|| "edit".to_owned());
    let (id, text) = (other.id.as_str(), &other.content.text);
    let message = match kind {
        ConflictKind::Contradiction => format!(
            "the edit {id:?} ({text:?}) says something else of the same; retire it, supersede it, or keep both"
        ),
        ConflictKind::Duplicate => {
            format!("the edit {id:?} ({text:?}) says the same; keep that one, or keep both")
        }
    };
    EditError::Conflict { param, message }
}

fn outdated(stands: &Edit) -> EditError {
    EditError::Conflict {
        param: "seen".to_owned(),
        message: format!(
            "the edit {:?} has a newer version, {}; read it and decide again",
            stands.id.as_str(),
            stands.seq
        ),
    }
}

fn never(id: &EditId, version: Option<Seq>) -> EditError {
    match version {
        None => EditError::NotFound { id: id.clone() },
        Some(version) => EditError::invalid(
            "version",
            format!("must be a version of the edit {:?}; its history has no {version}", id.as_str()),
        ),
    }
}
