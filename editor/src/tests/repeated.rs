//! Requests that are sent again.

use super::*;
use crate::{edit::OnConflict, error::EditError, time::Timestamp};

fn keyed(edits: impl IntoIterator<Item = NewEdit>, key: &str) -> AddEdits {
    batch(edits).keyed(key)
}

#[tokio::test]
async fn the_same_answer_tells_the_same_conflicts() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    add(&tenant, edit("lyon", "The capital of France is Lyon.")).await;
    let nice = || keyed([edit("nice", "The capital of France is Nice.")], "k");
    let metz =
        || keyed([edit("metz", "The capital of France is Metz.")], "l").on_conflict(OnConflict::Supersede);
    let (first, second) = (tenant.add(nice()).await.unwrap(), tenant.add(metz()).await.unwrap());
    assert_eq!((first.conflicts.len(), second.conflicts.len()), (1, 2));
    assert_eq!(tenant.add(nice()).await.unwrap(), first);
    assert_eq!(tenant.add(metz()).await.unwrap(), second);
    bench.editor.close().await.unwrap();
    let editor = open(&bench.folder.path().join("amend.db"), &bench.clock, None).await;
    let tenant = editor.tenant(tenant.id().clone());
    assert_eq!(tenant.add(nice()).await.unwrap(), first, "also after a restart");
    assert_eq!(tenant.add(metz()).await.unwrap(), second);
}

#[tokio::test]
async fn what_was_acknowledged_may_have_expired_since() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let timed = || edit("a", "Iron is soft.").expiring(Timestamp::from_seconds(2_000));
    let first = tenant.add(keyed([timed()], "k")).await.unwrap();
    bench.clock.set(2_000);
    assert_eq!(tenant.add(keyed([timed()], "k")).await.unwrap(), first, "sent again under its key");
    assert_eq!(tenant.add(timed().into()).await.unwrap(), first, "it stands as it is asked for");
    let same = crate::edit::SupersedeEdit::new(id("a"), timed());
    assert_eq!(tenant.supersede(same).await.unwrap().edit, first.edits[0]);

    let new = edit("b", "Tin is soft.").expiring(Timestamp::from_seconds(2_000));
    let fine = edit("c", "Lead is soft.");
    let error = tenant.add(keyed([fine, new.clone()], "l")).await.unwrap_err();
    insta::assert_snapshot!(error, @"edits[1].expires_at must be in the future: 2000 has passed, it is 2000 (Unix seconds)");
    let error = tenant.supersede(crate::edit::SupersedeEdit::new(id("a"), new)).await.unwrap_err();
    assert!(matches!(&error, EditError::InvalidEdit { param, .. } if param == "expires_at"), "{error}");
    assert_eq!(bench.editor.last_seq(), seq(1));
}
