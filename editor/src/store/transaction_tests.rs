//! Requests that share a transaction, which those that wait together do by chance only.

use super::{
    database::Database,
    transaction::Transaction,
    write::{AddBatch, Outcome, Write},
};
use crate::{
    edit::{AddEdits, Added, Attribution, Edit, Limits, NewEdit, OnConflict, RetireEdit},
    error::EditError,
    live::Live,
    time::Timestamp,
};
use amend_proto::{EditId, TenantId};

struct Bench {
    database: Database,
    live: Live,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("amend.db")).await.unwrap();
        Self { database, live: Live::default(), _folder: folder }
    }

    async fn run(&mut self, writes: impl IntoIterator<Item = Write>) -> Vec<Outcome> {
        let writes: Vec<(TenantId, Write)> =
            writes.into_iter().map(|write| (TenantId::default(), write)).collect();
        let (limits, now) = (Limits::default(), Timestamp::from_seconds(1_000));
        let transaction = Transaction::new(&mut self.database, &self.live, &limits, now);
        let (steps, outcomes) = transaction.run(&writes).await.unwrap();
        self.live.apply(steps.into_iter().map(|step| (step.operation, step.reading)).collect());
        outcomes
    }
}

fn edit(name: &str, text: &str) -> NewEdit {
    NewEdit::new(text).named(EditId::new(name).unwrap())
}

fn adding(request: AddEdits) -> Write {
    Write::Add(AddBatch::read(request).unwrap())
}

fn retiring(name: &str) -> Write {
    Write::Retire(RetireEdit { id: EditId::new(name).unwrap(), by: Attribution::default() })
}

#[tokio::test]
async fn a_request_that_is_repeated_beside_the_first_is_answered_alike() {
    let mut bench = Bench::new().await;
    let [a, b, c] = [("a", "Iron is soft."), ("b", "Tin is soft."), ("c", "Soft is tin.")]
        .map(|(name, text)| edit(name, text));
    bench.run([adding(a.clone().into())]).await;
    // The first is in the log already, the others are not yet.
    let request = || adding(AddEdits::new(vec![b.clone(), a.clone(), c.clone()]).keyed("k"));
    let answers = bench.run([request(), request()]).await;
    let [first, again] = [0, 1].map(|at| Added::from(answer(&answers[at])));
    let ids = |edits: &[Edit]| edits.iter().map(|edit| edit.id.to_string()).collect::<Vec<_>>();
    assert_eq!((ids(&first.edits), first.conflicts.len()), (vec!["b".into(), "a".into(), "c".into()], 1));
    assert_eq!(again, first);
    let later = bench.run([request()]).await;
    assert_eq!(Added::from(answer(&later[0])), first);
}

fn answer(outcome: &Outcome) -> super::write::Done {
    let done = outcome.as_ref().expect("added");
    let placed = |one: &super::write::Placed| super::write::Placed { edit: one.edit.clone(), how: one.how };
    super::write::Done {
        placed: done.placed.iter().map(placed).collect(),
        conflicts: done.conflicts.clone(),
        refused: Vec::new(),
    }
}

#[tokio::test]
async fn what_a_transaction_takes_back_hides_no_other_conflict() {
    let mut bench = Bench::new().await;
    let said = |name: &str, city: &str| edit(name, &format!("The capital of France is {city}."));
    bench.run([adding(AddEdits::new(vec![said("lyon", "Lyon"), said("nice", "Nice")]))]).await;
    let refusing = adding(AddEdits::from(said("metz", "Metz")).on_conflict(OnConflict::Refuse));
    let outcomes = bench.run([retiring("nice"), refusing]).await;
    let refused =
        matches!(&outcomes[1], Err(EditError::Conflict { message, .. }) if message.contains("lyon"));
    assert!(refused, "{:?}", outcomes[1]);
}
