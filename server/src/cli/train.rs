//! `amend train`: from rows to a model folder.

use super::exit;
use amend_trainer::{
    atlas::build::{BuildObserver, Built, KindScore, Recipe, build},
    memory::keep_freed_memory,
    sft::StepMetrics,
};
use anyhow::Context;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Arguments of `amend train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(subcommand)]
    command: TrainCommand,
}

/// What to train.
#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// Train the built-in model from nothing; started again with the same folder, it goes on where it stopped
    #[command(after_help = "\
Examples:
  amend train atlas --out atlas                     the model that Amend ships (about an hour and a half on one core)
  amend train atlas --out small --steps 200 --width 64
  amend serve --model atlas                         (the built-in one)
  amend serve --model ./atlas                       (the one just trained)")]
    Atlas(AtlasArgs),
}

/// Arguments of `amend train atlas`.
#[derive(Debug, Args)]
pub struct AtlasArgs {
    /// The folder that becomes the model
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
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

/// Runs `amend train`. Ctrl-C writes a checkpoint and stops; the same command goes on from it.
///
/// # Errors
/// When the folder cannot be written or belongs to another recipe, or the training fails.
pub fn run(args: TrainArgs) -> anyhow::Result<()> {
    let TrainCommand::Atlas(args) = args.command;
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
    keep_freed_memory();
    let mut watch = Watch::new(recipe.steps, stop_on_interrupt()?);
    match build(&args.out, recipe, &mut watch).context("failed to train the built-in model")? {
        Built::Finished(scores) => {
            watch.bar.finish_and_clear();
            match args.json {
                true => println!("{}", serde_json::to_string_pretty(&scores)?),
                false => println!("{}\nthe model is in {}", table(&scores), args.out.display()),
            }
            Ok(())
        }
        Built::Stopped { step } => {
            let message =
                format!("stopped after step {step} of {}; the same command goes on from there", recipe.steps);
            Err(super::Failure::new(exit::FAILURE, message).into())
        }
    }
}

/// A flag that Ctrl-C raises. A second Ctrl-C ends the process at once.
fn stop_on_interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if raised.swap(true, Ordering::SeqCst) {
                    std::process::exit(i32::from(exit::FAILURE));
                }
            }
        });
    })?;
    Ok(stop)
}

fn table(scores: &[KindScore]) -> String {
    let line = |s: &KindScore| format!("{:24} {:4} of {:4}  {:.3}", s.kind, s.exact, s.items, s.rate());
    scores.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Steps between two plain lines where there is no terminal.
const LINE_EVERY: u64 = 100;

struct Watch {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Watch {
    fn new(steps: u64, stop: Arc<AtomicBool>) -> Self {
        let bar = match stderr().is_terminal() {
            true => ProgressBar::new(steps),
            false => ProgressBar::hidden(),
        };
        let style = "{bar:30} {pos}/{len} steps, {msg}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, stop }
    }

    fn say(&self, line: &str) {
        match self.bar.is_hidden() {
            true => eprintln!("{line}"),
            false => self.bar.println(line),
        }
    }
}

impl BuildObserver for Watch {
    fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
        self.bar.set_position(metrics.step);
        let state = format!("loss {:.3}, {:.0} tokens/s", metrics.loss, metrics.tokens_per_second);
        if self.bar.is_hidden() && metrics.step.is_multiple_of(LINE_EVERY) {
            eprintln!("step {} of {total}: {state}", metrics.step);
        }
        self.bar.set_message(state);
    }

    fn on_scores(&mut self, step: u64, scores: &[KindScore]) {
        let rates: Vec<String> = scores.iter().map(|s| format!("{} {:.2}", s.kind, s.rate())).collect();
        self.say(&format!("after step {step}, exact on held-out items: {}", rates.join(", ")));
    }

    fn stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
