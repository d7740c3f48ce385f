//! `amend train atlas`.

use super::watch::{Watch, stop_on_interrupt, stopped};
use crate::cli::output;
use amend_trainer::{
    atlas::build::{BuildObserver, Built, KindScore, Recipe, build, build_on},
    sft::StepMetrics,
};
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `amend train atlas`.
#[derive(Debug, Args)]
pub struct AtlasArgs {
    /// The folder that becomes the model
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on from the model in this folder, such as trainer/models/atlas, instead of from nothing; with another seed
    #[arg(long, value_name = "DIR", conflicts_with_all = ["vocab_size", "width", "layers"])]
    from: Option<PathBuf>,
    /// Decides rows, initial weights and held-out items
    #[arg(long, default_value_t = Recipe::default().seed)]
    seed: u64,
    /// Optimiser steps
    #[arg(long, default_value_t = Recipe::default().steps)]
    steps: u64,
    /// Dialogues of one step
    #[arg(long, default_value_t = Recipe::default().rows_per_step, value_name = "N")]
    rows_per_step: usize,
    /// The highest learning rate
    #[arg(long, default_value_t = Recipe::default().learning_rate, value_name = "RATE")]
    learning_rate: f64,
    /// Times the learning rate for the matrices of the blocks
    #[arg(long, default_value_t = Recipe::default().matrix_rate, value_name = "TIMES")]
    matrix_rate: f64,
    /// The weight in the loss of a token that is no answer, 0 to 1
    #[arg(long, default_value_t = Recipe::default().context_weight, value_name = "WEIGHT")]
    context_weight: f32,
    /// Pieces of the tokenizer
    #[arg(long, default_value_t = Recipe::default().vocab_size, value_name = "N")]
    vocab_size: usize,
    /// Columns of the residual stream, a multiple of 32
    #[arg(long, default_value_t = Recipe::default().width, value_name = "N")]
    width: usize,
    /// Blocks
    #[arg(long, default_value_t = Recipe::default().layers, value_name = "N")]
    layers: usize,
    /// Print the final scores as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: AtlasArgs) -> anyhow::Result<()> {
    let recipe = Recipe {
        seed: args.seed,
        steps: args.steps,
        rows_per_step: args.rows_per_step,
        learning_rate: args.learning_rate,
        vocab_size: args.vocab_size,
        width: args.width,
        layers: args.layers,
        matrix_rate: args.matrix_rate,
        context_weight: args.context_weight,
    };
    let mut watch = Watch::new(recipe.steps, stop_on_interrupt()?);
    let built = match &args.from {
        Some(from) => build_on(&args.out, recipe, from, &mut watch),
        None => build(&args.out, recipe, &mut watch),
    };
    match built.context("failed to train the built-in model")? {
        Built::Finished(scores) => {
            watch.bar.finish_and_clear();
            match args.json {
                true => output::line(serde_json::to_string_pretty(&scores)?),
                false => output::line(format!("{}\nthe model is in {}", table(&scores), args.out.display())),
            }
        }
        Built::Stopped { step } => Err(stopped(&format!("after step {step} of {}", recipe.steps))),
    }
}

fn table(scores: &[KindScore]) -> String {
    let line = |s: &KindScore| format!("{:24} {:4} of {:4}  {:.3}", s.kind, s.exact, s.items, s.rate());
    scores.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl BuildObserver for Watch {
    fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
        self.step(metrics, total);
    }

    fn on_scores(&mut self, step: u64, scores: &[KindScore]) {
        let rates: Vec<String> = scores.iter().map(|s| format!("{} {:.2}", s.kind, s.rate())).collect();
        self.say(&format!("after step {step}, exact on held-out items: {}", rates.join(", ")));
    }

    fn stop(&self) -> bool {
        self.stopped()
    }
}
