//! Tests of the measuring itself, on few texts and without Python.

use super::*;
use std::collections::HashSet;
use std::path::Path;

#[test]
fn texts_are_the_same_for_a_seed_and_their_words_are_all_different() {
    let first: Vec<Generated> = Texts::new(7).take(300).collect();
    assert_eq!(first, Texts::new(7).take(300).collect::<Vec<_>>());
    assert_ne!(first, Texts::new(8).take(300).collect::<Vec<_>>());
    let copies = first.iter().filter(|text| text.from.is_some()).count();
    assert!((60..=120).contains(&copies), "{copies} of 300");
    for (row, text) in first.iter().enumerate() {
        assert!(text.from.is_none_or(|from| from < row as u64), "{row} is from {:?}", text.from);
        assert!(!text.text.is_empty() && text.text.chars().all(|c| c.is_ascii_lowercase() || c == ' '));
    }
    let words: HashSet<String> = (0..20_000).map(texts::word).collect();
    assert_eq!(words.len(), 20_000);
}

#[test]
fn our_own_side_holds_what_it_promises() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = BenchOptions {
        folder: folder.path(),
        peer: None,
        texts: 600,
        decided: 0,
        many: 3000,
        pages: 4,
        labelled: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pages")),
        seed: 3,
        said: &|_| {},
    };
    let report = run(&options).expect("runs");
    assert!(report.holds(), "{report}");
    assert_eq!(report.filter.different, 0);
    assert!(report.filter.kept < 600 && report.duplicates.pairs > 20, "{report}");
    let million = report.duplicates.million.expect("asked for");
    assert_eq!(million.rows, 3000);
    assert!(million.exact > 10 && million.kept + million.exact < 3000, "{million:?}");
    let planted: usize = report.duplicates.buckets.iter().map(|bucket| bucket.pairs).sum();
    assert!((130..=230).contains(&planted), "{planted} of 600");
    let labelled = report.extraction.labelled.as_ref().expect("asked for");
    assert!(labelled.pages.len() >= 25 && labelled.f1.mean >= 0.93, "{labelled:?}");
    assert!(labelled.peer_f1.is_none() && report.extraction.peer.is_none());
    assert!(report.to_string().contains("| labelled pages: "), "{report}");
    assert_eq!(serde_json::to_value(&report).expect("JSON")["schema"], "amend.bench.synth.v2");
}

#[test]
fn nothing_to_measure_and_a_failing_peer_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("no-python");
    let options = BenchOptions {
        folder: folder.path(),
        peer: Some(missing.clone()),
        texts: 1,
        decided: 10,
        many: 0,
        pages: 1,
        labelled: None,
        seed: 3,
        said: &|_| {},
    };
    assert!(run(&options).expect_err("one text").to_string().contains("two texts"));
    let empty = BenchOptions { pages: 0, texts: 20, peer: None, labelled: None, ..options };
    assert!(run(&empty).expect_err("no page").to_string().contains("a page"));
    let options = BenchOptions { labelled: Some(folder.path().to_owned()), pages: 1, ..empty };
    assert!(run(&options).expect_err("no pages").to_string().contains("no labelled page"));
    let options = BenchOptions { labelled: None, peer: Some(missing), ..options };
    let failed = run(&BenchOptions { texts: 20, ..options }).expect_err("no such program");
    assert!(failed.to_string().contains("the Python side of rouge failed"), "{failed}");
}
