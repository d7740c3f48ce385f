//! `amend bench train`: the measuring is `amend_trainer::bench`; here are its options and its processes.

use super::{Output, show};
use amend_trainer::{
    bench::{BenchOptions, Shape, Side, measure, run as measure_all},
    decoder::Activations,
};
use clap::{Args, ValueEnum};
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::Command,
    thread::available_parallelism,
};

/// Arguments of `amend bench train`.
#[derive(Debug, Args)]
pub struct TrainBenchArgs {
    /// A Python that has TRL and PEFT, to measure DPOTrainer beside
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// How often every side runs; the best counts
    #[arg(long, default_value = "3")]
    rounds: NonZeroUsize,
    /// Threads of every side; all processors by default
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Rows of the model's output matrix
    #[arg(long, default_value_t = Shape::default().vocabulary)]
    vocabulary: usize,
    /// What the forward passes keep, TRL's too
    #[arg(long, value_enum, default_value_t = Keep::Kept)]
    activations: Keep,
    /// Measure memory by vocabulary and length as well
    #[arg(long)]
    growth: bool,
    /// Where to write what is measured; a temporary folder otherwise
    #[arg(long)]
    folder: Option<PathBuf>,
    /// One side, in this process
    #[arg(long, requires = "folder", hide = true)]
    side: Option<Side>,
    /// How to report it
    #[command(flatten)]
    output: Output,
}

/// [`Activations`] by name.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Keep {
    /// Everything
    Kept,
    /// The inputs of the blocks; the rest is computed again
    Recomputed,
}

impl From<Keep> for Activations {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::Kept => Self::Kept,
            Keep::Recomputed => Self::Recomputed,
        }
    }
}

/// Runs it, in a temporary folder unless another is asked for. It computes for minutes: call it on a thread that may block.
///
/// # Errors
/// When the measurement cannot be made, or with `--check` a promise is missed.
pub(super) fn run(args: TrainBenchArgs, temporary: &Path) -> anyhow::Result<()> {
    let folder = args.folder.as_deref().unwrap_or(temporary);
    if let Some(side) = args.side {
        return super::output::line(serde_json::to_string(&measure(folder, side)?)?);
    }
    let threads = args.threads.or_else(|| available_parallelism().ok());
    let report = measure_all(&BenchOptions {
        folder,
        shape: Shape { vocabulary: args.vocabulary, ..Shape::default() },
        rounds: args.rounds.get(),
        activations: args.activations.into(),
        threads: threads.map_or(1, NonZeroUsize::get),
        peer: args.peer,
        growth: args.growth,
        start: &one_side,
        said: &|line| eprintln!("{line}"),
    })?;
    show(&report, report.holds(), args.output)
}

/// This program, to measure one side.
fn one_side(folder: &Path, side: Side) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "train", "--side", &side.to_string(), "--folder"]).arg(folder);
    Ok(command)
}
