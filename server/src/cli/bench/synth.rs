//! `amend bench synth`: the measuring is `amend_trainer::synth::bench`; here are its options.

use super::{Output, show};
use amend_trainer::synth::bench::{BenchOptions, run as measure};
use clap::Args;
use std::path::{Path, PathBuf};

/// Arguments of `amend bench synth`.
#[derive(Debug, Args)]
pub struct SynthBenchArgs {
    /// A Python that has rouge-score, datasketch and trafilatura, to measure beside
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Instructions of the pool
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    texts: usize,
    /// Candidates that the peer decides on as well
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    decided: usize,
    /// Rows of the stream whose memory is measured
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    many: u64,
    /// Made pages whose main texts are looked for
    #[arg(long, default_value_t = 200, value_name = "N")]
    pages: usize,
    /// A folder of labelled pages, NAME.html and NAME.txt, such as trainer/fixtures/pages
    #[arg(long, value_name = "DIR")]
    labelled: Option<PathBuf>,
    /// Decides the texts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

/// Runs it. It computes for minutes: call it on a thread that may block.
///
/// # Errors
/// When the peer cannot be run, or with `--check` a promise is missed.
pub(super) fn run(args: SynthBenchArgs, folder: &Path) -> anyhow::Result<()> {
    let SynthBenchArgs { peer, texts, decided, many, pages, labelled, seed, output } = args;
    let said: &dyn Fn(&str) = &|line| eprintln!("{line}");
    let options = BenchOptions { folder, peer, texts, decided, many, pages, labelled, seed, said };
    let report = measure(&options)?;
    let holds = report.holds();
    show(&report, holds, output)
}
