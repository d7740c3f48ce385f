//! `amend synth`: training data made by models.

mod inspect;
mod run;
mod serve;
mod texts;

pub(super) use serve::SynthServeArgs;

use clap::{Args, Subcommand};

/// Arguments of `amend synth`.
#[derive(Debug, Args)]
pub struct SynthArgs {
    #[command(subcommand)]
    command: SynthCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum SynthCommand {
    /// Make instruction data where a student is behind its teacher
    #[command(after_help = LION_EXAMPLES)]
    Lion(Box<run::LionArgs>),
    /// Make instruction data from documents
    #[command(after_help = WEBR_EXAMPLES)]
    Webr(Box<run::WebrArgs>),
    /// Show what a run made, and what it left out
    Inspect(inspect::InspectArgs),
    /// Write the rows of a run into one file
    Export(inspect::ExportArgs),
    /// Which instructions are not too much like known ones, by ROUGE-L
    Filter(texts::FilterArgs),
    /// Which texts are new: equal and similar ones are told, by MinHash
    Dedup(texts::DedupArgs),
}

const LION_EXAMPLES: &str = "\
Examples:
  amend synth lion --teacher atlas-oracle --out lion                        offline, with rules as the teacher
  amend synth lion --seeds seeds.jsonl --teacher https://api.example.com/v1#big --teacher-key-env KEY \\
    --student ./my-model --budget-money 5 --config synth.toml --out lion
The same command goes on with a run that was stopped, and asks nothing twice.";

const WEBR_EXAMPLES: &str = "\
Examples:
  amend synth webr --input pages/ --out webr                                offline, with rules that read pages about atlas
  amend synth webr --input crawl.warc.gz --teacher http://127.0.0.1:9000/v1#big --licence CC-BY-4.0 --out webr
The same command goes on with a run that was stopped, and asks nothing twice.";

/// Runs `amend synth`.
///
/// # Errors
/// What the run reports, in an operator's words.
pub fn run(args: SynthArgs) -> anyhow::Result<()> {
    match args.command {
        SynthCommand::Lion(args) => run::lion(*args),
        SynthCommand::Webr(args) => run::webr(*args),
        SynthCommand::Inspect(args) => inspect::run(args),
        SynthCommand::Export(args) => inspect::export(args),
        SynthCommand::Filter(args) => texts::filter(args),
        SynthCommand::Dedup(args) => texts::dedup(args),
    }
}
