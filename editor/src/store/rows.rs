//! Entries of the log as rows of the database, and back.

use crate::{
    edit::{Content, Edit, Seq, Target},
    error::EditError,
    operation::{Cause, Change, Operation},
    time::Timestamp,
};
use amend_proto::{EditId, TenantId};
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::sync::Arc;

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

/// A row to append, in the order of [`append`]'s statement.
#[derive(Debug, Serialize)]
struct LogRow<'a>(
    (Seq, &'static str, &'a TenantId, &'a EditId, Option<&'a str>, Option<&'a str>, Timestamp, Seq),
    (Option<Seq>, Option<Timestamp>, Option<Timestamp>, Option<DetailsOf<'a>>),
    (Option<&'a str>, Option<&'a str>, Option<&'a EditId>),
);

impl<'a> LogRow<'a> {
    fn new(operation: &'a Operation) -> Self {
        let Operation { seq, batch, tenant, edit: id, at, author, reason, cause: _, change } = operation;
        let edit = change.edit();
        let content = edit.map(|edit| &edit.content);
        let (text, subject) = (content.map(|c| c.text.as_str()), content.and_then(|c| c.subject.as_deref()));
        // A version that is written names its author itself; whoever restores one is another person.
        let by = |who: &'a Option<String>| match change {
            Change::Add(_) | Change::Supersede(_) => None,
            Change::Restore(_) | Change::Retire | Change::Displace { .. } => who.as_deref(),
        };
        let displaced_by = match change {
            Change::Displace { by } => Some(by),
            _ => None,
        };
        Self(
            (*seq, change.as_str(), tenant, id, text, subject, *at, *batch),
            (
                edit.map(|edit| edit.seq),
                edit.map(|edit| edit.created_at),
                edit.map(|edit| edit.updated_at),
                content.and_then(DetailsOf::new),
            ),
            (by(author), by(reason), displaced_by),
        )
    }
}

/// Appends entries that were asked for (a rollback's are appended by its own statement).
pub(super) async fn append<'a>(
    connection: &mut SqliteConnection,
    operations: impl Iterator<Item = &'a Operation>,
) -> Result<(), sqlx::Error> {
    // All rows as one parameter: one statement and one round trip, whatever their number.
    let rows: Vec<LogRow<'_>> = operations.map(LogRow::new).collect();
    let rows = serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO edit_log (seq, op, tenant, edit_id, text, subject, at, batch,
                               version, created_at, updated_at, details, author, reason, displaced_by)
         SELECT value ->> '$[0][0]', value ->> '$[0][1]', value ->> '$[0][2]', value ->> '$[0][3]',
                value ->> '$[0][4]', value ->> '$[0][5]', value ->> '$[0][6]', value ->> '$[0][7]',
                value ->> '$[1][0]', value ->> '$[1][1]', value ->> '$[1][2]', value ->> '$[1][3]',
                value ->> '$[2][0]', value ->> '$[2][1]', value ->> '$[2][2]'
         FROM json_each(?1)",
    )
    .bind(rows)
    .execute(connection)
    .await
    .map(drop)
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EditError {
    EditError::storage("read its log", error)
}

/// Reads a row of [`COLUMNS`].
pub(super) fn operation(row: &SqliteRow) -> Result<Operation, EditError> {
    fn get<'r, T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(
        row: &'r SqliteRow,
        at: usize,
    ) -> Result<T, EditError> {
        row.try_get(at).map_err(failed)
    }
    let seq = Seq::new(get(row, 0)?);
    let op: &str = get(row, 1)?;
    let tenant = TenantId::new(get::<&str>(row, 2)?).map_err(failed)?;
    let id = EditId::new(get::<&str>(row, 3)?).map_err(failed)?;
    let at = Timestamp::from_seconds(get(row, 6)?);
    let (mut author, mut reason): (Option<String>, Option<String>) = (get(row, 12)?, get(row, 13)?);
    let edit = || -> Result<Arc<Edit>, EditError> {
        let details: Details = match get::<Option<&str>>(row, 11)? {
            Some(json) => serde_json::from_str(json).map_err(failed)?,
            None => Details::default(),
        };
        let time = |column| Ok(get::<Option<i64>>(row, column)?.map_or(at, Timestamp::from_seconds));
        Ok(Arc::new(Edit {
            id: id.clone(),
            tenant: tenant.clone(),
            seq: get::<Option<i64>>(row, 8)?.map_or(seq, Seq::new),
            created_at: time(9)?,
            updated_at: time(10)?,
            content: content(get(row, 4)?, get(row, 5)?, details),
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

/// The versions that the operations made stand.
pub(super) fn edits(operations: Vec<Operation>) -> Vec<Edit> {
    operations
        .iter()
        .filter_map(|operation| operation.change.edit())
        .map(|edit| edit.as_ref().clone())
        .collect()
}
