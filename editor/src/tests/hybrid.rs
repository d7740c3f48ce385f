//! The dense side through the editor.

use super::{encoders::Odd, *};
use crate::{edit::SupersedeEdit, error::EditError, scope::ScopeSettings, transfer::ImportOptions};
use amend_proto::Embedder;
use std::{fs, path::PathBuf, time::Duration};

const DIM: usize = 32;
/// Of the cache's file.
const HEADER: usize = 256;
const RECORD: usize = 2 * DIM + 36;
/// Applies an edit from a similarity of 0.7 on.
const BY_SIMILARITY: &str = r#"{
  "schema": "amend.scope/1",
  "features": ["similarity"],
  "weights": [50.0],
  "bias": -35.0,
  "threshold": 0.5,
  "seed": 1,
  "trained_on": { "data": "nothing", "sha256": "00", "pairs": 0, "in_scope": 0, "held_out": 0 }
}"#;

#[derive(Debug, Clone, Copy)]
enum Damage {
    TornRecord,
    FlippedBit,
    TornHeader,
    Emptied,
}

fn setup(odd: &Arc<Odd>) -> EncoderSetup {
    EncoderSetup::new(Arc::clone(odd) as Arc<dyn Embedder>)
}

async fn dense_bench(odd: Odd) -> (Bench, Arc<Odd>) {
    let odd = Arc::new(odd);
    (bench_with(Some(setup(&odd))).await, odd)
}

fn keys(bench: &Bench, tenant: &str) -> Vec<i64> {
    let dense = bench.editor.dense.as_ref().expect("there is an encoder");
    dense.keys(&TenantId::new(tenant).expect("a valid id")).into_iter().map(Seq::get).collect()
}

/// Embedded and missing.
fn counts(editor: &Editor) -> (usize, usize) {
    let status = editor.dense_status().expect("there is an encoder");
    (status.embedded, status.missing)
}

fn asking(question: &str) -> Vec<Message> {
    vec![Message::user(question)]
}

async fn reopen(bench: &mut Bench) {
    bench.editor.close().await.expect("closes");
    let database = bench.folder.path().join("amend.db");
    bench.editor = open(&database, &bench.clock, bench.encoder.clone()).await;
}

fn cache_files(bench: &Bench) -> Vec<PathBuf> {
    let folder = fs::read_dir(bench.folder.path().join("amend.db.embeddings")).expect("there is one");
    folder.map(|file| file.expect("is read").path()).collect()
}

#[tokio::test]
async fn an_edit_is_found_by_what_it_means_as_long_as_it_stands() {
    let (bench, _) = dense_bench(Odd::new(256).knowing("Blighty", "the United Kingdom")).await;
    let tenant = bench.of("acme");
    let question = "The prime minister of Blighty is who?";
    add(&tenant, edit("pm", "The prime minister of the United Kingdom is Ann.")).await;
    add(&bench.of("rival"), edit("pm", "The prime minister of the United Kingdom is Bob.")).await;
    // The shipped model trusts no encoder so far that a name need not be there at all.
    let settings = ScopeSettings { hybrid: Some(BY_SIMILARITY.parse().unwrap()), ..ScopeSettings::default() };
    bench.editor.set_scope(None, settings).await.unwrap();
    assert_eq!(applied(&tenant, question), ["pm"]);
    let preview = tenant.preview_async(asking(question)).await.unwrap();
    assert_eq!(preview.edits[0].text, "The prime minister of the United Kingdom is Ann.");
    let plain = super::bench().await;
    add(&plain.of("acme"), edit("pm", "The prime minister of the United Kingdom is Ann.")).await;
    assert_eq!(applied(&plain.of("acme"), question), [""; 0], "words alone do not find it");
    tenant.retire(retire("pm")).await.unwrap();
    assert_eq!(applied(&tenant, question), [""; 0]);
    assert_eq!((keys(&bench, "acme"), keys(&bench, "rival")), (vec![], vec![2]));
}

