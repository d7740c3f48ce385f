//! Records as they lie in the ledger: JSON, which is read off the runtime's threads, and a page of it at a time.

use super::PreferenceError;
use futures::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use sqlx::{Row, sqlite::SqliteRow};

/// Bytes of the records on one page, but for a first one that is longer: what is done with a page must not take long.
const PAGE_BYTES: usize = 128 << 10;

/// A place in the store, and the record there.
pub(super) type Placed = (i64, String);

/// A page that was not read yet.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Placed>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<i64>,
}

/// A place and a record, as the columns 0 and 1 of a row.
pub(super) fn placed(row: &SqliteRow) -> Result<Placed, sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// How many rows to ask for, so that it is known whether more follow.
pub(super) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

/// The next page of these rows: `limit` of them, or fewer if they are long.
pub(super) async fn page(
    mut rows: impl Stream<Item = Result<SqliteRow, sqlx::Error>> + Unpin,
    limit: usize,
) -> Result<Page, sqlx::Error> {
    let (mut page, mut bytes) = (Page::default(), 0);
    while let Some(row) = rows.next().await {
        let (place, record) = placed(&row?)?;
        bytes += record.len();
        if let Some((last, _)) = page.rows.last().filter(|_| page.rows.len() == limit || bytes > PAGE_BYTES) {
            page.next = Some(*last);
            break;
        }
        page.rows.push((place, record));
    }
    Ok(page)
}

/// What records say.
pub(super) async fn read<T>(rows: Vec<Placed>) -> Result<Vec<(i64, T)>, PreferenceError>
where
    T: DeserializeOwned + Send + 'static,
{
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let work =
        move || rows.into_iter().map(|(place, record)| Ok((place, serde_json::from_str(&record)?))).collect();
    match tokio::task::spawn_blocking(work).await {
        Ok(read) => read,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// What a record says, if there is one.
pub(super) async fn read_one<T>(row: Option<Placed>) -> Result<Option<(i64, T)>, PreferenceError>
where
    T: DeserializeOwned + Send + 'static,
{
    Ok(read(row.into_iter().collect()).await?.pop())
}
