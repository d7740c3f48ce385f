//! Tests of shingles, signatures, bands and of what is found by them.

use super::signature::agreement;
use super::*;
use crate::Error;
use proptest::prelude::*;
use std::collections::HashSet;
use std::num::NonZeroUsize;

fn words(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("above 0")
}

/// ```python
/// # datasketch 2.0.0, scipy 1.17.1
/// from datasketch.lsh import _optimal_param
/// for p in [16, 64, 128, 256]:
///     print(p, [(t, _optimal_param(t, p, 0.5, 0.5)) for t in [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]])
/// ```
#[test]
fn cuts_are_those_of_datasketch() {
    let thresholds = [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];
    let expected = [
        (16, [(8, 2), (5, 3), (4, 4), (3, 5), (2, 8), (1, 15), (1, 16)]),
        (64, [(21, 3), (14, 4), (10, 6), (8, 8), (5, 11), (3, 21), (2, 32)]),
        (128, [(37, 3), (25, 5), (18, 7), (14, 9), (9, 13), (5, 25), (3, 42)]),
        (256, [(64, 4), (42, 6), (32, 8), (25, 10), (17, 15), (9, 28), (5, 51)]),
    ];
    for (permutations, cuts) in expected {
        for (threshold, (bands, rows)) in thresholds.into_iter().zip(cuts) {
            let cut = Bands::for_threshold(threshold, permutations);
            assert_eq!(cut, Bands { bands, rows }, "{threshold} of {permutations}");
        }
    }
}

/// ```python
/// M, P = (1 << 64) - 1, 0x100000001b3
/// def mix(h):  # the finaliser of MurmurHash3
///     h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd & M
///     h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53 & M
///     return h ^ (h >> 33)
/// def word(w):  # FNV-1a
///     h = 0xcbf29ce484222325
///     for c in w: h = (h ^ ord(c)) * P & M
///     return h
/// h = 0
/// for w in "one two three".split(): h = mix((h * P & M) ^ word(w))
/// print(h)
/// ```
#[test]
fn shingles_are_the_same_on_every_machine() {
    assert_eq!(shingles("One two, THREE", words(3)), [16_013_678_957_034_418_167]);
}

#[test]
fn shingles_are_runs_of_words_whatever_stands_between() {
    let of = |text: &str| shingles(text, words(3));
    assert_eq!(of("one two three four").len(), 2);
    assert_eq!(of("One,  TWO - three... four!"), of("one two three four"));
    assert_ne!(of("three two one"), of("one two three"));
    assert_eq!(of("a b c a b c").len(), 3, "a set");
    assert_eq!((of("two words").len(), of("word").len(), of("?! \u{1f600}").len()), (1, 1, 0));
    assert_ne!(of("two words"), of("twowords"));
    assert_eq!(of("\u{4f60}\u{597d}\u{4e16}\u{754c}").len(), 2, "four words of a script without spaces");
    assert_eq!(of("\u{c9}t\u{e9} \u{c0} Paris"), of("\u{e9}t\u{e9} \u{e0} paris"));
}

/// 400 pairs of sets for each similarity: the mean of the estimates is the similarity, and they spread as they should.
#[test]
fn signatures_estimate_the_similarity() {
    let family = Family::new(128, 1);
    for (shared, own) in [(5, 45), (50, 25), (70, 15), (90, 5), (7, 3)] {
        let similarity = f64::from(shared) / f64::from(shared + 2 * own);
        let estimates: Vec<f64> = (0..400u32)
            .map(|pair| {
                let set = |from: u32, to: u32| -> Vec<u64> {
                    let texts = (from..to).map(|i| format!("p{pair} i{i}"));
                    texts.flat_map(|text| shingles(&text, words(3))).collect()
                };
                let (one, other) = (set(0, shared + own), [set(0, shared), set(1000, 1000 + own)].concat());
                agreement(&family.signature(&one), &family.signature(&other))
            })
            .collect();
        let mean = estimates.iter().sum::<f64>() / 400.0;
        let variance = estimates.iter().map(|e| (e - similarity).powi(2)).sum::<f64>() / 400.0;
        let expected = similarity * (1.0 - similarity) / 128.0;
        assert!((mean - similarity).abs() < 5.0 * (expected / 400.0).sqrt(), "{mean} for {similarity}");
        assert!((0.7..1.4).contains(&(variance / expected)), "{variance} for {expected}");
    }
    assert_ne!(Family::new(8, 1).signature(&[1, 2]), Family::new(8, 2).signature(&[1, 2]), "the seed counts");
    assert_eq!(Family::new(13, 1).signature(&[1, 2]), Family::new(128, 1).signature(&[1, 2])[..13]);
}

