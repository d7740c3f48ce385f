//! A database of the first version, and what becomes of it.

use crate::{
    edit::{AddEdits, Attribution, NewEdit, RestoreEdit, Seq, Status},
    editor::{Editor, EditorOptions},
    operation::Change,
};
use amend_proto::{EditId, Message, TenantId};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

/// Three operations of which one edit is left, and a key, as version 0.1.0 wrote them.
const FILLED: &str = r#"
    INSERT INTO edit_log (seq, op, edit_id, text, subject, at, batch) VALUES
        (1, 'add', 'lyon', 'The capital of France is Lyon.', NULL, 100, 1),
        (2, 'add', 'iron', 'It is called ferrum.', 'iron', 100, 1),
        (3, 'retire', 'iron', NULL, NULL, 200, 3);
    INSERT INTO idempotency (key, body, seqs, at)
        VALUES ('k', 'set below', '[1]', 9000000000);
"#;

#[tokio::test]
async fn a_log_of_the_first_version_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amend.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    let first = [(1, "edit log", include_str!("../../migrations/0001_edit_log.sql"))];
    super::database::migrate(&mut old, &first).await.unwrap();
    sqlx::raw_sql(FILLED).execute(&mut old).await.unwrap();
    let body = r#"[{"id":null,"text":"The capital of France is Lyon.","subject":null}]"#;
    let body: String =
        <sha2::Sha256 as sha2::Digest>::digest(body).iter().map(|b| format!("{b:02x}")).collect();
    sqlx::query("UPDATE idempotency SET body = ?1").bind(body).execute(&mut old).await.unwrap();
    old.close().await.unwrap();

    let editor = Editor::open(EditorOptions::new(&file)).await.unwrap();
    let (lyon, iron) = (EditId::new("lyon").unwrap(), EditId::new("iron").unwrap());
    let edit = editor.get(&lyon).unwrap();
    assert_eq!((edit.seq, edit.created_at.seconds(), edit.updated_at.seconds()), (Seq::new(1), 100, 100));
    assert_eq!(edit.tenant, TenantId::default());
    let question = [Message::user("What is the capital of France?")];
    assert_eq!(editor.preview(&question).unwrap().edits.len(), 1);
    assert_eq!((editor.count(), editor.last_seq()), (1, Seq::new(3)));

    let again = AddEdits::from(NewEdit::new("The capital of France is Lyon.")).keyed("k");
    assert_eq!(editor.add(again).await.unwrap(), [edit], "keys from before still stand for their answers");

    let tenant = editor.tenant(TenantId::default());
    let known = tenant.find(&iron).await.unwrap().unwrap();
    assert_eq!((known.status, known.edit.content.subject.as_deref()), (Status::Retired, Some("iron")));
    let restore = RestoreEdit { id: iron.clone(), version: None, by: Attribution::by("ann") };
    assert_eq!(tenant.restore(restore).await.unwrap().edit.seq, Seq::new(2));
    let history = tenant.history(&iron, Seq::START, 10).await.unwrap().operations;
    let did: Vec<&str> = history.iter().map(|operation| operation.change.as_str()).collect();
    assert_eq!(did, ["add", "retire", "restore"]);
    assert!(matches!(&history[2].change, Change::Restore(edit) if edit.created_at.seconds() == 100));
    editor.close().await.unwrap();
    assert_eq!(Editor::open(EditorOptions::new(&file)).await.unwrap().count(), 2);
}
