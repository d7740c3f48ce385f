//! How a daemon makes training data: the options of `amend serve` about it.

use crate::synth::{SynthConfig, SynthSettings};
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

/// What jobs may make training data from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training data made by models")]
pub struct SynthServeArgs {
    /// Roles with their limits and prices, budget, and what decides the methods, as TOML
    #[arg(long, value_name = "FILE", env = "AMEND_SYNTH_CONFIG")]
    synth_config: Option<PathBuf>,
    /// The given instructions of Lion, as JSON lines with `instruction`
    #[arg(long, value_name = "FILE", env = "AMEND_SYNTH_SEEDS")]
    synth_seeds: Option<PathBuf>,
    /// Documents of WebR: HTML files, folders of them, WARC(.gz), JSON lines; may be given several times
    #[arg(long, value_name = "PATH", env = "AMEND_SYNTH_PAGES")]
    synth_pages: Vec<PathBuf>,
}

impl SynthServeArgs {
    pub(in crate::cli) fn settings(self) -> anyhow::Result<SynthSettings> {
        let Self { synth_config, synth_seeds, synth_pages } = self;
        let config = match &synth_config {
            None => SynthConfig::default(),
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("failed to read {}", file.display()))?;
                SynthConfig::parse(&text).with_context(|| format!("{} cannot be used", file.display()))?
            }
        };
        Ok(SynthSettings { config, seeds: synth_seeds, pages: synth_pages })
    }
}
