//! Entries of the log as rows of the database, and back.

use crate::{
    edit::{Content, Edit, Seq, Target},
    error::EditError,
    operation::{Cause, Change, Operation},
    time::Timestamp,
};
use amend_proto::{EditId, TenantId};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, sqlite::SqliteRow};
use std::{borrow::Cow, sync::Arc};

/// What every query of the log selects, in the order in which [`operation`] reads it; the table is called `l`.
pub(super) const COLUMNS: &str = "l.seq, l.op, l.tenant, l.edit_id, l.text, l.subject, l.at, l.batch, l.version, \
     l.created_at, l.updated_at, l.details, l.author, l.reason, l.displaced_by, l.rolled_back_to";

/// More rows than this are decoded on a thread for blocking work.
const INLINE_ROWS: usize = 64;

/// What an edit says beside text and subject.
#[derive(Debug, Default, Deserialize)]
struct Details {
    relation: Option<String>,
    object: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    target: Target,
    valid_from: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    source: Option<String>,
    author: Option<String>,
    reason: Option<String>,
}

/// The same to write, without what is not there.
#[derive(Debug, Serialize)]
struct DetailsOf<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    relation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aliases: &'a [String],
    #[serde(skip_serializing_if = "Target::is_all")]
    target: &'a Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> DetailsOf<'a> {
    fn new(content: &'a Content) -> Option<Self> {
        let Content {
            text: _,
            subject: _,
            relation,
            object,
            aliases,
            target,
            valid_from,
            expires_at,
            source,
            author,
            reason,
        } = content;
        let texts = [relation, object, source, author, reason];
        let nothing = texts.iter().all(|text| text.is_none())
            && aliases.is_empty()
            && target.is_all()
            && valid_from.is_none()
            && expires_at.is_none();
        (!nothing).then(|| Self {
            relation: relation.as_deref(),
            object: object.as_deref(),
            aliases,
            target,
            valid_from: *valid_from,
            expires_at: *expires_at,
            source: source.as_deref(),
            author: author.as_deref(),
            reason: reason.as_deref(),
        })
    }
}

/// Rows of one statement at most: SQLite takes 32,766 parameters, and each number of rows is a statement of its own to
/// prepare and keep.
pub(super) const ROWS: usize = 256;

