//! The scope decision through the editor: turns, settings, explanations.

use crate::{
    AddEdits, Decision, EditError, Editor, EditorOptions, NewEdit, ScopeModel, ScopeSettings, Verdict,
};
use amend_proto::{Message, Role, TenantId};

async fn opened(folder: &tempfile::TempDir, edits: &[&str]) -> Editor {
    let editor = Editor::open(EditorOptions::new(folder.path().join("amend.db"))).await.unwrap();
    let edits: Vec<NewEdit> = edits.iter().map(|text| NewEdit::new(*text)).collect();
    if !edits.is_empty() {
        editor.add(AddEdits::new(edits)).await.unwrap();
    }
    editor
}

/// User and assistant in turn, the user last.
fn conversation(texts: &[&str]) -> Vec<Message> {
    let roles = [Role::User, Role::Assistant];
    let first = usize::from(texts.len().is_multiple_of(2));
    let messages = texts
        .iter()
        .enumerate()
        .map(|(at, text)| Message { role: roles[(at + first) % 2], ..Message::user(*text) });
    messages.collect()
}

fn applied(editor: &Editor, texts: &[&str]) -> Vec<String> {
    editor.preview(&conversation(texts)).unwrap().edits.into_iter().map(|edit| edit.text).collect()
}

#[tokio::test]
async fn the_subject_is_looked_for_in_earlier_turns_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    let krone = "The currency of Verdania is the krone.";
    let editor = opened(
        &folder,
        &[krone, "The capital of Verdania is Lunde.", "The capital of Ostrava Island is Brun."],
    )
    .await;
    let cases: [(&[&str], usize); 7] = [
        (&["What is the capital of Verdania?", "Lunde.", "And its currency?"], 1),
        (
            &[
                "What is the capital of Verdania?",
                "Lunde.",
                "Is it big?",
                "Yes.",
                "And nice?",
                "Yes.",
                "And its currency?",
            ],
            1,
        ),
        (&["Which country has the most lakes?", "That is Verdania.", "And its currency?"], 1),
        (&["What is the capital of Verdania?", "Lunde.", "And of Spain?", "Madrid.", "And its currency?"], 0),
        (&["What is the capital of Verdania?", "Lunde.", "What is the currency of Spain?"], 0),
        (&["What is the currency of Spain?", "The euro.", "And of Verdania?"], 1),
        (
            &[
                "Tell me of Verdania.",
                "a",
                "Is it old?",
                "a",
                "Is it big?",
                "a",
                "Is it far?",
                "a",
                "Is it hot?",
                "a",
                "And its currency?",
            ],
            0,
        ),
    ];
    for (texts, wanted) in cases {
        let found = applied(&editor, texts);
        assert_eq!(found.iter().filter(|text| *text == krone).count(), wanted, "{texts:?} got {found:?}");
    }
}

#[tokio::test]
async fn short_forms_are_found_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let edits = ["The seat of the Verdanian Shipping Bureau is Lunde.", "The seat of OTB is Brun."];
    let editor = opened(&folder, &edits).await;
    assert_eq!(applied(&editor, &["Where is the seat of the VSB?"]).len(), 1);
    assert_eq!(applied(&editor, &["Where is the seat of the Ostrava Trade Board?"]).len(), 1);
    assert!(applied(&editor, &["What does vsb mean in music?"]).is_empty());
}

#[tokio::test]
async fn names_in_scripts_without_spaces_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let editor = opened(&folder, &["東京の市長は佐藤花子です。", "法国的首都是里昂。"]).await;
    assert_eq!(applied(&editor, &["東京の市長は誰ですか"]).len(), 1);
    assert_eq!(applied(&editor, &["法国的首都是哪里？"]).len(), 1);
    assert!(applied(&editor, &["大阪の市長は誰ですか"]).is_empty());
    assert!(applied(&editor, &["俳句を書いてください"]).is_empty());
}

#[tokio::test]
async fn settings_of_one_tenant_last_and_concern_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let editor = opened(&folder, &["The capital of Verdania is Lunde."]).await;
    let question = ["What is the capital of Verdania?"];
    let mine = TenantId::default();
    let strict = ScopeSettings { threshold: Some(1.0), ..ScopeSettings::default() };
    let other = TenantId::new("other").unwrap();
    editor.set_scope(Some(other.clone()), strict.clone()).await.unwrap();
    assert_eq!(applied(&editor, &question).len(), 1, "set for another tenant");
    editor.set_scope(Some(mine.clone()), strict.clone()).await.unwrap();
    assert!(applied(&editor, &question).is_empty());
    editor.close().await.unwrap();

    let editor = opened(&folder, &[]).await;
    assert_eq!(editor.scope_settings(Some(&mine)), Some(strict));
    assert!(applied(&editor, &question).is_empty(), "after a restart");
    assert_eq!(editor.scope_policy(&mine).lexical.threshold(), 1.0);
    editor.set_scope(Some(mine.clone()), ScopeSettings::default()).await.unwrap();
    assert_eq!((editor.scope_settings(Some(&mine)), applied(&editor, &question).len()), (None, 1));
    let none = ScopeSettings { top_k: Some(0), ..ScopeSettings::default() };
    editor.set_scope(None, none.clone()).await.unwrap();
    assert!(applied(&editor, &question).is_empty(), "set for all");
    assert_eq!(editor.scope_policy(&other).lexical.threshold(), 1.0, "both count for a tenant with its own");
    let own = ScopeSettings { lexical: Some(ScopeModel::lexical()), ..none };
    editor.set_scope(Some(mine.clone()), own.clone()).await.unwrap();
    assert_eq!(editor.scope_settings(Some(&mine)), Some(own));
}

