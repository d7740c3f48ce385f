use super::*;
use amend_proto::Embedding;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn random(rng: &mut ChaCha8Rng, dim: usize) -> Vec<f32> {
    // The sum of uniform numbers is near enough to a normal one, and has no preferred direction to speak of.
    (0..dim).map(|_| (0..6).map(|_| rng.random_range(-1f32..1.0)).sum()).collect()
}

/// Rows that share a part, as those of real encoders do, and queries that share it too or do not.
fn data(dim: usize, rows: usize, seed: u64) -> (Vec<Embedding>, Vec<Embedding>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let shared = random(&mut rng, dim);
    let mut make = |share: f32| {
        let own = random(&mut rng, dim);
        let values = own.iter().zip(&shared).map(|(x, s)| x + share * s).collect();
        Embedding::normalised(values).expect("has a direction")
    };
    ((0..rows).map(|_| make(1.5)).collect(), [1.5, 0.0, -1.0].into_iter().map(&mut make).collect())
}

fn sketch(rows: &[Embedding], rotation: &Rotation) -> Sketch {
    let dim = rows[0].dim();
    let mut mean = vec![0f32; dim];
    for row in rows {
        for (sum, x) in mean.iter_mut().zip(row.as_slice()) {
            *sum += x / rows.len() as f32;
        }
    }
    let mut sketch = Sketch::new(mean.into(), rows.len(), rotation);
    for (at, row) in rows.iter().enumerate() {
        sketch.set(at, &Quantised::of(row), rotation);
    }
    sketch
}

fn bounds(sketch: &Sketch, query: &Embedding, rows: usize, rotation: &Rotation) -> Vec<f32> {
    let mut bounds = Vec::new();
    let planes = sketch.planes(&RotatedQuery::new(query.as_slice(), rotation));
    sketch.bounds(&planes, rows, &mut bounds);
    bounds
}

/// By both bits.
fn closer(sketch: &Sketch, query: &Embedding, rows: usize, rotation: &Rotation) -> Vec<f32> {
    let planes = sketch.planes(&RotatedQuery::new(query.as_slice(), rotation));
    let first = bounds(sketch, query, rows, rotation);
    first.into_iter().enumerate().map(|(row, first)| sketch.bound(&planes, row, first)).collect()
}

#[test]
fn a_bound_holds_but_for_one_in_two_hundred_and_is_not_loose() {
    for dim in [64, 100, 384, 768] {
        let (rows, queries) = data(dim, 2_000, dim as u64);
        let rotation = Rotation::new(dim, 9);
        let sketch = sketch(&rows, &rotation);
        for (query, step) in queries.iter().flat_map(|query| [(query, 1), (query, 2)]) {
            let found = match step {
                1 => bounds(&sketch, query, rows.len(), &rotation),
                _ => closer(&sketch, query, rows.len(), &rotation),
            };
            let over: Vec<f32> =
                found.iter().zip(&rows).map(|(bound, row)| bound - query.cosine(row)).collect();
            let broken = over.iter().filter(|over| **over < 0.0).count();
            assert!(broken <= 10, "{broken} of 2,000 bounds of {dim} numbers are broken");
            let mean = over.iter().sum::<f32>() / over.len() as f32;
            // 3 standard errors of about 0.8 / √D for signs and 0.4 / √D for levels; the query may be far from the mean.
            let most = if step == 1 { 3.6 } else { 1.8 };
            assert!(
                mean < most / (dim as f32).sqrt(),
                "bounds of {dim} numbers are {mean} too high on average"
            );
        }
    }
}

#[test]
fn a_copied_row_has_the_bound_of_its_source() {
    let (rows, queries) = data(100, 20, 4);
    let rotation = Rotation::new(100, 1);
    let mut sketch = sketch(&rows, &rotation);
    let before = bounds(&sketch, &queries[0], 20, &rotation);
    sketch.copy(19, 3);
    let after = bounds(&sketch, &queries[0], 19, &rotation);
    assert_eq!(after.len(), 19);
    assert_eq!(after[3], before[19]);
    assert_eq!((&after[..3], &after[4..]), (&before[..3], &before[4..19]));
}

#[test]
fn rows_that_are_all_alike_are_bounded_by_their_cosine() {
    let row = Embedding::normalised((1..=70).map(|x| x as f32).collect()).expect("has a direction");
    let rotation = Rotation::new(70, 2);
    let found = bounds(&sketch(&vec![row.clone(); 9], &rotation), &row, 9, &rotation);
    assert!(found.iter().all(|bound| (0.999..1.01).contains(bound)), "{found:?}");
}
