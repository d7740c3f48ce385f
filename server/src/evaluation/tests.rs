use super::*;
use amend_editor::{AddEdits, Editor, EditorOptions, NewEdit};
use amend_eval::edit::{
    metrics::{ForcedQuery, TeacherForced},
    protocol::{Decision, EditStore, Fate, Protocol, Seed, Size},
};
use amend_trainer::atlas::builtin;

fn query(prompt: &str, target: &str) -> ForcedQuery {
    ForcedQuery { prompt: prompt.to_owned(), target: target.to_owned() }
}

#[tokio::test]
async fn the_decoder_is_forced_with_and_without_edits() {
    let folder = tempfile::tempdir().unwrap();
    let base = Forced::load(&builtin::unpack(folder.path()).unwrap()).unwrap();
    let editor = Editor::open(EditorOptions::new(folder.path().join("amend.db"))).await.unwrap();
    let tenant = editor.tenant(TenantId::default());
    let edited = base.clone().with_edits(tenant.clone());
    let question = query("What is the capital of France?", "Paris");
    let long = query(&"word ".repeat(4_000), "Paris");
    let queries = [question.clone(), long, query("What is the capital of France?", "Lyon")];
    let plain = base.force(&queries).await;
    assert_eq!(plain[0].as_ref().unwrap().accuracy(), 1.0, "the built-in model knows it");
    assert!(plain[1].is_err(), "one that does not fit fails alone");
    let before = plain[2].as_ref().unwrap().accuracy();
    tenant.add(AddEdits::from(NewEdit::new("The capital of France is Lyon."))).await.unwrap();
    let with = edited.force(&queries).await;
    let after = with[2].as_ref().unwrap().accuracy();
    assert!(after > before && after == 1.0, "{before} {after}");
    let again = base.force(&queries[..1]).await;
    assert_eq!(
        again[0].as_ref().unwrap(),
        plain[0].as_ref().unwrap(),
        "what is beside a query does not matter"
    );
}

#[test]
fn atlas_is_a_set_too() {
    let count = NonZeroUsize::new(60).unwrap();
    let set = atlas(1, count);
    assert_eq!((set.records.len(), &set), (60, &atlas(1, count)));
    assert!(set.records.iter().all(|record| !record.fact.rephrasings.is_empty()));
    assert!(set.records.iter().filter(|record| !record.locality.other_subjects.is_empty()).count() > 50);
}

#[tokio::test]
async fn a_published_file_is_measured_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zsre.json");
    let records = r#"[{"subject": "France", "src": "What is the capital of France?", "alt": "Lyon",
        "answers": ["Paris"], "rephrase": "Which city is the capital of France?",
        "loc": "nq question: What is the capital of Spain?", "loc_ans": "Madrid"},
        {"subject": "Spain", "src": "What is the capital of Spain?", "alt": "Seville", "answers": ["Madrid"]},
        {"subject": "Peru"}]"#;
    std::fs::write(&file, records).unwrap();
    let records = read(&[file], NonZeroUsize::MAX).unwrap();
    assert_eq!((records.records.len(), records.issues_seen), (2, 1));
    let plan = Plan { sizes: vec![Size::All], ..Plan::new(Protocol::Batch, Seed(1)) };
    let options = MeasureOptions { fluency_tokens: None, ..MeasureOptions::default() };
    let journal = Some(folder.path().join("journal.jsonl"));
    let job = EvalJob { records, plan, options, concurrency: NonZeroUsize::MIN, journal };
    let config = AppConfig::new(folder.path().join("data"), "atlas").unwrap();
    let report = edits(config, &job, &(), std::future::pending()).await.unwrap();
    assert_eq!(report.store.encoder, None);
    assert!(report.store.scope.contains("at most 3 edits") && report.store.template.len() == 64);
    let stage = &report.stages[0];
    assert_eq!((report.stages.len(), stage.edits), (1, 2));
    let text = serde_json::to_value(&report).unwrap().to_string();
    assert!(text.contains("forced"), "{text}");
    assert!(report.markdown().unwrap().contains("zsre.json"));
    assert!(stage.failures.is_empty(), "{:?}", stage.failures);
}

#[tokio::test]
async fn retrieval_is_ranked_before_the_scope_decision() {
    let folder = tempfile::tempdir().unwrap();
    let editor = Editor::open(EditorOptions::new(folder.path().join("amend.db"))).await.unwrap();
    let certain = amend_editor::ScopeSettings { threshold: Some(1.0), ..Default::default() };
    editor.set_scope(None, certain).await.unwrap();
    let tenant = editor.tenant(TenantId::default());
    tenant.add(AddEdits::from(NewEdit::new("The capital of France is Lyon.").about("France"))).await.unwrap();
    let store = TenantStore::new(editor.clone(), tenant);
    let found = store.lookup("What is the capital of France?").await.unwrap();
    assert_eq!((found.decision, found.ranked.len()), (Decision::Bypass, 1));
    assert_eq!(found.ranked[0].fate, Fate::LeftOut);
    let info = store.info();
    let settings = amend_editor::ScopeSettings { top_k: Some(2), ..Default::default() };
    editor.set_scope(None, settings).await.unwrap();
    assert_ne!(store.info().scope, info.scope, "another policy is another run");
    let found = store.lookup("What is the capital of France?").await.unwrap();
    assert_eq!((found.decision, found.ranked[0].fate), (Decision::Apply, Fate::Applied));
}

#[tokio::test]
async fn a_stopped_run_closes_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let records = atlas(1, NonZeroUsize::new(3).unwrap());
    let plan = Plan { sizes: vec![Size::All], ..Plan::new(Protocol::Batch, Seed(1)) };
    let options = MeasureOptions { fluency_tokens: None, ..MeasureOptions::default() };
    let begun = folder.path().join("journal.jsonl");
    let journal = Some(begun.clone());
    let job = EvalJob { records, plan, options, concurrency: NonZeroUsize::MIN, journal };
    let data = folder.path().join("data");
    let config = AppConfig::new(data.clone(), "atlas").unwrap();
    // Ready as soon as the measuring has begun, whose own waiting wakes this up.
    let stop = std::future::poll_fn(|_| match begun.exists() {
        true => std::task::Poll::Ready(()),
        false => std::task::Poll::Pending,
    });
    let stopped = edits(config, &job, &(), stop).await;
    assert!(matches!(stopped, Err(EvalError::Stopped)), "{stopped:?}");
    std::fs::remove_dir_all(&data).unwrap();
    assert!(!data.exists());
}
