//! Taking in, giving out and opening many edits.
//!
//! `cargo bench -p amend-editor --bench bulk`. Each line has a subject, a relation and an object, as an export of a
//! knowledge base would.

use amend_editor::{Editor, EditorOptions, ImportOptions, TenantEditor};
use amend_proto::TenantId;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::TryStreamExt;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const EDITS: usize = 50_000;
const RELATIONS: [&str; 5] = ["mayor", "capital", "currency", "founder", "owner"];

fn word(mut number: usize) -> String {
    let syllables =
        ["bra", "de", "fil", "gor", "ha", "jun", "kel", "lo", "mir", "nu", "pos", "ra", "sti", "tov"];
    let mut word = String::new();
    while word.is_empty() || number > 0 {
        word.push_str(syllables[number % syllables.len()]);
        number /= syllables.len();
    }
    word[..1].to_uppercase() + &word[1..]
}

fn lines() -> String {
    let line = |n: usize| {
        let (subject, object) = (format!("{} {}", word(n % 97), word(1_000 + n / 5)), word(7 * n));
        let relation = RELATIONS[n % RELATIONS.len()];
        format!(
            "{{\"text\":\"The {relation} of {subject} is {object}.\",\"subject\":\"{subject}\",\
             \"relation\":\"{relation}\",\"object\":\"{object}\",\"source\":\"benchmark\"}}\n"
        )
    };
    (0..EDITS).map(line).collect()
}

async fn import(tenant: &TenantEditor, lines: &str) -> (Duration, u64) {
    let begun = Instant::now();
    let report = tenant.import(lines.as_bytes(), ImportOptions::default()).await.expect("imports");
    assert_eq!(report.refused, 0);
    (begun.elapsed(), report.added)
}

fn bulk(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let lines = lines();
    let mut group = criterion.benchmark_group("bulk");
    group.sample_size(10).throughput(Throughput::Elements(EDITS as u64));
    group.bench_function("import", |bencher| {
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| {
                    runtime.block_on(async {
                        let folder = tempfile::tempdir().expect("a temporary folder");
                        let editor = Editor::open(EditorOptions::new(folder.path().join("amend.db")))
                            .await
                            .expect("opens");
                        let (took, added) = import(&editor.tenant(TenantId::default()), &lines).await;
                        assert_eq!(added, EDITS as u64);
                        editor.close().await.expect("closes");
                        took
                    })
                })
                .sum()
        });
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = EditorOptions::new(folder.path().join("amend.db"));
    let editor = runtime.block_on(async {
        let editor = Editor::open(options.clone()).await.expect("opens");
        import(&editor.tenant(TenantId::default()), &lines).await;
        editor
    });
    let tenant = editor.tenant(TenantId::default());
    group.bench_function("import again", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(import(&tenant, &lines)).1, 0));
    });
    group.bench_function("export", |bencher| {
        bencher.iter(|| {
            let out = tenant.export(None).expect("begins");
            let out = runtime.block_on(out.try_fold(0, |all, lines| async move { Ok(all + lines.len()) }));
            assert!(out.expect("exports") > 0);
        });
    });
    runtime.block_on(editor.close()).expect("closes");
    group.bench_function("open", |bencher| {
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| {
                    runtime.block_on(async {
                        let begun = Instant::now();
                        let editor = Editor::open(options.clone()).await.expect("opens");
                        let took = begun.elapsed();
                        editor.close().await.expect("closes");
                        took
                    })
                })
                .sum()
        });
    });
    group.finish();
}

criterion_group!(benches, bulk);
criterion_main!(benches);
