use super::*;
use std::time::{Duration, Instant};

const DIM: usize = 48;

/// Half of them near a point; the others concern none, and have many nearest that are equally far.
fn queries(rng: &mut ChaCha8Rng, points: &[Embedding], count: usize) -> Vec<Embedding> {
    let query = |at: usize| match at % 2 {
        0 => near(rng, &points[at * points.len() / count], 0.5),
        _ => point(rng, DIM),
    };
    (0..count).map(query).collect()
}

fn lookup(index: &DenseIndex, query: &Embedding) -> Arc<Lookup> {
    let rotated = RotatedQuery::new(query.as_slice(), &index.rotation);
    Arc::new(Lookup::new(rotated, index.segments.load_full(), Arc::clone(&index.helpers.stock)))
}

fn answer(lookup: &Lookup) -> Vec<(f32, DenseKey)> {
    lookup.nearest(32, &|_| true, &|| ()).into_sorted()
}

#[test]
fn any_number_of_threads_gives_one_answer_however_often_it_is_asked() {
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let points = clustered(&mut rng, 6 * ROWS + 300, DIM);
    let (index, _) = filled(&points, usize::MAX);
    for query in queries(&mut rng, &points, 40) {
        let want = answer(&lookup(&index, &query));
        for threads in [1, 2, 4] {
            for _ in 0..5 {
                let lookup = lookup(&index, &query);
                let found = std::thread::scope(|scope| {
                    let call = || (1..threads).for_each(|_| drop(scope.spawn(|| lookup.help())));
                    lookup.nearest(32, &|_| true, &call).into_sorted()
                });
                assert_eq!(found, want, "with {threads} threads");
            }
        }
    }
}

#[test]
fn what_a_helper_scanned_is_what_the_one_who_asks_would_have() {
    let mut rng = ChaCha8Rng::seed_from_u64(19);
    let points = clustered(&mut rng, 3 * ROWS + 10, DIM);
    let (index, _) = filled(&points, usize::MAX);
    let helpers = Helpers::new(2);
    for query in queries(&mut rng, &points, 20) {
        let helped = lookup(&index, &query);
        helpers.call(&helped, 2);
        let begun = Instant::now();
        while helped.scanned() < 4 {
            assert!(begun.elapsed() < Duration::from_secs(60), "{} of 4 segments", helped.scanned());
            std::thread::yield_now();
        }
        assert_eq!(answer(&helped), answer(&lookup(&index, &query)));
    }
}

#[test]
fn rows_that_moved_after_the_scan_are_found_once_and_those_that_went_are_not() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let points = clustered(&mut rng, 2 * ROWS, DIM);
    let (index, mut model) = filled(&points, usize::MAX);
    let query = near(&mut rng, &points[0], 0.3);
    let before = brute_force(&model, &query, 40, |_| true);
    let scanned = lookup(&index, &query);
    scanned.help();
    // Every other of the nearest goes; the last rows of the segments take their places.
    for gone in before.iter().step_by(2) {
        assert!(index.remove(gone.key));
        model.remove(&gone.key.0);
    }
    // One comes, into the first gap.
    let came = Quantised::of(&query);
    index.insert(DenseKey(u64::MAX), &came).expect("there is room");
    model.insert(u64::MAX, came);
    assert_eq!(answer(&scanned), answer(&lookup(&index, &query)));
    let nearest: Vec<DenseKey> = answer(&scanned).into_iter().map(|(_, key)| key).collect();
    assert!(nearest.iter().all(|key| model.contains_key(&key.0)), "{nearest:?}");
    assert_eq!(nearest[0], DenseKey(u64::MAX));
}

#[test]
fn rows_that_move_between_the_steps_are_found_once() {
    let mut rng = ChaCha8Rng::seed_from_u64(37);
    let points = clustered(&mut rng, 2 * ROWS, DIM);
    for query in queries(&mut rng, &points, 10) {
        let (index, model) = filled(&points, usize::MAX);
        let far = brute_force(&model, &query, points.len(), |_| true).split_off(4_000);
        let moving = lookup(&index, &query);
        let steps = std::cell::Cell::new(0);
        let call = || {
            steps.set(steps.get() + 1);
            if steps.get() == 2 {
                // All is said of all rows; then the last ones of the segments take the places of some.
                moving.help();
                assert!(far.iter().step_by(20).all(|hit| index.remove(hit.key)));
            }
        };
        let found = moving.nearest(32, &|_| true, &call).into_sorted();
        assert_eq!(steps.get(), 2);
        assert_eq!(found, answer(&lookup(&index, &query)));
    }
}

#[test]
fn of_the_nearest_of_a_thousand_questions_one_in_two_hundred_is_lost_at_most() {
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    let points = clustered(&mut rng, 3 * ROWS, DIM);
    let (index, _) = filled(&points, usize::MAX);
    let (mut found, mut wanted) = (0, 0);
    for query in queries(&mut rng, &points, 1_000) {
        let want = search(&index, &query, 3, Precision::Exact);
        let got = search(&index, &query, 3, Precision::Sketched);
        wanted += want.len();
        found += want.iter().filter(|hit| got.contains(hit)).count();
    }
    assert!(found * 200 >= wanted * 199, "{found} of {wanted}");
}

#[test]
fn what_is_let_through_is_found_however_little_it_is() {
    let mut rng = ChaCha8Rng::seed_from_u64(29);
    let points = clustered(&mut rng, 2 * ROWS + 50, DIM);
    let (index, model) = filled(&points, usize::MAX);
    for each in [700, 7_000, 70_000] {
        let accept = |key: u64| key.is_multiple_of(each);
        let query = point(&mut rng, DIM);
        let asked = DenseQuery { embedding: &query, most: 20, precision: Precision::Sketched };
        let got = index.search(asked, |key| accept(key.0)).expect("of the right width");
        assert_eq!(got, brute_force(&model, &query, 20, accept));
    }
}
