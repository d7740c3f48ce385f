//! Synthetic embeddings with the structure of real ones.
//!
//! All share a direction, as the embeddings of most encoders do. An edit is a relation (few, some of them very common),
//! a subject (which five edits share) and an object, and noise: edits of one relation have a cosine of about 0.4 with
//! one another, those of one subject about 0.5, and every fiftieth is almost the same as the one before it. Directions
//! have more of the first axes than of the last, as the spectra of real embeddings do.

use amend_proto::Embedding;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) const DIM: usize = 384;
const RELATIONS: usize = 500;
const EDITS_A_SUBJECT: usize = 5;

/// How much of each part an embedding has.
const SHARED: f32 = 0.4;
const RELATION: f32 = 0.7;
const SUBJECT: f32 = 0.8;
const OBJECT: f32 = 0.45;
/// How far a question is from its edit: a cosine of about 0.85.
const PARAPHRASE: f32 = 0.6;

/// All embeddings, made when they are asked for.
pub(crate) struct World {
    pub(crate) rows: usize,
    seed: u64,
    shared: Vec<f32>,
    relations: Vec<Vec<f32>>,
}

/// Queries of one kind, and the keys of the rows truly nearest to each.
pub(crate) struct Queries {
    /// How many are looked for.
    pub(crate) most: usize,
    pub(crate) points: Vec<Embedding>,
    pub(crate) nearest: Vec<Vec<u64>>,
}

/// What a random direction is drawn for, so that no two draws are the same.
#[derive(Clone, Copy)]
enum Part {
    Shared,
    Relation,
    Choice,
    Subject,
    Object,
    Paraphrase,
    Unrelated,
}

impl World {
    pub(crate) fn new(rows: usize, seed: u64) -> Self {
        let relations = (0..RELATIONS).map(|at| direction(seed, Part::Relation, at)).collect();
        Self { rows, seed, shared: direction(seed, Part::Shared, 0), relations }
    }

    pub(crate) fn row(&self, key: usize) -> Embedding {
        let copy = key % 50 == 49;
        let original = if copy { key - 1 } else { key };
        let mut values =
            self.edit(original / EDITS_A_SUBJECT, self.relation(original), (Part::Object, original));
        if copy {
            add(&mut values, 0.1, &direction(self.seed, Part::Object, key));
        }
        unit(values)
    }

    /// A square of a uniform number: the most common relation has a twentieth of all edits, the rarest a thousandth.
    fn relation(&self, key: usize) -> usize {
        let uniform: f32 = rng(self.seed, Part::Choice, key).random();
        ((uniform * uniform * RELATIONS as f32) as usize).min(RELATIONS - 1)
    }

    fn edit(&self, subject: usize, relation: usize, object: (Part, usize)) -> Vec<f32> {
        let mut values: Vec<f32> = self.shared.iter().map(|x| SHARED * x).collect();
        add(&mut values, RELATION, &self.relations[relation]);
        add(&mut values, SUBJECT, &direction(self.seed, Part::Subject, subject));
        add(&mut values, OBJECT, &direction(self.seed, object.0, object.1));
        values
    }

    /// Queries near a row, and queries about other subjects, every third of them with no relation either.
    pub(crate) fn queries(&self, count: usize, most: usize) -> [Queries; 2] {
        let near = (0..count).map(|at| {
            let row = self.row(at * self.rows / count.max(1));
            let mut values = row.as_slice().to_vec();
            add(&mut values, PARAPHRASE, &direction(self.seed, Part::Paraphrase, at));
            unit(values)
        });
        let far = (0..count).map(|at| {
            if at % 3 == 2 {
                return unit(direction(self.seed, Part::Unrelated, at));
            }
            unit(self.edit(usize::MAX - at, at % RELATIONS, (Part::Unrelated, at)))
        });
        let (near, far): (Vec<Embedding>, Vec<Embedding>) = (near.collect(), far.collect());
        let mut nearest = self.nearest(&[near.as_slice(), far.as_slice()].concat(), most);
        let of_far = nearest.split_off(near.len());
        [Queries { most, points: near, nearest }, Queries { most, points: far, nearest: of_far }]
    }

    /// The exact answers, over unquantised rows.
    fn nearest(&self, queries: &[Embedding], most: usize) -> Vec<Vec<u64>> {
        let mut best: Vec<Vec<(f32, u64)>> = vec![Vec::new(); queries.len()];
        for key in 0..self.rows {
            let row = self.row(key);
            for (query, best) in queries.iter().zip(&mut best) {
                let cosine = dot(query.as_slice(), row.as_slice());
                if best.len() < most || cosine > best[most - 1].0 {
                    let at = best.partition_point(|known| known.0 >= cosine);
                    best.insert(at, (cosine, key as u64));
                    best.truncate(most);
                }
            }
        }
        best.into_iter().map(|best| best.into_iter().map(|(_, key)| key).collect()).collect()
    }
}

/// Σ a·b over 16 lanes, which the compiler turns into vector code.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0f32; LANES];
    for (x, y) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            lanes[lane] = x[lane].mul_add(y[lane], lanes[lane]);
        }
    }
    lanes.iter().sum()
}

fn rng(seed: u64, part: Part, at: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    rng.set_stream(part as u64);
    rng
}

/// A direction of length 1; axis j has a share that falls like 1 / (1 + j/64).
fn direction(seed: u64, part: Part, at: usize) -> Vec<f32> {
    let mut rng = rng(seed, part, at);
    let values = (0..DIM).map(|axis| rng.random_range(-1f32..1.0) / (1.0 + axis as f32 / 64.0)).collect();
    unit(values).as_slice().to_vec()
}

fn add(to: &mut [f32], weight: f32, values: &[f32]) {
    for (x, y) in to.iter_mut().zip(values) {
        *x += weight * y;
    }
}

fn unit(values: Vec<f32>) -> Embedding {
    Embedding::normalised(values).expect("random numbers have a direction")
}
