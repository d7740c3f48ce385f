//! Which index: what a lookup costs and finds in a flat scan, in sketches, and in cells, over the same embeddings.
//!
//! `cargo run --release -p amend-editor --example dense_index -- [ROWS [CELLS [QUERIES [NEAREST]]]]`
//! (1,000,000 rows, 1,024 cells, 300 queries of each kind and the 3 nearest when nothing is said; a minute or two and
//! 1.5 GB). The editor asks for the 32 nearest.
//!
//! *wall* is what a lookup took, *cpu* what it computed, on average, by the kernel's account of all threads: on a busy
//! machine the first says little. *near* is the recall of the nearest for questions about an edit, against the exact answer over
//! unquantised embeddings; *far* for questions about nothing that is there, whose nearest are far and many.

mod cells;
mod data;

use amend_editor::{DenseIndex, DenseKey, DenseOptions, DenseQuery, Precision, Quantised};
use amend_proto::Embedding;
use cells::Cells;
use data::{DIM, Queries, World};
use std::time::{Duration, Instant};

const SEED: u64 = 20_240_611;

/// One line of the table.
struct Measured {
    name: String,
    build: Duration,
    bytes_a_row: usize,
    near: Lookups,
    far: Lookups,
}

#[derive(Default)]
struct Lookups {
    wall: Vec<Duration>,
    cpu: Duration,
    found: usize,
    wanted: usize,
}

impl Lookups {
    fn run(queries: &Queries, look_up: impl Fn(&Embedding) -> Vec<u64>) -> Self {
        let mut measured = Self::default();
        let before = computed();
        for (query, nearest) in queries.points.iter().zip(&queries.nearest) {
            let begun = Instant::now();
            let found = look_up(query);
            measured.wall.push(begun.elapsed());
            measured.found += nearest.iter().filter(|key| found.contains(key)).count();
            measured.wanted += nearest.len();
        }
        measured.cpu = computed().saturating_sub(before) / queries.points.len().max(1) as u32;
        measured.wall.sort_unstable();
        measured
    }

    fn wall_ms(&self, share: f64) -> f64 {
        let at = ((self.wall.len() as f64 * share) as usize).min(self.wall.len().saturating_sub(1));
        self.wall.get(at).map_or(0.0, |wall| wall.as_secs_f64() * 1e3)
    }

    fn recall(&self) -> f64 {
        self.found as f64 / self.wanted.max(1) as f64
    }
}

/// What the threads that there are have computed so far.
fn computed() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}

fn print(measured: &Measured) {
    let Measured { name, build, bytes_a_row, near, far } = measured;
    println!(
        "{name:<28} {:>8.1} {bytes_a_row:>6} | {:>7.2} {:>7.2} {:>7.2} {:>7.4} | {:>7.2} {:>7.2} {:>7.2} {:>7.4}",
        build.as_secs_f64(),
        near.cpu.as_secs_f64() * 1e3,
        near.wall_ms(0.5),
        near.wall_ms(0.99),
        near.recall(),
        far.cpu.as_secs_f64() * 1e3,
        far.wall_ms(0.5),
        far.wall_ms(0.99),
        far.recall(),
    );
}

fn measure_index(world: &World, near: &Queries, far: &Queries) -> Vec<Measured> {
    let before = resident();
    let index = DenseIndex::new(DenseOptions { dim: DIM, capacity: world.rows, seed: SEED });
    let mut build = Duration::ZERO;
    let mut slowest = Duration::ZERO;
    for key in 0..world.rows {
        let stored = Quantised::of(&world.row(key));
        let begun = Instant::now();
        index.insert(DenseKey(key as u64), &stored).expect("there is room");
        slowest = slowest.max(begun.elapsed());
        build += begun.elapsed();
    }
    let bytes_a_row = resident().saturating_sub(before) / world.rows.max(1);
    eprintln!("slowest insert: {slowest:?} (it sketches a segment)");
    [("flat, two bytes a number", Precision::Exact), ("sketches, two bits a number", Precision::Sketched)]
        .map(|(name, precision)| {
            let look_up = |embedding: &Embedding| {
                let query = DenseQuery { embedding, most: near.most, precision };
                let hits = index.search(query, |_| true).expect("of the right width");
                hits.iter().map(|hit| hit.key.0).collect()
            };
            let (near, far) = (Lookups::run(near, look_up), Lookups::run(far, look_up));
            Measured { name: name.to_owned(), build, bytes_a_row, near, far }
        })
        .into()
}

fn measure_cells(world: &World, cells: usize, near: &Queries, far: &Queries) -> Vec<Measured> {
    let before = resident();
    let begun = Instant::now();
    let index = Cells::build(world, cells, SEED);
    let build = begun.elapsed();
    let bytes_a_row = resident().saturating_sub(before) / world.rows.max(1);
    [64, 16, 4, 1]
        .into_iter()
        .map(|share| {
            let probes = (cells / share).max(1);
            let look_up = |query: &Embedding| index.nearest(query, probes, near.most);
            let (near, far) = (Lookups::run(near, look_up), Lookups::run(far, look_up));
            Measured { name: format!("{probes} of {cells} cells"), build, bytes_a_row, near, far }
        })
        .collect()
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut next = |default: usize| match arguments.next() {
        Some(Ok(number)) => number,
        Some(Err(error)) => panic!("ROWS, CELLS, QUERIES and NEAREST are numbers: {error}"),
        None => default,
    };
    let (rows, cells, queries, most) = (next(1_000_000), next(1_024), next(300), next(3));
    let world = World::new(rows, SEED);
    let [near, far] = world.queries(queries, most);
    println!(
        "{rows} rows of {DIM} numbers, {queries} queries of each kind, top {most}; times in ms, build in s"
    );
    println!(
        "{:<28} {:>8} {:>6} | {:>7} {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7} {:>7}",
        "", "build", "B/row", "cpu", "wall50", "wall99", "near", "cpu", "wall50", "wall99", "far"
    );
    measure_index(&world, &near, &far).iter().for_each(print);
    if cells > 0 {
        measure_cells(&world, cells, &near, &far).iter().for_each(print);
    }
}
