use super::{Ledger, LedgerError};
use futures::{FutureExt, future::join_all};
use sqlx::Row;
use std::path::Path;

/// What a writer may answer besides the ledger's own failures.
#[derive(Debug, thiserror::Error)]
enum TestError {
    #[error("not wanted")]
    Unwanted,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

async fn put(ledger: &Ledger, tenant: String, wanted: bool) -> Result<u64, TestError> {
    ledger
        .write(move |connection| {
            async move {
                let sql = "INSERT INTO keeping VALUES (?1, 'all')";
                let done = sqlx::query(sql).bind(tenant).execute(connection).await;
                let done = done.map_err(LedgerError::from)?;
                if wanted { Ok(done.rows_affected()) } else { Err(TestError::Unwanted) }
            }
            .boxed()
        })
        .await
}

async fn tenants(ledger: &Ledger) -> Vec<String> {
    let mut reader = ledger.read().await.unwrap();
    let rows = sqlx::query("SELECT tenant FROM keeping ORDER BY tenant").fetch_all(&mut *reader).await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn open(folder: &Path) -> Ledger {
    Ledger::open(folder.join("learning.db")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_takes_no_other_down() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let writes = (0..40).map(|n| put(&ledger, format!("t{:02}", n / 2), n % 4 != 0));
    let outcomes = join_all(writes).await;
    // Of each second pair the first was undone, so the second took its place; of the others the second hits the first.
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Ok(1))).count();
    let unwanted = outcomes.iter().filter(|outcome| matches!(outcome, Err(TestError::Unwanted))).count();
    assert_eq!((done, tenants(&ledger).await.len()), (20, 20));
    assert_eq!((unwanted, outcomes.len()), (10, 40));
}

#[tokio::test]
async fn what_was_acknowledged_is_there_when_it_is_opened_again_and_only_one_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    put(&ledger, "a".to_owned(), true).await.unwrap();
    let second = Ledger::open(folder.path().join("learning.db")).await;
    assert!(matches!(second, Err(LedgerError::Locked { .. })), "{second:?}");
    ledger.close().await.unwrap();
    ledger.close().await.unwrap();
    assert!(matches!(ledger.read().await, Err(LedgerError::Closed)));
    let refused = put(&ledger, "b".to_owned(), true).await;
    assert!(matches!(refused, Err(TestError::Ledger(LedgerError::Closed))), "{refused:?}");
    let again = open(folder.path()).await;
    assert_eq!(tenants(&again).await, ["a"]);
}

#[tokio::test]
async fn a_write_that_panics_is_undone_and_the_next_one_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let broken: Result<(), LedgerError> = ledger
        .write(|connection| {
            async move {
                sqlx::query("INSERT INTO keeping VALUES ('x', 'all')").execute(connection).await?;
                panic!("as it should not")
            }
            .boxed()
        })
        .await;
    assert!(matches!(broken, Err(LedgerError::Broken)), "{broken:?}");
    put(&ledger, "y".to_owned(), true).await.unwrap();
    assert_eq!(tenants(&ledger).await, ["y"]);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let mut reader = ledger.read().await.unwrap();
    let refused = sqlx::query("DELETE FROM keeping").execute(&mut *reader).await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn gates_of_an_older_database_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("learning.db");
    let before = super::MIGRATIONS.iter().position(|(version, ..)| *version == 202).unwrap();
    let mut old = super::open::Database::open(&path, &super::MIGRATIONS[..before]).await.unwrap();
    let sql = "INSERT INTO gates (id, job, line, candidate, policy_name, policy_fingerprint, judges, on_verdict, origin,
               verdict, created_at) VALUES ('gate-1', 'job-1', 'l', 'c', 'p', 'f', '[]', 'promote', 'asked', 'pass', 7)";
    sqlx::query(sql).execute(&mut old.connection).await.unwrap();
    old.close().await.unwrap();

    let ledger = open(folder.path()).await;
    let mut reader = ledger.read().await.unwrap();
    let row = sqlx::query("SELECT on_verdict, verdict, created_at FROM gates WHERE id = 'gate-1'");
    let row = row.fetch_one(&mut *reader).await.unwrap();
    let found: (String, String, i64) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(found, ("promote".to_owned(), "pass".to_owned(), 7));
    // What was found is still not found otherwise later.
    let changed = ledger.write(|connection| {
        async move {
            let sql = "UPDATE gates SET verdict = 'fail' WHERE id = 'gate-1'";
            sqlx::query(sql).execute(connection).await.map(drop).map_err(LedgerError::from)
        }
        .boxed()
    });
    assert!(changed.await.is_err());
}