const LONG: &str =
    "Write a short letter to the city council in which you ask for a new bench beside the old mill pond";

fn dedup(settings: DedupSettings) -> Dedup {
    Dedup::new(settings).expect("settings")
}

#[test]
fn the_first_of_a_cluster_is_kept() {
    let mut dedup = dedup(DedupSettings::default());
    let near = LONG.replace("old mill pond", "old mill lake");
    let other = "Explain how a sundial tells the time and when it does not";
    assert_eq!(dedup.look_at(LONG), Seen::New);
    assert_eq!(dedup.look_at(other), Seen::New);
    match dedup.look_at(&near) {
        Seen::Near { of: 0, similarity } => assert!((0.75..1.0).contains(&similarity), "{similarity}"),
        found => panic!("{found:?}"),
    }
    assert_eq!(dedup.look_at(&near), Seen::Exact(First::Row(2)), "equal to a text that was dropped");
    assert_eq!(dedup.look_at(LONG), Seen::Exact(First::Row(0)));
    assert_eq!(dedup.look_at(&LONG.to_uppercase()), Seen::Near { of: 0, similarity: 1.0 });
    assert_eq!((dedup.rows(), dedup.kept()), (6, 2));
    for text in ["", "?!", "\u{1f600}", "word", "word word"] {
        assert_eq!(dedup.look_at(text), Seen::New, "{text:?}: short texts are like equal ones only");
    }
    assert_eq!(dedup.look_at("WORD!"), Seen::Near { of: 9, similarity: 1.0 });
    insta::assert_json_snapshot!([
        Seen::New,
        Seen::Exact(First::Row(2)),
        Seen::Exact(First::EarlierRun),
        Seen::Near { of: 7, similarity: 0.75 },
    ]);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let default = DedupSettings::default();
    for threshold in [0.0, -1.0, 1.1, f64::NAN] {
        let refused = Dedup::new(DedupSettings { threshold, ..default });
        assert!(matches!(refused, Err(Error::Settings(_))), "{threshold}");
    }
    for permutations in [0, 1, 5000] {
        let refused = Dedup::new(DedupSettings { permutations, ..default });
        assert!(matches!(refused, Err(Error::Settings(_))), "{permutations}");
    }
    let mut least = dedup(DedupSettings { permutations: 2, threshold: 1.0, ..default });
    assert_eq!((least.look_at(LONG), least.rows()), (Seen::New, 1));
}

/// Texts of few words, so that many are alike.
fn texts() -> impl Strategy<Value = Vec<String>> {
    let text = prop::collection::vec(0..6u8, 0..9)
        .prop_map(|words| words.iter().map(|word| format!("w{word}")).collect::<Vec<_>>().join(" "));
    prop::collection::vec(text, 0..80)
}