#[tokio::test]
async fn impossible_settings_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let editor = opened(&folder, &[]).await;
    for (settings, wanted) in [
        (ScopeSettings { threshold: Some(0.0), ..ScopeSettings::default() }, "threshold is 0"),
        (ScopeSettings { threshold: Some(f64::NAN), ..ScopeSettings::default() }, "threshold is NaN"),
        (ScopeSettings { top_k: Some(17), ..ScopeSettings::default() }, "top_k is 17"),
    ] {
        let error = editor.set_scope(None, settings).await.unwrap_err();
        assert!(matches!(&error, EditError::InvalidEdit { param, .. } if wanted.starts_with(param)));
        assert!(error.to_string().contains(wanted), "{error}");
    }
    assert_eq!(editor.scope_settings(None), None);
}

#[tokio::test]
async fn a_decision_is_explained_with_its_near_misses() {
    let folder = tempfile::tempdir().unwrap();
    let edits = ["The official language of Guinea is Fula.", "The capital of Guinea is Boke."];
    let editor = opened(&folder, &edits).await;
    let tenant = editor.tenant(TenantId::default());
    let explained = tenant.explain(&[Message::user("What is the capital of Guinea?")], 10);
    assert_eq!(explained.decision, Decision::Apply);
    let told: Vec<(&str, Verdict)> =
        explained.considered.iter().map(|c| (c.edit.text.as_str(), c.verdict)).collect();
    assert_eq!(told, [(edits[1], Verdict::Applied), (edits[0], Verdict::Unlikely)]);
    let [first, second] = &explained.considered[..] else { panic!() };
    assert!(
        f64::from(first.probability) >= explained.threshold
            && f64::from(second.probability) < explained.threshold
    );
    assert_eq!((second.features.whole, second.features.other), (1.0, 1.0));
    let none = tenant.explain(&[Message::user("Hello!")], 10);
    assert_eq!((none.decision, none.considered.len()), (Decision::None, 0));
}

#[tokio::test]
async fn stored_settings_that_cannot_be_used_are_passed_over() {
    use sqlx::{Connection, SqliteConnection};
    let folder = tempfile::tempdir().unwrap();
    let editor = opened(&folder, &[]).await;
    let of = |name: &str| Some(TenantId::new(name).unwrap());
    let one = ScopeSettings { top_k: Some(1), ..ScopeSettings::default() };
    editor.set_scope(of("good"), one.clone()).await.unwrap();
    editor
        .set_scope(of("bad"), ScopeSettings { lexical: Some(ScopeModel::lexical()), ..one.clone() })
        .await
        .unwrap();
    editor.set_scope(of("far"), one.clone()).await.unwrap();
    editor.close().await.unwrap();
    let url = format!("sqlite://{}", folder.path().join("amend.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    for statement in [
        "UPDATE scope SET settings = replace(settings, 'strangers', 'moon_phase') WHERE tenant = 'bad'",
        "UPDATE scope SET settings = '{\"top_k\":99}' WHERE tenant = 'far'",
    ] {
        assert_eq!(sqlx::query(statement).execute(&mut other).await.unwrap().rows_affected(), 1);
    }
    other.close().await.unwrap();

    let editor = opened(&folder, &[]).await;
    assert_eq!(editor.scope_settings(of("good").as_ref()), Some(one.clone()));
    for name in ["bad", "far"] {
        assert_eq!(editor.scope_settings(of(name).as_ref()), None, "{name}");
        assert_eq!(editor.scope_policy(&of(name).unwrap()).top_k, 3, "{name}");
    }
    editor.set_scope(of("bad"), one.clone()).await.unwrap();
    editor.close().await.unwrap();
    assert_eq!(opened(&folder, &[]).await.scope_settings(of("bad").as_ref()), Some(one));
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_does_not_ask_for_the_request_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("amend.db"),
        "This is no database, however long it may be.\n".repeat(99),
    )
    .unwrap();
    let error = Editor::open(EditorOptions::new(folder.path().join("amend.db"))).await.unwrap_err();
    insta::assert_snapshot!(error, @"the edit store could not be opened: it failed to open its database");
    assert!(std::error::Error::source(&error).is_some());
}
