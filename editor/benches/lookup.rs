//! Looking up the edits of a question among 1,000, 10,000 and 100,000 live ones, and acknowledging writes.
//!
//! `cargo bench -p amend-editor`. The names are made of syllables, with few first names and many family names, so that
//! some words are in thousands of subjects and most in few.

use amend_editor::{AddEdits, Editor, EditorOptions, NewEdit};
use amend_proto::Message;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::{hint::black_box, time::Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const RELATIONS: [&str; 5] = ["mayor", "capital", "currency", "founder", "owner"];

/// A made-up word, the same for the same number.
fn word(mut number: usize) -> String {
    let syllables = [
        "bra", "de", "fil", "gor", "ha", "jun", "kel", "lo", "mir", "nu", "pos", "ra", "sti", "tov", "ulm",
        "vex",
    ];
    let mut word = String::new();
    while word.is_empty() || number > 0 {
        word.push_str(syllables[number % syllables.len()]);
        number /= syllables.len();
    }
    word[..1].to_uppercase() + &word[1..]
}

fn subject(number: usize) -> String {
    format!("{} {}", word(number % 97), word(1_000 + number / 5))
}

fn filled(runtime: &Runtime, size: usize) -> (Editor, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let editor = runtime.block_on(async {
        let editor = Editor::open(EditorOptions::new(folder.path().join("amend.db"))).await.expect("opens");
        let edit = |n: usize| {
            NewEdit::new(format!(
                "The {} of {} is {}.",
                RELATIONS[n % RELATIONS.len()],
                subject(n),
                word(7 * n)
            ))
        };
        for first in (0..size).step_by(1_000) {
            let edits = (first..(first + 1_000).min(size)).map(edit).collect();
            editor.add(AddEdits::new(edits)).await.expect("added");
        }
        editor
    });
    (editor, folder)
}

fn lookups(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("lookup");
    for size in [1_000, 10_000, 100_000] {
        let (editor, _folder) = filled(&runtime, size);
        let questions = [
            ("in scope", format!("Could you please tell me who the mayor of {} is?", subject(size / 2))),
            ("other subject", "Could you please tell me who the mayor of Kelmirulm Zanzibor is?".to_owned()),
            (
                "common first name",
                format!("Could you please tell me who {} is and where he lives?", word(13)),
            ),
            (
                "generic",
                "Write a short story about a fox who learns to play the violin in the forest.".to_owned(),
            ),
            ("misspelt", format!("Who is the mayor of {}x?", subject(size / 2))),
            ("4,000 words", "The quick brown fox jumps over lazy dogs and other creatures. ".repeat(364)),
        ];
        for (name, question) in questions {
            let messages = [Message::user(question)];
            group.bench_with_input(BenchmarkId::new(name, size), &messages, |bencher, messages| {
                bencher.iter(|| editor.preview(black_box(messages)).expect("renders"));
            });
        }
    }
    group.finish();
}

fn acknowledgements(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("acknowledge");
    group.sample_size(50);
    for clients in [1, 16] {
        let (editor, _folder) = filled(&runtime, 1_000);
        group.bench_function(BenchmarkId::new("clients", clients), |bencher| {
            bencher.iter_custom(|rounds| {
                let begun = Instant::now();
                runtime.block_on(async {
                    for round in 0..rounds {
                        let adds = (0..clients).map(|client| {
                            let text =
                                format!("The owner of {} is {}.", subject(client), word(round as usize));
                            editor.add(NewEdit::new(text).into())
                        });
                        for added in futures::future::join_all(adds).await {
                            added.expect("added");
                        }
                    }
                });
                begun.elapsed()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lookups, acknowledgements);
criterion_main!(benches);