proptest! {
    #[test]
    fn the_index_finds_what_comparing_all_bands_finds(texts in texts(), rows in 1..4usize) {
        let bands = Bands { bands: 5, rows };
        let family = Family::new(16, 1);
        let mut index = Index::new(bands, 16);
        let mut all: Vec<Vec<u32>> = Vec::new();
        for text in &texts {
            let signature = family.signature(&shingles(text, words(2)));
            let banded = Banded::new(signature.clone(), bands);
            let share = |other: &Vec<u32>| {
                (0..5).any(|band| signature[band * rows..][..rows] == other[band * rows..][..rows])
            };
            let expected: Vec<u32> =
                all.iter().enumerate().filter(|(_, other)| share(other)).map(|(row, _)| row as u32).collect();
            prop_assert_eq!(index.candidates(&banded), expected);
            prop_assert_eq!(index.insert(&banded) as usize, all.len());
            prop_assert_eq!(index.signature(all.len() as u32), &signature[..]);
            all.push(signature);
        }
    }

    #[test]
    fn batches_and_threads_change_nothing(texts in texts(), at in 0..80usize) {
        let settings = DedupSettings { words: words(1), ..DedupSettings::default() };
        let mut one = dedup(settings);
        let expected: Vec<Seen> = texts.iter().map(|text| one.look_at(text)).collect();
        let mut other = dedup(settings);
        let (front, back) = texts.split_at(at.min(texts.len()));
        let found = [other.look_at_all(front), other.look_at_all(back)].concat();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn exact_is_what_was_there_before(texts in texts()) {
        let mut dedup = dedup(DedupSettings::default());
        let mut first: Vec<&String> = Vec::new();
        let mut kept = HashSet::new();
        for (row, text) in texts.iter().enumerate() {
            let seen = dedup.look_at(text);
            match first.iter().position(|earlier| *earlier == text) {
                Some(at) => prop_assert_eq!(seen, Seen::Exact(First::Row(at as u64))),
                None => match seen {
                    Seen::New => { kept.insert(row as u64); }
                    Seen::Near { of, similarity } => prop_assert!(kept.contains(&of) && similarity >= 0.7),
                    Seen::Exact(_) => prop_assert!(false, "{text:?} was not there before"),
                },
            }
            first.push(text);
        }
    }

    #[test]
    fn any_text_is_looked_at(texts in prop::collection::vec(".*", 0..20)) {
        let mut dedup = dedup(DedupSettings::default());
        prop_assert_eq!(dedup.look_at_all(&texts).len(), texts.len());
    }
}

#[test]
fn by_bands_alone_more_is_dropped() {
    // Many pairs of about 0.6, of which the bands bring some together.
    let text = |pair: u32, end: &str| {
        let words: Vec<String> = (0..14).map(|word| format!("p{pair}w{word}")).collect();
        format!("{} {end} {end}", words.join(" "))
    };
    let count = |check| {
        let mut dedup = dedup(DedupSettings { check, ..DedupSettings::default() });
        (0..300).for_each(|pair| {
            dedup.look_at(&text(pair, "left"));
            dedup.look_at(&text(pair, "right"));
        });
        dedup.rows() as usize - dedup.kept()
    };
    let (by_bands, by_estimate) = (count(Check::Bands), count(Check::Estimate));
    assert!(by_estimate < by_bands, "{by_estimate} and {by_bands}");
}

#[test]
fn a_later_run_knows_what_an_earlier_one_committed_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seen");
    let run = || dedup(DedupSettings::default()).with_earlier(SeenHashes::open(&path).expect("opens"));
    let near = LONG.replace("old mill pond", "old mill lake");
    let mut killed = run();
    assert_eq!(killed.look_at(LONG), Seen::New);
    drop(killed);
    let mut finished = run();
    assert_eq!(finished.look_at(LONG), Seen::New, "what was not committed is as new as it was");
    assert!(matches!(finished.look_at(&near), Seen::Near { .. }));
    finished.commit().expect("on disk");
    assert_eq!(
        finished.look_at(LONG),
        Seen::Exact(First::Row(0)),
        "this run's first is told after a commit too"
    );
    drop(finished);
    let mut later = run();
    let seen = later.look_at_all(&[LONG, near.as_str(), "something else", "something else"]);
    let earlier = Seen::Exact(First::EarlierRun);
    assert_eq!(seen, [earlier, earlier, Seen::New, Seen::Exact(First::Row(2))]);
}
