//! The alternative: an inverted file. K-means cells over a sample, rows of two bytes a number by cell, and a lookup that
//! reads the cells nearest to the query (Jégou et al. 2011, without product quantisation).

use crate::data::{DIM, World, dot};
use amend_editor::Quantised;
use amend_proto::Embedding;
use rand::{SeedableRng, seq::index::sample};
use rand_chacha::ChaCha8Rng;

const SAMPLE_A_CELL: usize = 24;
const ROUNDS: usize = 5;

#[derive(Default, Clone)]
struct Cell {
    keys: Vec<u64>,
    scales: Vec<f32>,
    codes: Vec<i16>,
}

pub(crate) struct Cells {
    centres: Vec<Vec<f32>>,
    cells: Vec<Cell>,
}

impl Cells {
    pub(crate) fn build(world: &World, cells: usize, seed: u64) -> Self {
        let centres = k_means(world, cells, seed);
        let mut built = Self { cells: vec![Cell::default(); centres.len()], centres };
        for key in 0..world.rows {
            let row = world.row(key);
            let stored = Quantised::of(&row);
            let at = closest(&built.centres, row.as_slice());
            let cell = &mut built.cells[at];
            cell.keys.push(key as u64);
            cell.scales.push(stored.scale());
            cell.codes.extend_from_slice(stored.codes());
        }
        built
    }

    pub(crate) fn nearest(&self, query: &Embedding, probes: usize, most: usize) -> Vec<u64> {
        let values = query.as_slice();
        let mut order: Vec<(f32, usize)> =
            self.centres.iter().enumerate().map(|(at, centre)| (dot(centre, values), at)).collect();
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut best: Vec<(f32, u64)> = Vec::with_capacity(most + 1);
        for (_, at) in order.into_iter().take(probes) {
            let cell = &self.cells[at];
            for ((codes, scale), key) in cell.codes.chunks_exact(DIM).zip(&cell.scales).zip(&cell.keys) {
                let score = product(codes, values) * scale;
                if best.len() < most || score > best[most - 1].0 {
                    let at = best.partition_point(|known| known.0 >= score);
                    best.insert(at, (score, *key));
                    best.truncate(most);
                }
            }
        }
        best.into_iter().map(|(_, key)| key).collect()
    }
}

fn product(codes: &[i16], query: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0f32; LANES];
    for (codes, query) in codes.chunks_exact(LANES).zip(query.chunks_exact(LANES)) {
        for lane in 0..LANES {
            lanes[lane] += f32::from(codes[lane]) * query[lane];
        }
    }
    lanes.iter().sum()
}

/// The centre with the largest dot product; centres have length 1.
fn closest(centres: &[Vec<f32>], row: &[f32]) -> usize {
    let mut best = (f32::NEG_INFINITY, 0);
    for (at, centre) in centres.iter().enumerate() {
        let score = dot(centre, row);
        if score > best.0 {
            best = (score, at);
        }
    }
    best.1
}

/// Spherical k-means over a sample. A cell that loses all its rows keeps its centre.
fn k_means(world: &World, cells: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let size = (cells * SAMPLE_A_CELL).min(world.rows);
    let rows: Vec<Embedding> = sample(&mut rng, world.rows, size).iter().map(|key| world.row(key)).collect();
    let mut centres: Vec<Vec<f32>> = rows.iter().take(cells).map(|row| row.as_slice().to_vec()).collect();
    for _ in 0..ROUNDS {
        let mut sums = vec![vec![0f32; DIM]; centres.len()];
        for row in &rows {
            let at = closest(&centres, row.as_slice());
            for (sum, x) in sums[at].iter_mut().zip(row.as_slice()) {
                *sum += x;
            }
        }
        for (centre, sum) in centres.iter_mut().zip(sums) {
            if let Ok(moved) = Embedding::normalised(sum) {
                *centre = moved.as_slice().to_vec();
            }
        }
    }
    centres
}
