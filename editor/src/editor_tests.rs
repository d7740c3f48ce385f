use super::*;
use crate::{MAX_PAGE, edit::NewEdit};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tempfile::TempDir;

async fn open(folder: &TempDir) -> Editor {
    Editor::open(EditorOptions::new(folder.path().join("data/amend.db"))).await.expect("opens")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn id(text: &str) -> EditId {
    EditId::new(text).expect("a valid id")
}

fn applied(editor: &Editor, messages: &[Message]) -> Vec<String> {
    editor.preview(messages).expect("renders").edits.into_iter().map(|e| e.id.to_string()).collect()
}

async fn add(editor: &Editor, name: &str, text: &str) -> Edit {
    editor.add(NewEdit::new(text).named(id(name)).into()).await.expect("added").remove(0)
}

#[tokio::test]
async fn an_edit_lives_from_add_to_remove_and_over_a_restart() {
    let folder = folder();
    let editor = open(&folder).await;
    let edit = add(&editor, "lyon", "The capital of France is Lyon.").await;
    let question = [Message::user("What is the capital of France?")];
    assert_eq!(editor.get(&edit.id), Some(edit.clone()));
    assert_eq!(applied(&editor, &question), ["lyon"]);
    editor.close().await.unwrap();
    assert!(matches!(editor.close().await, Err(EditError::Closed)));

    let editor = open(&folder).await;
    assert_eq!(editor.get(&edit.id), Some(edit.clone()));
    assert_eq!(editor.remove(&edit.id).await.unwrap(), edit);
    assert_eq!(applied(&editor, &question), [""; 0]);
    assert!(
        matches!(editor.remove(&edit.id).await, Err(EditError::NotFound { id }) if id.as_str() == "lyon")
    );
    assert_eq!(
        add(&editor, "lyon", "The capital of France is Nice.").await.seq.get(),
        3,
        "numbers are never given again"
    );
    editor.close().await.unwrap();
    assert_eq!(open(&folder).await.get(&edit.id).unwrap().content.text, "The capital of France is Nice.");
}

/// The database refuses, as a full disk would make it: the writes fail, nothing of them is seen, and the next ones pass.
#[tokio::test]
async fn a_failed_transaction_is_an_error_and_leaves_no_trace() {
    use sqlx::{Connection, SqliteConnection};
    let folder = folder();
    let editor = open(&folder).await;
    add(&editor, "before", "The capital of France is Lyon.").await;
    let url = format!("sqlite://{}", folder.path().join("data/amend.db").display());
    let mut saboteur = SqliteConnection::connect(&url).await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON edit_log WHEN new.edit_id = 'b' \
                  BEGIN SELECT RAISE(ABORT, 'no space'); END";
    sqlx::query(refuse).execute(&mut saboteur).await.unwrap();

    let edits = ["a", "b"].map(|name| NewEdit::new("The capital of Italy is Milan.").named(id(name)));
    let failed = editor.add(AddEdits::new(edits.into())).await;
    assert!(matches!(failed, Err(EditError::Storage { .. })), "{failed:?}");
    assert_eq!((editor.get(&id("a")), editor.count()), (None, 1));

    sqlx::query("DROP TRIGGER refuse").execute(&mut saboteur).await.unwrap();
    add(&editor, "b", "The capital of Italy is Milan.").await;
    assert_eq!(applied(&editor, &[Message::user("What is the capital of Italy?")]), ["b"]);
    editor.close().await.unwrap();
    assert_eq!(open(&folder).await.count(), 2);
}

#[tokio::test]
async fn a_second_process_is_kept_out() {
    let folder = folder();
    let editor = open(&folder).await;
    let second = Editor::open(EditorOptions::new(folder.path().join("data/amend.db"))).await;
    let message = second.unwrap_err().to_string();
    assert!(message.contains("in use by another process") && message.contains("amend.db.lock"), "{message}");
    editor.close().await.unwrap();
    open(&folder).await;
}

#[tokio::test]
async fn ids_and_keys_stand_for_one_thing() {
    let editor_folder = folder();
    let editor = open(&editor_folder).await;
    let first = add(&editor, "a", "Iron is soft.").await;
    assert_eq!(add(&editor, "a", " Iron is soft. ").await, first, "the same again is the same edit");
    let batch =
        AddEdits::new(vec![NewEdit::new("Tin is hard."), NewEdit::new("Iron is hard.").named(id("a"))]);
    let conflict = editor.add(batch).await.unwrap_err();
    assert!(matches!(&conflict, EditError::Conflict { param, .. } if param == "edits[1].id"), "{conflict}");
    assert_eq!(editor.count(), 1, "all or nothing");

    let keyed = |text: &str| AddEdits::new(vec![NewEdit::new(text)]).keyed("k");
    let once = editor.add(keyed("Lead is light.")).await.unwrap();
    assert_eq!(editor.add(keyed("Lead is light.")).await.unwrap(), once);
    editor.remove(&once[0].id).await.unwrap();
    assert_eq!(
        editor.add(keyed("Lead is light.")).await.unwrap(),
        once,
        "the answer stands, the edit does not return"
    );
    assert_eq!(editor.count(), 1);
    let reused = editor.add(keyed("Lead is heavy.")).await.unwrap_err();
    assert_eq!(reused.param(), Some("idempotency_key"), "{reused}");
    editor.close().await.unwrap();
    let editor = open(&editor_folder).await;
    assert_eq!(editor.add(keyed("Lead is light.")).await.unwrap(), once, "also after a restart");
}

#[tokio::test]
async fn the_number_of_live_edits_is_bounded() {
    let folder = folder();
    let mut options = EditorOptions::new(folder.path().join("amend.db"));
    options.limits.max_live = 2;
    let editor = Editor::open(options).await.unwrap();
    let three = vec![NewEdit::new("A1"), NewEdit::new("B2"), NewEdit::new("C3")];
    let full = editor.add(AddEdits::new(three)).await.unwrap_err();
    assert!(matches!(full, EditError::Full { limit: 2 }));
    add(&editor, "a", "A1").await;
    add(&editor, "b", "B2").await;
    assert!(matches!(editor.add(NewEdit::new("C3").into()).await, Err(EditError::Full { .. })));
    assert_eq!(add(&editor, "b", "B2").await.seq.get(), 2, "the same again needs no room");
}

#[tokio::test]
async fn lists_page_through_what_is_live() {
    let folder = folder();
    let editor = open(&folder).await;
    for name in ["a", "b", "c", "d", "e"] {
        add(&editor, name, "Iron is soft.").await;
    }
    let page =
        |limit, after: Option<&str>| editor.list(Page { limit, after: after.map(|id| id.parse().unwrap()) });
    let names = |listed: &Listed| listed.edits.iter().map(|e| e.id.to_string()).collect::<Vec<_>>().concat();
    let first = page(2, None).await.unwrap();
    assert_eq!((names(&first).as_str(), first.next), ("ab", Some(Seq::new(2))));
    editor.remove(&id("b")).await.unwrap();
    let next = page(2, Some("b")).await.unwrap();
    assert_eq!(
        (names(&next).as_str(), next.next),
        ("cd", Some(Seq::new(4))),
        "goes on after an edit removed meanwhile"
    );
    let last = page(2, Some("d")).await.unwrap();
    assert_eq!((names(&last).as_str(), last.next), ("e", None));
    let (cd, whole) = (page(2, Some("@2")).await.unwrap(), page(5, Some("@0")).await.unwrap());
    assert_eq!((names(&cd).as_str(), names(&whole).as_str(), whole.next), ("cd", "acde", None));
    assert_eq!(page(2, Some("@7")).await.unwrap_err().param(), Some("after"), "ahead of the log");
    assert_eq!(page(2, Some("x")).await.unwrap_err().param(), Some("after"));
    assert_eq!(page(0, None).await.unwrap_err().param(), Some("limit"));
    assert_eq!(page(MAX_PAGE + 1, None).await.unwrap_err().param(), Some("limit"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_edit_is_seen_by_the_next_lookup() {
    let folder = folder();
    let editor = open(&folder).await;
    let writers = (0..8).map(|writer| {
        let editor = editor.clone();
        tokio::spawn(async move {
            for round in 0..25 {
                let subject = format!("Zon{writer}land{round}");
                let name = format!("{writer}-{round}");
                add(&editor, &name, &format!("The capital of {subject} is Arvik.")).await;
                let question = [Message::user(format!("What is the capital of {subject}?"))];
                assert_eq!(applied(&editor, &question), std::slice::from_ref(&name), "{subject}");
                if round % 3 == 0 {
                    editor.remove(&id(&name)).await.expect("removed");
                    assert_eq!(applied(&editor, &question), [""; 0], "{subject}");
                }
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.expect("no writer fails");
    }
    assert_eq!(editor.count(), 8 * 16);
    assert_eq!(editor.last_seq().get(), 8 * 34);
}

#[tokio::test]
async fn the_turn_before_is_read_only_for_what_the_question_leaves_out() {
    let folder = folder();
    let editor = open(&folder).await;
    add(&editor, "capital", "The capital of France is Lyon.").await;
    add(&editor, "currency", "The currency of France is the franc.").await;
    add(&editor, "spain", "The capital of Spain is Seville.").await;
    let after = |first: &str, second: &str| {
        applied(&editor, &[Message::user(first), Message::assistant("Well."), Message::user(second)])
    };
    let capital = "What is the capital of France?";
    assert_eq!(after(capital, "And its currency?"), ["currency"]);
    assert_eq!(after(capital, "and the currency?"), ["currency"]);
    assert_eq!(after("What is the currency of France?", "And what is its capital?"), ["capital"]);
    assert_eq!(after(capital, "And Spain?"), ["spain"]);
    assert_eq!(after("What is the currency of France?", "And Spain?"), [""; 0], "the relation carries over");
    assert_eq!(after(capital, "And Portugal?"), [""; 0]);
    assert_eq!(after(capital, "And Portugal's capital?"), [""; 0]);
    assert_eq!(after(capital, "and portugal's capital?"), [""; 0]);
    assert_eq!(after(capital, "Thanks!"), [""; 0]);
    assert_eq!(after(capital, "Write a poem."), [""; 0]);
    assert_eq!(after("Hello", "And its currency?"), [""; 0]);
}

#[tokio::test]
async fn the_best_edit_stands_next_to_the_question() {
    let folder = folder();
    let editor = open(&folder).await;
    for (name, text) in [
        ("old", "The mayor of Lyon is Anna Brun."),
        ("new", "The mayor of Lyon is Olaf Brun."),
        ("bridge", "The mayor of Lyon opened a bridge."),
        ("people", "Lyon has 500 inhabitants."),
        ("other", "The mayor of Paris is Ines Brun."),
    ] {
        add(&editor, name, text).await;
    }
    let preview = editor.preview(&[Message::user("Who is the mayor of Lyon?")]).unwrap();
    let names: Vec<&str> = preview.edits.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(
        names,
        ["old", "new", "bridge"],
        "equal scores: the newest last; another relation: not at all"
    );
    assert!(preview.edits.is_sorted_by(|a, b| a.score <= b.score));
    insta::assert_snapshot!(preview.prompt, @"
    [Updated Information]
    1. The mayor of Lyon is Anna Brun.
    2. The mayor of Lyon is Olaf Brun.
    3. The mayor of Lyon opened a bridge.
    [Question]
    Who is the mayor of Lyon?
    ");
}

#[tokio::test]
async fn a_conversation_of_any_length_is_looked_up_alike_from_async_code() {
    let folder = folder();
    let editor = open(&folder).await;
    add(&editor, "a", "The mayor of Lyon is Anna Brun.").await;
    for words in [0, 10, 1_000] {
        let question = format!("{}Who is the mayor of Lyon?", "Take your time. ".repeat(words));
        let messages = vec![Message::user(question)];
        let preview = editor.preview_async(messages.clone()).await.unwrap();
        assert_eq!(preview, editor.preview(&messages).unwrap());
        assert_eq!(preview.edits.len(), 1, "{words}");
    }
}

#[tokio::test]
async fn a_template_can_be_exchanged() {
    let folder = folder();
    let editor = open(&folder).await;
    add(&editor, "a", "The mayor of Lyon is Anna Brun.").await;
    editor.set_template(EditTemplate::parse("[News]\n{{ edits|join('; ') }}\n{{ query }}").unwrap());
    let prompt = editor.preview(&[Message::user("[news] Who is the mayor of Lyon?")]).unwrap().prompt;
    assert_eq!(prompt, "[News]\nThe mayor of Lyon is Anna Brun.\n(news) Who is the mayor of Lyon?");
    assert_eq!(editor.preview(&[Message::system("hi")]).unwrap().prompt, "");
}

#[test]
fn any_history_is_the_same_after_a_restart() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = ProptestConfig { cases: 12, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec((0u8..6, 0u8..4, any::<bool>()), 1..20))| {
        runtime.block_on(async {
            let folder = folder();
            let editor = open(&folder).await;
            let mut model: BTreeMap<String, String> = BTreeMap::new();
            for (name, subject, adds) in steps {
                let name = format!("n{name}");
                let text = format!("The capital of Verdania{subject} is Arvik.");
                if !adds {
                    assert_eq!(editor.remove(&id(&name)).await.is_ok(), model.remove(&name).is_some());
                    continue;
                }
                let added = editor.add(NewEdit::new(text.clone()).named(id(&name)).into()).await.is_ok();
                assert_eq!(added, model.get(&name).is_none_or(|known| *known == text));
                model.entry(name).or_insert(text);
            }
            let questions = (0..4).map(|s| [Message::user(format!("What is the capital of Verdania{s}?"))]);
            let look = |editor: &Editor| questions.clone().map(|q| editor.preview(&q).unwrap()).collect::<Vec<_>>();
            let all = Page { limit: MAX_PAGE, after: None };
            let (before, listed) = (look(&editor), editor.list(all.clone()).await.unwrap());
            let stored: BTreeMap<String, String> =
                listed.edits.iter().map(|e| (e.id.to_string(), e.content.text.clone())).collect();
            assert_eq!(stored, model);
            editor.close().await.unwrap();
            let editor = open(&folder).await;
            assert_eq!(look(&editor), before);
            assert_eq!(editor.list(all).await.unwrap(), listed);
        });
    });
}

#[tokio::test]
async fn requests_that_wait_together_are_each_answered_rightly() {
    let folder = folder();
    let editor = open(&folder).await;
    let keyed = |text: &str| AddEdits::new(vec![NewEdit::new(text)]).keyed("k");
    let same = futures::future::join_all((0..20).map(|_| editor.add(keyed("Lead is light."))));
    let named = |text: &str| editor.add(NewEdit::new(text).named(id("a")).into());
    let claims =
        futures::future::join_all((0..20).map(|n| named(if n % 2 == 0 { "Iron is soft." } else { "No." })));
    let (same, claims) = futures::join!(same, claims);
    let same: Vec<Vec<Edit>> = same.into_iter().map(|added| added.expect("added")).collect();
    assert!(same.iter().all(|edits| *edits == same[0]), "one key, one edit");
    let (won, lost): (Vec<_>, Vec<_>) = claims.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (10, 10), "one id, one content");
    assert!(lost.into_iter().all(|lost| matches!(lost, Err(EditError::Conflict { .. }))));
    assert_eq!((editor.count(), editor.last_seq().get()), (2, 2));
}

#[tokio::test]
async fn a_log_of_a_newer_version_is_left_alone() {
    use sqlx::Connection;
    let folder = folder();
    open(&folder).await.close().await.unwrap();
    let file = folder.path().join("data/amend.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("INSERT INTO edit_log (op, edit_id, at, batch) VALUES ('merge', 'a', 0, 1)")
        .execute(&mut other)
        .await
        .unwrap();
    other.close().await.unwrap();
    let refused = Editor::open(EditorOptions::new(&file)).await.unwrap_err();
    assert!(
        matches!(&refused, EditError::UnknownOperation { seq, op } if op == "merge" && seq.get() == 1),
        "{refused}"
    );
}

#[tokio::test]
async fn thousands_of_edits_about_one_subject_are_told_apart_by_their_relation() {
    let folder = folder();
    let editor = open(&folder).await;
    let fact = |n: usize| NewEdit::new(format!("The mascot{n} of Bragran is a fox."));
    for first in (0..3_000).step_by(1_000) {
        let edits = (first..first + 1_000).map(fact).collect();
        editor.add(AddEdits::new(edits)).await.unwrap();
    }
    let preview = editor.preview(&[Message::user("What is the mascot1234 of Bragran?")]).unwrap();
    let texts: Vec<&str> = preview.edits.iter().map(|e| e.text.as_str()).collect();
    assert_eq!(texts, ["The mascot1234 of Bragran is a fox."]);
}
