use super::*;
use amend_proto::{Embedder, testing::WordEmbedder};
use proptest::prelude::*;
use std::{collections::HashMap, fs, path::Path};
use tempfile::TempDir;

const DIM: usize = 24;
const RECORD: usize = 2 * DIM + 36;
const HEADER: usize = 256;

fn options(folder: &TempDir, capacity: u32) -> CacheOptions {
    CacheOptions { path: folder.path().join("embeddings"), capacity }
}

fn id(seed: u64) -> EmbedderId {
    WordEmbedder::new(DIM, seed).id().clone()
}

fn open(folder: &TempDir, capacity: u32) -> EmbeddingCache {
    EmbeddingCache::open(options(folder, capacity), &id(0), DIM).expect("opens")
}

fn embedding(text: &str) -> Quantised {
    let found = WordEmbedder::new(DIM, 0).embed(&[text], TextRole::Passage).expect("embeds");
    Quantised::of(&found[0])
}

fn put(cache: &EmbeddingCache, text: &str) {
    cache.put(TextRole::Passage, text, &embedding(text)).expect("is kept");
}

fn get(cache: &EmbeddingCache, text: &str) -> Option<Quantised> {
    cache.get(TextRole::Passage, text).expect("is read")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the file is there");
    change(&mut bytes);
    fs::write(path, bytes).expect("the file is written");
}

#[test]
fn what_is_kept_survives_a_restart() {
    let folder = folder();
    let cache = open(&folder, 10);
    put(&cache, "iron");
    assert_eq!(get(&cache, "iron"), Some(embedding("iron")));
    assert_eq!(cache.get(TextRole::Query, "iron").expect("is read"), None, "another role is another text");
    drop(cache);
    let cache = open(&folder, 10);
    assert_eq!((cache.len(), get(&cache, "iron"), get(&cache, "gold")), (1, Some(embedding("iron")), None));
}

#[test]
fn one_process_at_a_time() {
    let folder = folder();
    let _cache = open(&folder, 10);
    let second = EmbeddingCache::open(options(&folder, 10), &id(0), DIM).expect_err("must be refused");
    assert!(matches!(second, CacheError::Locked { .. }), "{second}");
}

