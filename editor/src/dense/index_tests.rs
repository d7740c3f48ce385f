use super::{super::quantised::cosine, *};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

fn options(dim: usize, capacity: usize) -> DenseOptions {
    DenseOptions { dim, capacity, seed: 5 }
}

fn point(rng: &mut ChaCha8Rng, dim: usize) -> Embedding {
    Embedding::normalised((0..dim).map(|_| rng.random_range(-1f32..1.0)).collect()).expect("has a direction")
}

/// Near `to`: a cosine of about 1 / √(1 + apart²).
fn near(rng: &mut ChaCha8Rng, to: &Embedding, apart: f32) -> Embedding {
    let other = point(rng, to.dim());
    let values = to.as_slice().iter().zip(other.as_slice()).map(|(x, o)| x + apart * o).collect();
    Embedding::normalised(values).expect("has a direction")
}

fn search(index: &DenseIndex, embedding: &Embedding, most: usize, precision: Precision) -> Vec<DenseHit> {
    index.search(DenseQuery { embedding, most, precision }, |_| true).expect("of the right width")
}

/// The exact answer over the stored embeddings.
fn brute_force(
    model: &BTreeMap<u64, Quantised>,
    query: &Embedding,
    most: usize,
    accept: impl Fn(u64) -> bool,
) -> Vec<DenseHit> {
    let mut hits: Vec<DenseHit> = model
        .iter()
        .filter(|(key, _)| accept(**key))
        .map(|(key, stored)| DenseHit {
            key: DenseKey(*key),
            cosine: cosine(query.as_slice(), stored.codes(), stored.scale()),
        })
        .collect();
    hits.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.key.cmp(&b.key)));
    hits.truncate(most);
    hits
}

/// `count` points in clusters, some of them almost the same, so that segments are sealed.
fn clustered(rng: &mut ChaCha8Rng, count: usize, dim: usize) -> Vec<Embedding> {
    let centres: Vec<Embedding> = (0..40).map(|_| point(rng, dim)).collect();
    let mut points: Vec<Embedding> = Vec::with_capacity(count);
    for at in 0..count {
        let made = match points.last() {
            Some(last) if at % 5 == 4 => near(rng, last, 0.1),
            _ => {
                let centre = &centres[rng.random_range(0..centres.len())];
                near(rng, centre, 0.8)
            }
        };
        points.push(made);
    }
    points
}

fn filled(points: &[Embedding], capacity: usize) -> (DenseIndex, BTreeMap<u64, Quantised>) {
    let index = DenseIndex::new(options(points[0].dim(), capacity));
    let model: BTreeMap<u64, Quantised> = (0..).zip(points.iter().map(Quantised::of)).collect();
    for (key, stored) in &model {
        index.insert(DenseKey(*key), stored).expect("there is room");
    }
    (index, model)
}

#[path = "search_tests.rs"]
mod threads;

#[derive(Debug, Clone)]
enum Step {
    Insert(u64, u64),
    Remove(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0u64..40, any::<u64>()).prop_map(|(key, seed)| Step::Insert(key, seed)),
        1 => (0u64..40).prop_map(Step::Remove),
    ];
    proptest::collection::vec(step, 0..80)
}

fn apply(step: &Step, dim: usize, index: &DenseIndex, model: &mut BTreeMap<u64, Quantised>) {
    match step {
        Step::Insert(key, seed) => {
            let stored = Quantised::of(&point(&mut ChaCha8Rng::seed_from_u64(*seed), dim));
            index.insert(DenseKey(*key), &stored).expect("there is room");
            model.insert(*key, stored);
        }
        Step::Remove(key) => assert_eq!(index.remove(DenseKey(*key)), model.remove(key).is_some()),
    }
}

proptest! {
    #[test]
    fn any_history_answers_as_brute_force_does(
        steps in steps(), dim in 1usize..70, most in 0usize..6, seed in any::<u64>(), even in any::<bool>()
    ) {
        let index = DenseIndex::new(options(dim, 1_000));
        let mut model = BTreeMap::new();
        for step in &steps {
            apply(step, dim, &index, &mut model);
        }
        let query = point(&mut ChaCha8Rng::seed_from_u64(seed), dim);
        let accept = |key: u64| !even || key.is_multiple_of(2);
        let want = brute_force(&model, &query, most, accept);
        for precision in [Precision::Exact, Precision::Sketched] {
            let asked = DenseQuery { embedding: &query, most, precision };
            prop_assert_eq!(&index.search(asked, |key| accept(key.0)).unwrap(), &want);
        }
        prop_assert_eq!(index.len(), model.len());
    }
}