#[tokio::test]
async fn the_dense_index_follows_every_operation() {
    let (bench, _) = dense_bench(Odd::new(DIM)).await;
    let tenant = bench.of("acme");
    tenant.add(batch([edit("a", "Iron is soft."), edit("b", "Tin is soft.")])).await.unwrap();
    tenant.supersede(SupersedeEdit::new(id("a"), NewEdit::new("Iron is hard."))).await.unwrap();
    assert_eq!(keys(&bench, "acme"), [2, 3]);
    tenant.retire(retire("b")).await.unwrap();
    assert_eq!(keys(&bench, "acme"), [3]);
    tenant.restore(restore("b")).await.unwrap();
    assert_eq!(keys(&bench, "acme"), [2, 3], "as the version that it was");
    tenant.roll_back(back_to(2)).await.unwrap();
    assert_eq!(keys(&bench, "acme"), [1, 2]);
    tenant.roll_back(back_to(0)).await.unwrap();
    assert_eq!((keys(&bench, "acme"), counts(&bench.editor)), (vec![], (0, 0)));
}

#[tokio::test]
async fn a_text_that_the_encoder_fails_for_keeps_out_no_other() {
    for odd in [Odd::new(DIM).failing_for("Tin"), Odd::new(DIM).panicking_for("Tin")] {
        let (mut bench, _) = dense_bench(odd).await;
        let tenant = bench.of("acme");
        let lines = ["Iron is soft.", "Tin is soft.", "Lead is soft.", "Zinc is soft."];
        let edits = lines.map(|text| edit(&text[..3], text));
        tenant.add(batch(edits)).await.unwrap();
        assert_eq!((keys(&bench, "acme"), counts(&bench.editor)), (vec![1, 3, 4], (3, 1)));
        // A question that it fails for is answered by the words.
        let preview = tenant.preview_async(asking("Is Tin soft?")).await.unwrap();
        assert_eq!(preview.edits.iter().map(|edit| edit.id.as_str()).collect::<Vec<_>>(), ["Tin"]);
        assert_eq!(applied(&tenant, "Is Tin soft?"), ["Tin"]);
        reopen(&mut bench).await;
        assert_eq!(counts(&bench.editor), (3, 1), "it still fails");
        bench.encoder = Some(setup(&Arc::new(Odd::new(DIM))));
        reopen(&mut bench).await;
        assert_eq!((keys(&bench, "acme"), counts(&bench.editor)), (vec![1, 2, 3, 4], (4, 0)));
        bench.of("acme").retire(retire("Tin")).await.unwrap();
        assert_eq!(counts(&bench.editor), (3, 0));
    }
}

#[tokio::test]
async fn a_stuck_encoder_does_not_hold_up_questions() {
    let odd = Arc::new(Odd::new(DIM));
    let bench = bench_with(Some(EncoderSetup { query_budget: Duration::ZERO, ..setup(&odd) })).await;
    let tenant = bench.of("acme");
    add(&tenant, edit("capital", "The capital of France is Lyon.")).await;
    odd.hang();
    // More questions than may be at the encoder at once.
    let mut found = Vec::new();
    for _ in 0..10 {
        found.push(
            tenant
                .preview_async(asking("What is the capital of France?"))
                .await
                .map(|preview| preview.edits.len()),
        );
    }
    // What brings no text does not ask it.
    let retired = tenant.retire(retire("capital")).await;
    odd.go_on();
    assert!(retired.is_ok());
    assert!(found.iter().all(|edits| matches!(edits, Ok(1))), "{found:?}");
}

#[tokio::test]
async fn a_restart_reads_embeddings_instead_of_making_them() {
    let (mut bench, odd) = dense_bench(Odd::new(DIM)).await;
    let tenant = bench.of("acme");
    add(&tenant, edit("a", "Iron is soft.")).await;
    add(&tenant, edit("b", "Tin is soft.")).await;
    assert_eq!(odd.passages(), [1, 1], "each once, ahead of its writing");
    reopen(&mut bench).await;
    assert_eq!((odd.passages().len(), counts(&bench.editor)), (2, (2, 0)));
    let [file] = cache_files(&bench).try_into().expect("one encoder, one file");
    // How much has to be embedded again.
    for (damage, lost) in
        [(Damage::TornRecord, 1), (Damage::FlippedBit, 1), (Damage::TornHeader, 2), (Damage::Emptied, 2)]
    {
        bench.editor.close().await.unwrap();
        let before = odd.passages().iter().sum::<usize>();
        let mut bytes = fs::read(&file).unwrap();
        match damage {
            Damage::TornRecord => bytes.truncate(HEADER + 2 * RECORD - 1),
            Damage::FlippedBit => bytes[HEADER + 30] ^= 1,
            Damage::TornHeader => bytes.truncate(HEADER - 1),
            Damage::Emptied => bytes.clear(),
        }
        fs::write(&file, bytes).unwrap();
        let database = bench.folder.path().join("amend.db");
        bench.editor = open(&database, &bench.clock, bench.encoder.clone()).await;
        assert_eq!(odd.passages().iter().sum::<usize>() - before, lost, "{damage:?}");
        assert_eq!((keys(&bench, "acme"), counts(&bench.editor)), (vec![1, 2], (2, 0)));
    }
}