#[test]
fn the_file_of_another_encoder_or_width_is_refused_and_stays() {
    let folder = folder();
    put(&open(&folder, 10), "iron");
    let refusal = |seed: u64, dim: usize| {
        let error = EmbeddingCache::open(options(&folder, 10), &id(seed), dim).expect_err("must be refused");
        error.to_string().replace(&*folder.path().to_string_lossy(), "DIR")
    };
    insta::assert_snapshot!(refusal(1, DIM), @r#"DIR/embeddings holds the embeddings of the encoder "words-24-0", 24 numbers each, and not of words-24-1, 24 numbers; name another file, or remove this one"#);
    insta::assert_snapshot!(refusal(0, DIM + 1), @r#"DIR/embeddings holds the embeddings of the encoder "words-24-0", 24 numbers each, and not of words-24-0, 25 numbers; name another file, or remove this one"#);
    assert_eq!(get(&open(&folder, 10), "iron"), Some(embedding("iron")));
    let wide = Quantised::from_parts(1.0, vec![1; DIM + 1].into()).expect("sound");
    let wrong = open(&folder, 10).put(TextRole::Passage, "iron", &wide);
    assert!(matches!(wrong, Err(CacheError::Width { expected: DIM, found: 25 })));
}

#[test]
fn every_encoder_and_width_has_its_own_file() {
    let named = |id: &str, dim| EmbeddingCache::file_name(&EmbedderId::new(id).expect("an id"), dim);
    assert_eq!(named("bert:a/b", 384), "bert=a+b.384.embeddings");
    let names = [named("a/b", 8), named("a:b", 8), named("a-b", 8), named("a/b", 9)];
    assert!((0..4).all(|at| !names[at + 1..].contains(&names[at])));
}

#[test]
fn a_torn_tail_is_dropped_and_written_over() {
    for torn in 1..RECORD {
        let folder = folder();
        let cache = open(&folder, 10);
        put(&cache, "iron");
        put(&cache, "gold");
        drop(cache);
        change(&folder.path().join("embeddings"), |bytes| bytes.truncate(HEADER + 2 * RECORD - torn));
        let cache = open(&folder, 10);
        assert_eq!((cache.len(), get(&cache, "gold")), (1, None), "{torn} bytes torn");
        put(&cache, "lead");
        drop(cache);
        let cache = open(&folder, 10);
        assert_eq!(
            get(&cache, "iron").zip(get(&cache, "lead")),
            Some((embedding("iron"), embedding("lead")))
        );
    }
}

#[test]
fn a_damaged_record_costs_itself_alone() {
    for at in HEADER + RECORD..HEADER + 2 * RECORD {
        let folder = folder();
        let cache = open(&folder, 3);
        ["iron", "gold", "lead"].iter().for_each(|text| put(&cache, text));
        drop(cache);
        change(&folder.path().join("embeddings"), |bytes| bytes[at] ^= 0x10);
        let cache = open(&folder, 3);
        assert_eq!((cache.len(), get(&cache, "gold")), (2, None), "byte {at}");
        // The empty place is taken before any other is written over.
        put(&cache, "zinc");
        let kept = ["iron", "lead", "zinc"].map(|text| get(&cache, text));
        assert_eq!(kept, ["iron", "lead", "zinc"].map(|text| Some(embedding(text))));
    }
}

#[test]
fn a_record_that_is_damaged_while_the_file_is_open_is_made_anew() {
    let folder = folder();
    let cache = open(&folder, 3);
    put(&cache, "iron");
    change(&folder.path().join("embeddings"), |bytes| bytes[HEADER + 30] ^= 1);
    assert_eq!(get(&cache, "iron"), None);
    put(&cache, "iron");
    assert_eq!((cache.len(), get(&cache, "iron")), (1, Some(embedding("iron"))));
}

#[test]
fn a_damaged_header_begins_anew() {
    for at in [0, 9, 20, 200, HEADER - 1] {
        let folder = folder();
        put(&open(&folder, 3), "iron");
        change(&folder.path().join("embeddings"), |bytes| bytes[at] ^= 1);
        assert!(open(&folder, 3).is_empty());
    }
}

#[test]
fn a_smaller_capacity_cuts_the_file() {
    let folder = folder();
    let cache = open(&folder, 10);
    ["a", "b", "c", "d"].iter().for_each(|text| put(&cache, text));
    drop(cache);
    assert_eq!(open(&folder, 2).len(), 2);
    assert_eq!(
        fs::metadata(folder.path().join("embeddings")).expect("is there").len(),
        (HEADER + 2 * RECORD) as u64
    );
    let none = open(&folder, 0);
    put(&none, "a");
    assert!(none.is_empty());
}

#[test]
fn a_missing_folder_is_named() {
    let folder = folder();
    let missing = CacheOptions { path: folder.path().join("none/embeddings"), capacity: 1 };
    let error = EmbeddingCache::open(missing, &id(0), DIM).expect_err("cannot be made").to_string();
    assert!(error.starts_with("the embedding cache failed to open "), "{error}");
}

proptest! {
    /// The model: the newest `capacity` texts, whatever restarts there were.
    #[test]
    fn holds_the_newest(
        steps in proptest::collection::vec(prop_oneof![4 => (0u8..12).prop_map(Some), 1 => Just(None)], 1..60),
        capacity in 1u32..6
    ) {
        let folder = folder();
        let mut cache = open(&folder, capacity);
        let mut model: Vec<String> = Vec::new();
        for step in steps {
            let Some(number) = step else {
                drop(cache);
                cache = open(&folder, capacity);
                continue;
            };
            let text = format!("text {number}");
            put(&cache, &text);
            if !model.contains(&text) {
                model.push(text);
            }
            if model.len() > capacity as usize {
                model.remove(0);
            }
            let found: HashMap<String, bool> = (0..12)
                .map(|n| format!("text {n}"))
                .map(|text| (text.clone(), get(&cache, &text) == Some(embedding(&text))))
                .collect();
            prop_assert!(found.iter().all(|(text, kept)| *kept == model.contains(text)), "{found:?} {model:?}");
        }
    }

    #[test]
    fn any_bytes_are_a_cache(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let folder = folder();
        fs::write(folder.path().join("embeddings"), bytes).expect("is written");
        let cache = open(&folder, 4);
        prop_assert!(cache.is_empty());
        put(&cache, "iron");
        prop_assert_eq!(get(&cache, "iron"), Some(embedding("iron")));
    }
}