proptest! {
    // Each case fills a segment, which takes a moment.
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn any_history_over_sealed_segments_finds_what_is_near_and_nothing_removed(
        seed in any::<u64>(), removed in proptest::collection::vec(any::<prop::sample::Index>(), 0..400)
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let points = clustered(&mut rng, ROWS + 500, 128);
        let (index, mut model) = filled(&points, usize::MAX);
        for which in &removed {
            let key = which.index(points.len()) as u64;
            prop_assert_eq!(index.remove(DenseKey(key)), model.remove(&key).is_some());
        }
        // Into the gaps, and over what is there.
        for key in (0..200).map(|n| n * 7) {
            let stored = Quantised::of(&point(&mut rng, 128));
            index.insert(DenseKey(key), &stored).unwrap();
            model.insert(key, stored);
        }
        for at in (0..points.len()).step_by(97) {
            let query = near(&mut rng, &points[at], 0.3);
            let want = brute_force(&model, &query, 3, |_| true);
            prop_assert_eq!(&search(&index, &query, 3, Precision::Exact), &want);
            let found = search(&index, &query, 3, Precision::Sketched);
            prop_assert!(found.iter().all(|hit| model.contains_key(&hit.key.0)), "not live: {found:?}");
            // What stands out is found for sure: by four standard errors of its sketch.
            let third = want.last().map_or(0.0, |hit| hit.cosine);
            for hit in want.iter().filter(|hit| hit.cosine > 0.9 && hit.cosine > third + 0.15) {
                prop_assert!(found.contains(hit), "{hit:?} is missing from {found:?}");
            }
        }
    }
}

#[test]
fn sketches_lose_less_than_one_in_a_hundred() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let points = clustered(&mut rng, 2 * ROWS + 100, 64);
    let (index, model) = filled(&points, usize::MAX);
    // Half of them near a point, half of them anywhere.
    let queries: Vec<Embedding> = (0..150)
        .map(|at| if at % 2 == 0 { near(&mut rng, &points[at * 60], 0.5) } else { point(&mut rng, 64) })
        .collect();
    for most in [3, 32] {
        let (mut found, mut wanted) = (0, 0);
        for query in &queries {
            let want = brute_force(&model, query, most, |_| true);
            let got = search(&index, query, most, Precision::Sketched);
            wanted += want.len();
            found += want.iter().filter(|hit| got.contains(hit)).count();
        }
        assert!(found * 100 >= wanted * 99, "{found} of {wanted}");
    }
}

#[test]
fn another_width_is_refused() {
    let index = DenseIndex::new(options(4, 10));
    let three = Embedding::normalised(vec![1.0, 2.0, 3.0]).unwrap();
    let refused = DenseError::Width { expected: 4, found: 3 };
    assert_eq!(index.insert(DenseKey(1), &Quantised::of(&three)), Err(refused));
    let query = DenseQuery { embedding: &three, most: 1, precision: Precision::Exact };
    assert_eq!(index.search(query, |_| true), Err(refused));
    assert!(index.is_empty());
}

#[test]
fn what_is_full_takes_nothing_new_and_replaces() {
    let index = DenseIndex::new(options(2, 1));
    let at = |x: f32| Embedding::normalised(vec![x, 1.0]).unwrap();
    index.insert(DenseKey(1), &Quantised::of(&at(0.0))).unwrap();
    assert_eq!(index.insert(DenseKey(2), &Quantised::of(&at(1.0))), Err(DenseError::Full { capacity: 1 }));
    index.insert(DenseKey(1), &Quantised::of(&at(5.0))).unwrap();
    let hits = search(&index, &at(5.0), 3, Precision::Sketched);
    assert_eq!(hits.len(), 1);
    assert!(hits[0].cosine > 0.999, "{hits:?}");
    assert!(index.remove(DenseKey(1)) && !index.remove(DenseKey(1)));
    index.insert(DenseKey(2), &Quantised::of(&at(1.0))).unwrap();
}

#[test]
fn lookups_see_what_was_there_before_while_others_write() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let points = clustered(&mut rng, ROWS + 1_000, 32);
    let index = DenseIndex::new(options(32, usize::MAX));
    let stored: Vec<Quantised> = points.iter().map(Quantised::of).collect();
    let insert = |key: usize| index.insert(DenseKey(key as u64), &stored[key]).unwrap();
    let (leaving, staying, coming) = (0..500, 500..1_500, 1_500..stored.len());
    leaving.clone().chain(staying.clone()).for_each(insert);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // Each removal moves one of those that stay; the inserts fill a segment, which is sealed.
            for (gone, new) in leaving.clone().zip(coming.clone()) {
                assert!(index.remove(DenseKey(gone as u64)));
                insert(new);
            }
            coming.clone().skip(leaving.len()).for_each(insert);
        });
        for key in staying.clone().cycle() {
            let hits = search(&index, &points[key], 5, Precision::Sketched);
            assert!(hits.iter().any(|hit| hit.cosine > 0.99), "point {key} is lost: {hits:?}");
            if writer.is_finished() {
                break;
            }
        }
        writer.join().unwrap();
    });
    assert_eq!(index.len(), staying.len() + coming.len());
}