#[tokio::test]
async fn another_encoder_has_another_file() {
    let (mut bench, narrow) = dense_bench(Odd::new(DIM)).await;
    add(&bench.of("acme"), edit("a", "Iron is soft.")).await;
    let wide = Arc::new(Odd::new(48));
    bench.encoder = Some(setup(&wide));
    reopen(&mut bench).await;
    assert_eq!((wide.passages(), counts(&bench.editor)), (vec![1], (1, 0)));
    assert_eq!(cache_files(&bench).len(), 2);
    bench.encoder = Some(setup(&narrow));
    reopen(&mut bench).await;
    assert_eq!((narrow.passages(), counts(&bench.editor)), (vec![1], (1, 0)), "its own is still there");
    bench.encoder = None;
    reopen(&mut bench).await;
    assert_eq!((bench.editor.dense_status(), bench.editor.count()), (None, 1));
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = async |odd: Odd, caches: &str| {
        let encoder = EncoderSetup { caches: Some(folder.path().join(caches)), ..setup(&Arc::new(odd)) };
        let database = folder.path().join("amend.db");
        let options = EditorOptions { encoder: Some(encoder), ..EditorOptions::new(database) };
        let error = Editor::open(options).await.expect_err("must be refused");
        assert!(matches!(error, EditError::Encoder { .. }));
        error.to_string().replace(&*folder.path().to_string_lossy(), "DIR")
    };
    insta::assert_snapshot!(refusal(Odd::new(DIM).claiming(64), "a").await, @"the sentence encoder or its embedding cache is not usable: the encoder words-32-1 says that its embeddings have 64 numbers and gave one of 32; its folder does not fit together");
    insta::assert_snapshot!(refusal(Odd::new(DIM).failing_for("work"), "b").await, @"the sentence encoder or its embedding cache is not usable: told to fail");
    fs::write(folder.path().join("file"), "").unwrap();
    insta::assert_snapshot!(refusal(Odd::new(DIM), "file").await, @"the sentence encoder or its embedding cache is not usable: making the folder DIR/file failed: File exists (os error 17)");
    // A file of this encoder's name with another's embeddings.
    let (bench, _) = dense_bench(Odd::new(48)).await;
    fs::create_dir(folder.path().join("c")).unwrap();
    fs::copy(&cache_files(&bench)[0], folder.path().join("c/words-32-1.32.embeddings")).unwrap();
    insta::assert_snapshot!(refusal(Odd::new(DIM), "c").await, @r#"the sentence encoder or its embedding cache is not usable: DIR/c/words-32-1.32.embeddings holds the embeddings of the encoder "words-48-1", 48 numbers each, and not of words-32-1, 32 numbers; name another file, or remove this one"#);
}

#[tokio::test]
async fn an_import_is_embedded_in_bounded_batches() {
    let (bench, odd) = dense_bench(Odd::new(DIM)).await;
    let tenant = bench.of("acme");
    let lines: String = (0..2_500).map(|n| format!("{{\"text\":\"The price of n{n} is {n}.\"}}\n")).collect();
    let report = tenant.import(lines.as_bytes(), ImportOptions::default()).await.unwrap();
    assert_eq!((report.added, counts(&bench.editor)), (2_500, (2_500, 0)));
    let calls = odd.passages();
    assert_eq!(calls.iter().sum::<usize>(), 2_500, "each once");
    assert!(calls.iter().all(|texts| *texts <= 256), "{calls:?}");
}
