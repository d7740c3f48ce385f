//! `amend train sft`.

use super::watch::{Stoppable, given_up, stopped, trainable};
use crate::{cli::output, engine::ModelSource};
use amend_trainer::{
    instruct::{DataCounts, HeldOut, InstructJob, InstructObserver, InstructRecipe, Trained, train},
    preference::HeldOutShare,
    sft::StepMetrics,
};
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::{path::PathBuf, time::Duration};

/// Arguments of `amend train sft`.
#[derive(Debug, Args)]
pub struct SftArgs {
    /// The model to train: `atlas` (built in), or a Hugging Face folder
    #[arg(long, default_value = "atlas", value_name = "MODEL")]
    model: String,
    /// Rows with `messages`: JSON lines or Parquet, as `amend synth` writes them; may be given several times
    #[arg(long, required = true, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// What learns
    #[arg(long, value_enum, default_value_t = MethodArg::Lora)]
    method: MethodArg,
    /// The share of the first questions that is measured on instead, chosen by hash [default: a twentieth]
    #[arg(long, value_name = "SHARE")]
    held_out: Option<f64>,
    /// Decides every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often every row is trained [default: 4]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// At most so many steps
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// Rows of one step at most [default: 128]
    #[arg(long, value_name = "N")]
    rows_per_step: Option<usize>,
    /// The highest learning rate [default: the method's]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// End after so many minutes, with what has been learned by then
    #[arg(long, value_name = "MINUTES")]
    budget_minutes: Option<u64>,
    /// The folder that becomes the candidate: `model` in it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the candidate's card as JSON
    #[arg(long)]
    json: bool,
}

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodArg {
    /// An adapter, merged into the model at the end
    Lora,
    /// Every weight
    Full,
}

impl SftArgs {
    fn recipe(&self) -> anyhow::Result<InstructRecipe> {
        let recipe = match self.method {
            MethodArg::Lora => InstructRecipe::lora(),
            MethodArg::Full => InstructRecipe::full(),
        };
        let held_out = self.held_out.map(HeldOutShare::new).transpose()?;
        let recipe = InstructRecipe {
            seed: self.seed,
            epochs: self.epochs.unwrap_or(recipe.epochs),
            max_steps: self.max_steps,
            rows_per_step: self.rows_per_step.unwrap_or(recipe.rows_per_step),
            learning_rate: self.learning_rate.unwrap_or(recipe.learning_rate),
            held_out: held_out.unwrap_or(recipe.held_out),
            ..recipe
        };
        recipe.validate()?;
        Ok(recipe)
    }
}

pub(super) fn run(args: SftArgs) -> anyhow::Result<()> {
    let recipe = args.recipe()?;
    let unpacked = tempfile::tempdir().context("failed to make a temporary folder")?;
    let source = ModelSource::parse(&args.model, unpacked.path())?;
    let folder = trainable(&source)?;
    let mut progress = Stoppable::new()?;
    let job = InstructJob {
        model: &folder,
        name: &args.model,
        data: &args.data,
        recipe,
        budget: args.budget_minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))),
        control: progress.control.clone(),
        out: &args.out,
    };
    match train(&job, &mut progress).context("failed to train the model")? {
        Trained::Stopped { step } => Err(stopped(&format!("after step {step}"))),
        Trained::Aborted { step, reason } => Err(given_up(step, reason)),
        Trained::Finished(card) => {
            progress.watch.bar.finish_and_clear();
            match args.json {
                true => output::line(serde_json::to_string_pretty(&card)?),
                false => output::line(format!(
                    "{} is trained; serve it with `amend serve --model {}`",
                    args.model,
                    args.out.join("model").display()
                )),
            }
        }
    }
}

/// Steps between two plain lines where there is no terminal.
const LINE_EVERY: u64 = 20;

impl InstructObserver for Stoppable {
    fn on_records(&mut self, _: u64) {
        self.heed_interrupt();
    }

    fn on_data(&mut self, counts: &DataCounts) {
        self.watch.say(&format!(
            "{} records: {} to learn from, {} to measure on",
            counts.records, counts.used, counts.measured
        ));
        for issue in &counts.issues {
            self.watch.say(issue);
        }
    }

    fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
        let state = format!("loss {:.3}, {:.0} tokens/s", metrics.loss, metrics.tokens_per_second);
        self.watch.show((metrics.step, total), LINE_EVERY, state);
        self.heed_interrupt();
    }

    fn on_held_out(&mut self, measured: &HeldOut) {
        self.watch.say(&format!("held-out rows at step {}: loss {:.3}", measured.step, measured.loss));
    }
}
