//! `amend train`: from rows to a model folder.

mod atlas;
mod bmc;
mod lte;
mod sft;
mod watch;

pub(in crate::cli) use watch::{stop_on_interrupt, trainable};

use clap::{Args, Subcommand};

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
  amend train atlas --out atlas                     a model as Amend ships one (two and a half hours on two cores)
  amend train atlas --out small --steps 200 --width 64
  amend serve --model atlas                         (the built-in one)
  amend serve --model ./atlas                       (the one just trained)")]
    Atlas(atlas::AtlasArgs),
    /// Align a model with edits (LTE): teach it to answer from what stands in front of a question, and only from that
    #[command(after_help = "\
Examples:
  amend train lte --model ./my-model --data zsre.json --out aligned
  amend train lte --model ./my-model --data counterfact.json --method full --teacher self --out aligned
  amend train lte --model ./small --data atlas --method scratch --out aligned
  amend serve --model ./aligned/model

The folder holds the model, with `--method lora` also the adapter for PEFT, the data set with its card, and the log. Started
again with the same folder, it goes on where it stopped.")]
    Lte(lte::LteArgs),
    /// Train a model on preference pairs (BMC and its relatives): prefer the chosen answers
    #[command(after_help = "\
Examples:
  amend train bmc --model ./my-model --pairs pairs.jsonl --out better
  amend train bmc --pairs pairs.parquet --objective dpo --method full --learning-rate 1e-6 --out better
  amend train bmc --pairs pairs.jsonl --bridging atlas --out better
  amend train bmc --pairs pairs.jsonl --bridging endpoint --bridging-url http://127.0.0.1:9000/v1 --bridging-model big \\
    --out better
  amend serve --model ./better/run/model

Pairs are JSON lines or Parquet, as TRL and UltraFeedback have them or as Amend exports them. The folder holds the model, with
`--method lora` also the adapter for PEFT, the metrics (also for TensorBoard) and the card. Started again with the same
folder, it goes on where it stopped.")]
    Bmc(bmc::BmcArgs),
    /// Train a model on instructions and their answers
    #[command(after_help = "\
Examples:
  amend train sft --data webr/rows.jsonl --out taught
  amend train sft --model ./my-model --data lion/rows.parquet --data own.jsonl --method full --out taught
  amend serve --model ./taught/model

Rows are JSON lines or Parquet with `messages`; every answer of an assistant is learned. Started again with the same folder, it
goes on where it stopped.")]
    Sft(sft::SftArgs),
}

/// Runs `amend train`. Ctrl-C writes a checkpoint and stops; the same command goes on from it.
///
/// # Errors
/// When the folder cannot be written or belongs to another recipe, or the training fails.
pub fn run(args: TrainArgs) -> anyhow::Result<()> {
    match args.command {
        TrainCommand::Atlas(args) => atlas::run(args),
        TrainCommand::Lte(args) => lte::run(args),
        TrainCommand::Bmc(args) => bmc::run(args),
        TrainCommand::Sft(args) => sft::run(args),
    }
}
