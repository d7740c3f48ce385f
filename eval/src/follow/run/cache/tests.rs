use super::*;
use amend_proto::FinishReason;
use proptest::prelude::*;

fn key(number: u8) -> Key {
    format!("{number:064x}").try_into().unwrap()
}

fn said(text: &str) -> Generation {
    Generation {
        text: text.to_owned(),
        finish: FinishReason::Stop,
        prompt_tokens: 3,
        completion_tokens: 5,
        first_token_ms: Some(1.5),
        whole_ms: 2.5,
    }
}

#[test]
fn what_is_kept_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = FolderCache::open(&folder.path().join("deep").join("er")).unwrap();
    assert!(cache.is_empty() && cache.get(&key(1)).unwrap().is_none());
    cache.put(&key(1), &said("one")).unwrap();
    cache.put(&key(2), &said("two\nlines")).unwrap();
    cache.put(&key(1), &said("another")).unwrap();
    cache.flush().unwrap();
    for cache in [FolderCache::open(&folder.path().join("deep").join("er")).unwrap(), cache] {
        assert_eq!(cache.len(), 2);
        assert_eq!(cache.get(&key(1)).unwrap(), Some(said("one")));
        assert_eq!(cache.get(&key(2)).unwrap(), Some(said("two\nlines")));
    }
}

#[test]
fn two_runs_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (FolderCache::open(folder.path()).unwrap(), FolderCache::open(folder.path()).unwrap());
    std::thread::scope(|scope| {
        for (cache, first) in [(&one, 0), (&other, 100)] {
            scope.spawn(move || {
                for number in first..first + 50 {
                    cache.put(&key(number), &said(&"x".repeat(usize::from(number) * 40))).unwrap();
                }
            });
        }
    });
    for (cache, first) in [(&one, 0), (&other, 100)] {
        assert_eq!(cache.get(&key(first + 49)).unwrap().unwrap().text.len(), usize::from(first + 49) * 40);
    }
    let both = FolderCache::open(folder.path()).unwrap();
    assert_eq!((both.len(), both.damaged()), (100, 0));
}

#[test]
fn lines_that_are_none_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let cache = FolderCache::open(folder.path()).unwrap();
    cache.put(&key(1), &said("one")).unwrap();
    let path = folder.path().join(FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(b"{\"key\": 7}\n\n\xff\xfe\n");
    bytes.extend(vec![b'a'; 2 * MAX_LINE_BYTES + 3]);
    bytes.extend(b"\n{\"key\":\"torn");
    std::fs::write(&path, &bytes).unwrap();
    let cache = FolderCache::open(folder.path()).unwrap();
    assert_eq!((cache.len(), cache.damaged()), (1, 4));
    cache.put(&key(2), &said("two")).unwrap();
    let cache = FolderCache::open(folder.path()).unwrap();
    assert_eq!((cache.len(), cache.damaged()), (2, 4));
    assert_eq!(cache.get(&key(2)).unwrap(), Some(said("two")));
}

#[test]
fn a_large_file_is_put_aside_and_what_was_aside_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FolderCache::open(folder.path()).unwrap();
    let (path, before) = (folder.path().join(FILE), folder.path().join(ASIDE));
    let found = |cache: &FolderCache| [1, 2, 3].map(|number| cache.get(&key(number)).unwrap().is_some());
    let first = open();
    first.put(&key(1), &said("one")).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    put_aside(&path, &before, bytes + 1).unwrap();
    assert!(path.exists() && !before.exists());
    put_aside(&path, &before, bytes).unwrap();
    let second = open();
    second.put(&key(1), &said("not this")).unwrap();
    second.put(&key(2), &said("two")).unwrap();
    assert_eq!((found(&second), second.get(&key(1)).unwrap()), ([true, true, false], Some(said("one"))));
    // Who had it open goes on.
    first.put(&key(3), &said("three")).unwrap();
    assert_eq!((found(&first), found(&open())), ([true, false, true], [true; 3]));
    put_aside(&path, &before, 1).unwrap();
    assert_eq!(found(&open()), [false, true, false]);
}

#[test]
fn what_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cache = FolderCache::open(folder.path()).unwrap();
    let long = "\u{1}".repeat(MAX_LINE_BYTES / 6 + 1);
    assert!(matches!(cache.put(&key(1), &said(&long)), Err(CacheError::TooLong(_))));
    let longest = "\u{1}".repeat(crate::follow::run::MAX_ANSWER_BYTES);
    cache.put(&key(1), &said(&longest)).unwrap();
    assert_eq!(cache.get(&key(1)).unwrap().unwrap().text, longest);
    let mut file = OpenOptions::new().read(true).append(true).open(folder.path().join(FILE)).unwrap();
    let end = file.metadata().unwrap().len();
    assert!(append(&mut file, b"{}\n", end + 3).unwrap().is_none());
    assert!(append(&mut file, b"{}\n", end + 4).unwrap().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever a crash leaves, whole lines are found and nothing else.
    #[test]
    fn a_file_cut_anywhere_keeps_its_whole_lines(texts in prop::collection::vec(".{0,12}", 1..6), cut in 0.0..1.0_f64) {
        let folder = tempfile::tempdir().unwrap();
        let cache = FolderCache::open(folder.path()).unwrap();
        for (number, text) in texts.iter().enumerate() {
            cache.put(&key(number as u8), &said(text)).unwrap();
        }
        let path = folder.path().join(FILE);
        let bytes = std::fs::read(&path).unwrap();
        let kept = &bytes[..(bytes.len() as f64 * cut) as usize];
        std::fs::write(&path, kept).unwrap();
        let whole = kept.iter().filter(|byte| **byte == b'\n').count();
        let cache = FolderCache::open(folder.path()).unwrap();
        prop_assert_eq!(cache.len(), whole);
        for (number, text) in texts.iter().enumerate() {
            let found = cache.get(&key(number as u8)).unwrap();
            prop_assert_eq!(found, (number < whole).then(|| said(text)));
            cache.put(&key(number as u8), &said(text)).unwrap();
        }
        prop_assert_eq!(FolderCache::open(folder.path()).unwrap().len(), texts.len());
    }
}
