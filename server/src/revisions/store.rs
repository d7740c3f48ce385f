//! The registry's rows.

use super::{Names, RevisionError};
use amend_proto::{
    GateId, RevisionId,
    wire::{
        RevisionKind, RevisionObject, RevisionProvenance, RevisionState, RevisionTag, SwitchHow, SwitchNote,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

/// A revision as it stands in the registry.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Its place: later ones are larger.
    pub(super) seq: i64,
    /// Its name.
    pub id: RevisionId,
    /// The base model that it comes from.
    pub line: String,
    /// What it is.
    pub kind: RevisionKind,
    /// Where it is in its life.
    pub state: RevisionState,
    /// When it was registered, Unix seconds.
    pub created_at: i64,
    /// Where it comes from.
    pub provenance: RevisionProvenance,
}

/// A revision to register.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub id: RevisionId,
    /// Where it comes from.
    pub provenance: RevisionProvenance,
}

impl From<Revision> for RevisionObject {
    fn from(revision: Revision) -> Self {
        let Revision { seq: _, id, line: _, kind, state, created_at, provenance } = revision;
        Self { id, object: RevisionTag::Tag, kind, state, created_at, provenance }
    }
}

/// How the live revision changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum How {
    Start,
    Promote {
        /// What let it through; nothing when somebody insisted.
        gate: Option<GateId>,
    },
    Rollback,
    Fallback,
}

impl How {
    fn of_wire(&self) -> SwitchHow {
        match self {
            Self::Start => SwitchHow::Start,
            Self::Promote { .. } => SwitchHow::Promote,
            Self::Rollback => SwitchHow::Rollback,
            Self::Fallback => SwitchHow::Fallback,
        }
    }
}

/// A change of the live revision.
#[derive(Debug, Clone)]
pub(super) struct Switch {
    pub(super) line: String,
    pub(super) from: RevisionId,
    /// What becomes of it.
    pub(super) leaves: RevisionState,
    pub(super) to: RevisionId,
    /// The state that it must have.
    pub(super) was: RevisionState,
    pub(super) how: How,
    pub(super) at: i64,
}

/// A word of the wire's, as the columns hold it.
pub(crate) fn word<T: Serialize>(value: T) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_value(value)?.as_str().unwrap_or_default().to_owned())
}

/// The reverse.
pub(crate) fn from_word<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::from(text))
}

fn revision(row: &SqliteRow) -> Result<Revision, RevisionError> {
    let damaged = |error: amend_proto::InvalidId| sqlx::Error::Decode(error.into());
    Ok(Revision {
        seq: row.try_get(0)?,
        id: RevisionId::new(row.try_get::<&str, _>(1)?).map_err(damaged)?,
        line: row.try_get(2)?,
        kind: from_word(row.try_get(3)?)?,
        state: from_word(row.try_get(4)?)?,
        created_at: row.try_get(5)?,
        provenance: serde_json::from_str(row.try_get(6)?)?,
    })
}

type Connection = SqliteConnection;

pub(super) async fn get(
    connection: &mut Connection,
    line: &str,
    id: &RevisionId,
) -> Result<Option<Revision>, RevisionError> {
    let sql = "SELECT seq, id, line, kind, state, created_at, provenance FROM revisions WHERE line = ?1 AND id = ?2";
    let row = sqlx::query(sql).bind(line).bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(revision).transpose()
}

pub(super) async fn live(connection: &mut Connection, line: &str) -> Result<Option<Revision>, RevisionError> {
    let sql = "SELECT seq, id, line, kind, state, created_at, provenance FROM revisions
               WHERE line = ?1 AND state = 'live'";
    let row = sqlx::query(sql).bind(line).fetch_optional(connection).await?;
    row.as_ref().map(revision).transpose()
}

/// `limit` revisions that are older than `before`, newest first.
pub(super) async fn list(
    connection: &mut Connection,
    line: &str,
    before: i64,
    limit: i64,
) -> Result<Vec<Revision>, RevisionError> {
    let sql = "SELECT seq, id, line, kind, state, created_at, provenance FROM revisions
               WHERE line = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
    let rows = sqlx::query(sql).bind(line).bind(before).bind(limit).fetch_all(connection).await?;
    rows.iter().map(revision).collect()
}

