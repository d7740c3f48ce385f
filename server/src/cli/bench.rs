//! `amend bench`: the project's promised figures, measured on this machine.

mod synth;
mod train;

use super::{Failure, exit, output, progress};
use crate::{
    app::AppConfig,
    bench::{edits, model, scale, serving, start, swaps},
};
use amend_eval::Progress;
use anyhow::Context;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde::Serialize;
use std::{fmt::Display, num::NonZeroUsize, path::PathBuf};
use tokio::task::spawn_blocking;

/// Arguments of `amend bench`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  amend bench model --items 500
  amend bench serving --json
  amend bench edits --check        exits with 5 when a promised figure is missed
  amend bench swaps                100 swaps of the live revision under 16 streams
  amend bench train --peer .venv/bin/python    a Python with trl and peft
  amend bench edits --n 1000000    a million live edits, beside fewer; some minutes and 2 GB of memory")]
pub struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

/// What every measurement takes.
#[derive(Debug, Clone, Copy, Args)]
pub struct Output {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Exit with 5 when a promised figure is missed
    #[arg(long)]
    check: bool,
}

/// Many live edits.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// Measure lookups, imports and starts among so many live edits instead, and the growth up to there; several
    /// numbers, with commas, are measured as they are
    #[arg(long, value_delimiter = ',', value_name = "EDITS", conflicts_with = "count")]
    n: Vec<usize>,
    /// The folder whose disk is measured; a temporary one otherwise
    #[arg(long, requires = "n")]
    folder: Option<PathBuf>,
    /// With embeddings as well: more minutes, and 4 GB of memory for a million edits
    #[arg(long, requires = "n")]
    dense: bool,
    /// One phase, in this process
    #[arg(long, requires = "folder", hide = true)]
    phase: Option<scale::Phase>,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// How often the built-in model answers held-out items exactly right
    Model {
        /// Items of each kind
        #[arg(long, default_value_t = 500)]
        items: usize,
        /// The seed of the items; the model card's figures have the recipe's own
        #[arg(long, default_value_t = amend_trainer::atlas::build::Recipe::default().seed)]
        seed: u64,
        /// How to report it
        #[command(flatten)]
        output: Output,
    },
    /// What the daemon adds over calling mistralrs directly, side by side in one process
    Serving {
        /// Answers at each concurrency and way
        #[arg(long, default_value_t = 200)]
        requests: usize,
        /// How to report it
        #[command(flatten)]
        output: Output,
    },
    /// How soon an edit is durable and seen by the next request
    Edits {
        /// Edits to push
        #[arg(long, default_value_t = 1000)]
        count: usize,
        /// Many live edits instead
        #[command(flatten)]
        scale: ScaleArgs,
        /// How to report it
        #[command(flatten)]
        output: Output,
    },
    /// Revisions that go live again and again under load, and a training beside users' requests
    Swaps {
        /// How often another revision goes live
        #[arg(long, default_value_t = 100)]
        swaps: usize,
        /// Streams at a time
        #[arg(long, default_value_t = 16)]
        streams: usize,
        /// First tokens that are timed, without a training and beside one
        #[arg(long, default_value_t = 100)]
        probes: usize,
        /// How to report it
        #[command(flatten)]
        output: Output,
    },
    /// How fast instructions are compared and duplicates found, beside the Python that papers use
    Synth(synth::SynthBenchArgs),
    /// How fast and with how much memory preferences are trained, beside TRL's DPOTrainer
    Train(train::TrainBenchArgs),
    /// From starting the process to the first ready answer
    Start {
        /// Starts on a used data folder
        #[arg(long, default_value_t = 10)]
        times: usize,
        /// How to report it
        #[command(flatten)]
        output: Output,
    },
}

/// Runs `amend bench`. Everything happens in a temporary data folder.
///
/// # Errors
/// When the measurement cannot be made, or with `--check` a figure is missed.
pub async fn run(args: BenchArgs) -> anyhow::Result<()> {
    let args = match args.command {
        BenchCommand::Edits { scale, output, .. } if !scale.n.is_empty() => return many(scale, output).await,
        _ => args,
    };
    let folder = tempfile::tempdir().context("failed to make a temporary data folder")?;
    let config = AppConfig::new(folder.path().to_owned(), "atlas")?;
    match args.command {
        BenchCommand::Model { items, seed, output } => {
            let bar = Bar::new();
            let concurrency = NonZeroUsize::MIN;
            let report = model::run(config, model::ModelOptions { items, seed, concurrency }, &bar).await?;
            bar.0.finish_and_clear();
            let holds = report.below_bound.is_empty();
            show(&report, holds, output)
        }
        BenchCommand::Serving { requests, output } => {
            let report = serving::run(config, serving::ServingOptions { requests }).await?;
            let holds = report.holds();
            show(&report, holds, output)
        }
        BenchCommand::Edits { count, scale: _, output } => {
            let report = edits::run(config, count).await?;
            let holds = report.holds();
            show(&report, holds, output)
        }
        BenchCommand::Swaps { swaps, streams, probes, output } => {
            let report = swaps::run(config, swaps::SwapOptions { swaps, streams, probes }).await?;
            let holds = report.holds();
            show(&report, holds, output)
        }
        BenchCommand::Synth(args) => spawn_blocking(move || synth::run(args, folder.path())).await?,
        BenchCommand::Train(args) => spawn_blocking(move || train::run(args, folder.path())).await?,
        BenchCommand::Start { times, output } => {
            let report = start::run(folder.path(), times).await?;
            let holds = report.holds();
            show(&report, holds, output)
        }
    }
}

async fn many(args: ScaleArgs, output: Output) -> anyhow::Result<()> {
    let ScaleArgs { n: sizes, folder, dense, phase } = args;
    match (phase, folder, sizes.as_slice()) {
        (Some(phase), Some(folder), [edits]) => output::line(phase.run(&folder, *edits).await?),
        (Some(_), ..) => anyhow::bail!("a phase is of one number of edits, in a folder"),
        (None, folder, _) => {
            let sides = if dense { scale::Sides::Both } else { scale::Sides::Lexical };
            let report = scale::run(scale::ScaleOptions { sizes, folder, sides }).await?;
            let holds = report.holds();
            show(&report, holds, output)
        }
    }
}

fn show(report: &(impl Serialize + Display), holds: bool, output: Output) -> anyhow::Result<()> {
    match output.json {
        true => output::line(serde_json::to_string_pretty(report)?)?,
        false => output::raw(report.to_string().as_bytes())?,
    }
    if output.check && !holds {
        return Err(Failure::new(exit::BELOW_BOUND, "a promised figure is missed; see the report").into());
    }
    Ok(())
}

/// A bar at a terminal, a line now and then elsewhere.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        Self(progress::bar(0, "{pos}/{len} answers"))
    }
}

/// Answers between two plain lines.
const LINE_EVERY: usize = 2_000;

impl Progress for Bar {
    fn answered(&self, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
        if self.0.is_hidden() && (done.is_multiple_of(LINE_EVERY) || done == total) {
            eprintln!("{done} of {total} answers");
        }
    }
}
