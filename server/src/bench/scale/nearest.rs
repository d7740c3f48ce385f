//! The index of embeddings beside the reference method: the dot product with every embedding, the top k, no threshold.

use super::{
    SEED, ScaleError,
    embedder::{DIM, WordDirections},
    files::Files,
    report::Nearest,
    workload::{Asks, Line, Question},
};
use crate::bench::latency::Latency;
use amend_editor::{DenseIndex, DenseKey, DenseOptions, DenseQuery, Precision, Quantised};
use amend_proto::{Embedder, Embedding, TextRole};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How many of the nearest are looked for: what the reference method gives to every question.
const TOP: usize = 3;
/// Questions of each kind: each is compared with all embeddings.
const EACH: usize = 60;
/// Texts that are embedded together.
const BATCH: usize = 256;
/// Cosines that differ by less are rounding.
const ROUNDING: f32 = 1e-6;

/// All embeddings, one after the other, as the reference method keeps them.
struct Rows(Vec<f32>);

impl Rows {
    /// The `TOP` nearest, best first.
    fn nearest(&self, query: &[f32]) -> Vec<(f32, usize)> {
        let mut best: Vec<(f32, usize)> = Vec::with_capacity(TOP + 1);
        for (row, values) in self.0.chunks_exact(DIM).enumerate() {
            let cosine = dot(query, values);
            if best.len() < TOP || cosine > best[TOP - 1].0 {
                let at = best.partition_point(|known| known.0 >= cosine);
                best.insert(at, (cosine, row));
                best.truncate(TOP);
            }
        }
        best
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.0[at * DIM..(at + 1) * DIM]
    }
}

/// Σ a·b over 16 lanes, which the compiler turns into vector code.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0f32; LANES];
    for (x, y) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            lanes[lane] = x[lane].mul_add(y[lane], lanes[lane]);
        }
    }
    lanes.iter().sum()
}

/// Looks up the same questions in both.
pub(super) fn nearest(files: &Files, edits: usize) -> Result<Nearest, ScaleError> {
    let embedder = WordDirections::new(SEED)?;
    let (rows, index) = fill(files, edits, &embedder)?;
    let (mut ours, mut theirs, mut compared) = (Vec::new(), Vec::new(), (0, 0));
    let mut kinds: BTreeMap<Asks, (usize, usize)> = BTreeMap::new();
    let (mut generic, mut given) = (0, 0);
    for question in questions(files)? {
        let embedding = one(&embedder, &question.text)?;
        let begun = Instant::now();
        let exact = rows.nearest(embedding.as_slice());
        theirs.push(begun.elapsed());
        let (hits, took) = look_up(&index, &embedding, Precision::Sketched)?;
        ours.push(took);
        let (all, _) = look_up(&index, &embedding, Precision::Exact)?;
        compared.0 += found_of(&rows, &embedding, &exact, &all);
        compared.1 += exact.len();
        let (found, wanted) = kinds.entry(question.asks).or_default();
        *found += found_of(&rows, &embedding, &exact, &hits);
        *wanted += exact.len();
        if question.asks == Asks::Generic {
            generic += 1;
            given += usize::from(!exact.is_empty());
        }
    }
    let (found, wanted) = kinds.values().fold((0, 0), |sum, kind| (sum.0 + kind.0, sum.1 + kind.1));
    let share = |(found, wanted): (usize, usize)| found as f64 / wanted.max(1) as f64;
    Ok(Nearest {
        dim: DIM,
        top: TOP,
        questions: ours.len(),
        index: Latency::of(ours).ok_or(ScaleError::Nothing)?,
        exhaustive: Latency::of(theirs).ok_or(ScaleError::Nothing)?,
        recall: share((found, wanted)),
        recall_without_sketches: share(compared),
        recall_by_kind: kinds.into_iter().map(|(asks, counts)| (asks, share(counts))).collect(),
        exhaustive_gives_generic: share((given, generic)),
    })
}

/// How many of the hits are as near as the exact search's results, by unrounded cosines.
fn found_of(rows: &Rows, query: &Embedding, exact: &[(f32, usize)], hits: &[usize]) -> usize {
    let Some((least, _)) = exact.last() else { return 0 };
    let near = |hit: &&usize| dot(query.as_slice(), rows.row(**hit)) >= least - ROUNDING;
    hits.iter().filter(near).count().min(exact.len())
}

fn look_up(
    index: &DenseIndex,
    embedding: &Embedding,
    precision: Precision,
) -> Result<(Vec<usize>, Duration), ScaleError> {
    let begun = Instant::now();
    let query = DenseQuery { embedding, most: TOP, precision };
    let hits = index.search(query, |_| true)?;
    let took = begun.elapsed();
    Ok((hits.iter().map(|hit| hit.key.0 as usize).collect(), took))
}

fn one(embedder: &WordDirections, text: &str) -> Result<Embedding, ScaleError> {
    embedder.embed(&[text], TextRole::Query)?.pop().ok_or(ScaleError::Nothing)
}

/// Some of each kind. Long ones are left out: a real encoder reads their beginning, which says nothing.
fn questions(files: &Files) -> Result<Vec<Question>, ScaleError> {
    let mut taken: BTreeMap<Asks, usize> = BTreeMap::new();
    let mut wanted = |question: &Question| {
        let taken = taken.entry(question.asks).or_default();
        *taken += 1;
        question.asks != Asks::Long && *taken <= EACH
    };
    Ok(files.questions()?.into_iter().filter(|question| wanted(question)).collect())
}

fn fill(files: &Files, edits: usize, embedder: &WordDirections) -> Result<(Rows, DenseIndex), ScaleError> {
    let mut rows = Vec::with_capacity(edits * DIM);
    let index = DenseIndex::new(DenseOptions { dim: DIM, capacity: edits, seed: SEED });
    let mut texts = files.read::<Line>("edits.jsonl")?.map(|line| line.map(|line| line.text));
    let mut key = 0;
    loop {
        let batch = texts.by_ref().take(BATCH).collect::<Result<Vec<String>, _>>()?;
        if batch.is_empty() {
            return Ok((Rows(rows), index));
        }
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        for embedding in embedder.embed(&batch, TextRole::Passage)? {
            index.insert(DenseKey(key), &Quantised::of(&embedding))?;
            rows.extend_from_slice(embedding.as_slice());
            key += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_search_finds_what_sorting_finds() {
        let embedder = WordDirections::new(3).unwrap();
        let texts: Vec<String> = (0..400).map(|at| format!("Name{at} of Other{}", at % 7)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embeddings = embedder.embed(&texts, TextRole::Passage).unwrap();
        let rows = Rows(embeddings.iter().flat_map(|row| row.as_slice()).copied().collect());
        let query = one(&embedder, "Who is Name11 of Other4?").unwrap();
        let mut sorted: Vec<(f32, usize)> =
            embeddings.iter().enumerate().map(|(at, row)| (row.cosine(&query), at)).collect();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = rows.nearest(query.as_slice());
        let places = |hits: &[(f32, usize)]| hits.iter().map(|hit| hit.1).collect::<Vec<_>>();
        assert_eq!(places(&found), places(&sorted[..TOP]));
        assert_eq!(found_of(&rows, &query, &found, &places(&found)), TOP);
        assert_eq!(found_of(&rows, &query, &found, &[sorted[0].1, sorted[300].1, sorted[1].1]), 2);
    }
}