/// Adds a revision; gives the one that is there when its content is known already.
pub(super) async fn add(
    connection: &mut Connection,
    line: &str,
    kind: RevisionKind,
    (candidate, at): (&Candidate, i64),
) -> Result<Revision, RevisionError> {
    sqlx::query(
        "INSERT INTO revisions (id, line, kind, state, created_at, provenance) VALUES (?1, ?2, ?3, 'candidate', ?4, ?5)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(candidate.id.as_str())
    .bind(line)
    .bind(word(kind)?)
    .bind(at)
    .bind(serde_json::to_string(&candidate.provenance)?)
    .execute(&mut *connection)
    .await?;
    get(connection, line, &candidate.id)
        .await?
        .ok_or_else(|| RevisionError::NotFound(candidate.id.to_string()))
}

/// Makes sure that the line has a live revision: the one it has, or its base. A base that is served in another format than
/// the live one goes before it.
pub(super) async fn open_line(
    connection: &mut Connection,
    names: &Names,
    (base, at): (&Candidate, i64),
) -> Result<Revision, RevisionError> {
    let base = add(connection, &names.line, RevisionKind::Base, (base, at)).await?;
    let from = match live(connection, &names.line).await? {
        Some(live) if live.kind == RevisionKind::Trained || live.id == base.id => return Ok(live),
        Some(other) => {
            set_state(connection, &other.id, (RevisionState::Live, RevisionState::Retired)).await?;
            Some(other.id)
        }
        None => None,
    };
    set_state(connection, &base.id, (base.state, RevisionState::Live)).await?;
    note(connection, &names.line, (from.as_ref(), &base.id), (&How::Start, at)).await?;
    Ok(Revision { state: RevisionState::Live, ..base })
}

/// Whether the state was changed: not when it is another by now.
pub(super) async fn set_state(
    connection: &mut Connection,
    id: &RevisionId,
    (was, is): (RevisionState, RevisionState),
) -> Result<bool, RevisionError> {
    let done = sqlx::query("UPDATE revisions SET state = ?3 WHERE id = ?1 AND state = ?2")
        .bind(id.as_str())
        .bind(word(was)?)
        .bind(word(is)?)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Changes the live revision, if it still is `from`.
pub(super) async fn switch(connection: &mut Connection, switch: &Switch) -> Result<(), RevisionError> {
    let Switch { line, from, leaves, to, was, how, at } = switch;
    let gave_way = set_state(connection, from, (RevisionState::Live, *leaves)).await?;
    let took = gave_way && set_state(connection, to, (*was, RevisionState::Live)).await?;
    if !took {
        return Err(match live(connection, line).await? {
            Some(live) if live.id != *from => {
                RevisionError::NotLive { live: live.id, expected: from.clone() }
            }
            _ => RevisionError::NotFound(to.to_string()),
        });
    }
    note(connection, line, (Some(from), to), (how, *at)).await
}

async fn note(
    connection: &mut Connection,
    line: &str,
    (from, to): (Option<&RevisionId>, &RevisionId),
    (how, at): (&How, i64),
) -> Result<(), RevisionError> {
    let (gate, forced) = match how {
        How::Promote { gate } => (gate.as_ref(), gate.is_none()),
        How::Start | How::Rollback | How::Fallback => (None, false),
    };
    sqlx::query(
        "INSERT INTO revision_switches (line, from_id, to_id, how, at, gate, forced) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
        .bind(line)
        .bind(from.map(RevisionId::as_str))
        .bind(to.as_str())
        .bind(word(how.of_wire())?)
        .bind(at)
        .bind(gate.map(GateId::as_str))
        .bind(forced)
        .execute(connection)
        .await?;
    Ok(())
}

/// `limit` changes that are older than `before`, newest first.
pub(super) async fn switches(
    connection: &mut Connection,
    line: &str,
    (before, limit): (i64, i64),
) -> Result<Vec<SwitchNote>, RevisionError> {
    let sql = "SELECT seq, from_id, to_id, how, forced, gate, at FROM revision_switches
               WHERE line = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
    let rows = sqlx::query(sql).bind(line).bind(before).bind(limit).fetch_all(connection).await?;
    let damaged = |error: amend_proto::InvalidId| sqlx::Error::Decode(error.into());
    let note = |row: &SqliteRow| -> Result<SwitchNote, RevisionError> {
        let (from, gate): (Option<&str>, Option<&str>) = (row.try_get(1)?, row.try_get(5)?);
        Ok(SwitchNote {
            seq: row.try_get(0)?,
            from: from.map(RevisionId::new).transpose().map_err(damaged)?,
            to: RevisionId::new(row.try_get::<&str, _>(2)?).map_err(damaged)?,
            how: from_word(row.try_get(3)?)?,
            forced: row.try_get(4)?,
            gate: gate.map(GateId::new).transpose().map_err(damaged)?,
            at: row.try_get(6)?,
        })
    };
    rows.iter().map(note).collect()
}

/// What was live before this one was promoted for the last time.
pub(super) async fn before(
    connection: &mut Connection,
    line: &str,
    id: &RevisionId,
) -> Result<Option<Revision>, RevisionError> {
    let sql = "SELECT from_id FROM revision_switches WHERE line = ?1 AND to_id = ?2 AND how = 'promote'
               AND from_id IS NOT NULL ORDER BY seq DESC LIMIT 1";
    let row = sqlx::query(sql).bind(line).bind(id.as_str()).fetch_optional(&mut *connection).await?;
    let Some(row) = row else { return Ok(None) };
    let damaged = |error: amend_proto::InvalidId| sqlx::Error::Decode(error.into());
    let from = RevisionId::new(row.try_get::<&str, _>(0)?).map_err(damaged)?;
    get(connection, line, &from).await
}