/// Appends entries that were asked for (a rollback's are appended by its own statement), in one statement for each
/// [`ROWS`] of them. A failure ends the whole transaction, which whoever writes ends then anyway: so SQLite need not keep
/// each page as it was before the statement, a tenth of an import's work.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    operations: &[&Operation],
) -> Result<(), sqlx::Error> {
    for operations in operations.chunks(ROWS) {
        let mut details = Vec::with_capacity(operations.len());
        for operation in operations {
            let said = operation.change.edit().and_then(|edit| DetailsOf::new(&edit.content));
            let said = said.map(|said| serde_json::to_string(&said)).transpose();
            details.push(said.map_err(|error| sqlx::Error::Encode(error.into()))?);
        }
        let mut statement: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT OR ROLLBACK INTO edit_log (seq, op, tenant, edit_id, text, subject, at, batch,
                                   version, created_at, updated_at, details, author, reason, displaced_by) ",
        );
        statement.push_values(operations.iter().zip(details), |mut row, (operation, details)| {
            bind(&mut row, operation, details);
        });
        // Any number of rows may come once; those that come again and again are one, a few, or as many as fit.
        let kept = operations.len() <= KEPT_ROWS || operations.len() == ROWS;
        statement.build().persistent(kept).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Statements of up to so many rows are kept prepared.
const KEPT_ROWS: usize = 16;

/// Binds one row, in the order of [`append`]'s statement.
fn bind(
    row: &mut sqlx::query_builder::Separated<'_, Sqlite, &'static str>,
    operation: &Operation,
    details: Option<String>,
) {
    let Operation { seq, batch, tenant, edit: id, at, author, reason, cause: _, change } = operation;
    let edit = change.edit();
    // A version that is written names its author itself; whoever restores one is another person.
    let by = |who: &Option<String>| match change {
        Change::Add(_) | Change::Supersede(_) => None,
        Change::Restore(_) | Change::Retire | Change::Displace { .. } => who.clone(),
    };
    let displaced_by = match change {
        Change::Displace { by } => Some(by.as_str().to_owned()),
        _ => None,
    };
    row.push_bind(seq.get())
        .push_bind(change.as_str())
        .push_bind(tenant.as_str().to_owned())
        .push_bind(id.as_str().to_owned())
        .push_bind(edit.map(|edit| edit.content.text.clone()))
        .push_bind(edit.and_then(|edit| edit.content.subject.clone()))
        .push_bind(at.seconds())
        .push_bind(batch.get())
        .push_bind(edit.map(|edit| edit.seq).filter(|version| version != seq).map(Seq::get))
        .push_bind(edit.map(|edit| edit.created_at).filter(|time| time != at).map(Timestamp::seconds))
        .push_bind(edit.map(|edit| edit.updated_at).filter(|time| time != at).map(Timestamp::seconds))
        .push_bind(details)
        .push_bind(by(author))
        .push_bind(by(reason))
        .push_bind(displaced_by);
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EditError {
    EditError::storage("read its log", error)
}

/// Reads a row of [`COLUMNS`].
pub(super) fn operation(row: &SqliteRow) -> Result<Operation, EditError> {
    let seq = Seq::new(get(row, 0)?);
    let op: &str = get(row, 1)?;
    let tenant = TenantId::new(get::<&str>(row, 2)?).map_err(failed)?;
    let id = EditId::new(get::<&str>(row, 3)?).map_err(failed)?;
    let at = Timestamp::from_seconds(get(row, 6)?);
    let (mut author, mut reason): (Option<String>, Option<String>) = (get(row, 12)?, get(row, 13)?);
    let edit = || -> Result<Arc<Edit>, EditError> {
        let time = |column| Ok(get::<Option<i64>>(row, column)?.map_or(at, Timestamp::from_seconds));
        Ok(Arc::new(Edit {
            id: id.clone(),
            tenant: tenant.clone(),
            seq: get::<Option<i64>>(row, 8)?.map_or(seq, Seq::new),
            created_at: time(9)?,
            updated_at: time(10)?,
            content: content(get(row, 4)?, get(row, 5)?, details(get(row, 11)?)?),
        }))
    };
    let change = match op {
        "add" => Change::Add(edit()?),
        "supersede" => Change::Supersede(edit()?),
        "restore" => Change::Restore(edit()?),
        "retire" => Change::Retire,
        "displace" => Change::Displace { by: EditId::new(get::<&str>(row, 14)?).map_err(failed)? },
        _ => return Err(EditError::UnknownOperation { seq, op: op.to_owned() }),
    };
    if let Change::Add(edit) | Change::Supersede(edit) = &change {
        (author, reason) = (edit.content.author.clone(), edit.content.reason.clone());
    }
    let cause = match get::<Option<i64>>(row, 15)? {
        Some(to) => Cause::Rollback { to: Seq::new(to) },
        None => Cause::Request,
    };
    let batch = Seq::new(get(row, 7)?);
    Ok(Operation { seq, batch, tenant, edit: id, at, author, reason, cause, change })
}

fn content(text: String, subject: Option<String>, details: Details) -> Content {
    let Details { relation, object, aliases, target, valid_from, expires_at, source, author, reason } =
        details;
    Content {
        text,
        subject,
        relation,
        object,
        aliases,
        target,
        valid_from,
        expires_at,
        source,
        author,
        reason,
    }
}

/// Reads rows of [`COLUMNS`], many of them off the async runtime.
pub(super) async fn operations(rows: Vec<SqliteRow>) -> Result<Vec<Operation>, EditError> {
    if rows.len() <= INLINE_ROWS {
        return rows.iter().map(operation).collect();
    }
    tokio::task::spawn_blocking(move || rows.iter().map(operation).collect()).await.map_err(failed)?
}

/// What a start selects of entries that made versions stand: one JSON array, which [`Stored`] reads. Every value of a row
/// costs two allocations and several locks on its way from SQLite's thread, more than writing and reading the array.
pub(super) const EDIT_COLUMNS: &str = "json_array(l.seq, l.tenant, l.edit_id, l.text, l.subject, l.at, \
     l.details, l.version, l.created_at, l.updated_at)";

/// A row of [`EDIT_COLUMNS`].
#[derive(Debug, Deserialize)]
struct Stored<'a> {
    seq: Seq,
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    id: Cow<'a, str>,
    text: String,
    subject: Option<String>,
    at: Timestamp,
    /// A JSON object.
    details: Option<Cow<'a, str>>,
    version: Option<Seq>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

/// The versions that rows of [`EDIT_COLUMNS`] made stand.
pub(crate) fn edits(rows: &[SqliteRow]) -> Result<Vec<Edit>, EditError> {
    let mut edits: Vec<Edit> = Vec::with_capacity(rows.len());
    for row in rows {
        let stored: Stored<'_> = serde_json::from_str(get(row, 0)?).map_err(failed)?;
        let Stored { seq, tenant, id, text, subject, at, details: said, version, created_at, updated_at } =
            stored;
        // Edits of one tenant share its name; most often they come together.
        let tenant = match edits.last() {
            Some(last) if last.tenant.as_str() == tenant => last.tenant.clone(),
            _ => TenantId::new(tenant).map_err(failed)?,
        };
        edits.push(Edit {
            id: EditId::new(id).map_err(failed)?,
            tenant,
            seq: version.unwrap_or(seq),
            created_at: created_at.unwrap_or(at),
            updated_at: updated_at.unwrap_or(at),
            content: content(text, subject, details(said.as_deref())?),
        });
    }
    Ok(edits)
}

fn details(json: Option<&str>) -> Result<Details, EditError> {
    json.map_or(Ok(Details::default()), |json| serde_json::from_str(json).map_err(failed))
}

fn get<'r, T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(
    row: &'r SqliteRow,
    at: usize,
) -> Result<T, EditError> {
    row.try_get(at).map_err(failed)
}

/// The versions that the operations made stand.
pub(super) fn versions(operations: Vec<Operation>) -> Vec<Edit> {
    let version = |operation: Operation| match operation.change {
        Change::Add(edit) | Change::Supersede(edit) | Change::Restore(edit) => {
            Some(Arc::unwrap_or_clone(edit))
        }
        Change::Retire | Change::Displace { .. } => None,
    };
    operations.into_iter().filter_map(version).collect()
}
