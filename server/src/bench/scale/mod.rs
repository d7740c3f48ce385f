//! `amend bench edits --n`: the edit store with many live edits. What a lookup, a write, an import and a start take, and
//! how much memory an edit; with `--dense` the same with embeddings, beside the reference method.
//!
//! Each size runs through the [phases](Phase), each in a process of its own. The edits are synthetic, with the skew of
//! real ones, and follow from a seed (`workload.rs`). A folder is made, or given, whose disk is what is measured. What
//! else the machine does is in the figures: *load* tells of it, and CPU times are there beside the others.

mod adds;
mod embedder;
mod error;
mod figures;
mod files;
mod generate;
mod lookups;
mod nearest;
mod phase;
pub(super) mod process;
pub mod report;
mod store;
mod wording;
mod workload;

pub use error::ScaleError;
pub use figures::{Bound, Figure};
pub use phase::Phase;
pub use report::ScaleReport;
pub use workload::Asks;

use report::{Dense, SCHEMA, SizeReport};
use std::{
    path::{Path, PathBuf},
    thread::available_parallelism,
};

/// Of the workload, the embeddings and the index.
const SEED: u64 = 20_260_611;
/// Where growth is shown from.
const FIRST: usize = 10_000;
/// Fewer edits than this are not measured.
const LEAST: usize = 1_000;

/// By what edits are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// By their words.
    Lexical,
    /// By their words, and then by their embeddings as well.
    Both,
}

/// What is measured.
#[derive(Debug, Clone)]
pub struct ScaleOptions {
    /// Numbers of edits. One alone stands for 10,000, 100,000 and so on up to it.
    pub sizes: Vec<usize>,
    /// Where the databases are made; `None`: a temporary folder.
    pub folder: Option<PathBuf>,
    /// By what edits are found.
    pub sides: Sides,
}

/// Measures each size, the smallest first.
///
/// # Errors
/// [`ScaleError`].
pub async fn run(options: ScaleOptions) -> Result<ScaleReport, ScaleError> {
    let ScaleOptions { sizes, folder, sides } = options;
    let wanted = growth(sizes)?;
    let temporary = tempfile::tempdir().map_err(ScaleError::file(std::env::temp_dir()))?;
    let folder = folder.as_deref().unwrap_or(temporary.path());
    let mut sizes = Vec::with_capacity(wanted.len());
    for edits in wanted {
        sizes.push(measure(folder, edits, sides).await?);
    }
    let processors = available_parallelism().map_or(1, usize::from);
    let figures = Figure::all(&sizes);
    Ok(ScaleReport { schema: SCHEMA, seed: SEED, processors, figures, sizes })
}

async fn measure(folder: &Path, edits: usize, sides: Sides) -> Result<SizeReport, ScaleError> {
    Ok(SizeReport {
        edits,
        generated: Phase::Generate.measure(folder, edits).await?,
        imported: Phase::Import.measure(folder, edits).await?,
        served: Phase::Serve.measure(folder, edits).await?,
        adds_in_memory: Phase::AddInMemory.measure(folder, edits).await?,
        dense: match sides {
            Sides::Lexical => None,
            Sides::Both => Some(measure_dense(folder, edits).await?),
        },
    })
}

async fn measure_dense(folder: &Path, edits: usize) -> Result<Dense, ScaleError> {
    let _: report::Opening = Phase::Embed.measure(folder, edits).await?;
    let hybrid = Phase::Hybrid.measure(folder, edits).await?;
    Ok(Dense { hybrid, nearest: Phase::Nearest.measure(folder, edits).await? })
}

/// The sizes to measure, ascending.
fn growth(mut sizes: Vec<usize>) -> Result<Vec<usize>, ScaleError> {
    if let [largest] = sizes[..] {
        let powers = std::iter::successors(Some(FIRST), |size| size.checked_mul(10));
        sizes.extend(powers.take_while(|size| *size < largest));
    }
    sizes.sort_unstable();
    sizes.dedup();
    match sizes.first() {
        Some(size) if *size >= LEAST => Ok(sizes),
        _ => Err(ScaleError::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_size_is_shown_with_its_growth() {
        assert_eq!(growth(vec![1_000_000]).unwrap(), [10_000, 100_000, 1_000_000]);
        assert_eq!(growth(vec![250_000]).unwrap(), [10_000, 100_000, 250_000]);
        assert_eq!(growth(vec![5_000]).unwrap(), [5_000]);
        assert_eq!(growth(vec![100_000, 2_000, 2_000]).unwrap(), [2_000, 100_000]);
        assert!(growth(vec![]).is_err() && growth(vec![10]).is_err());
    }
}
