//! The command line: `amend` alone serves; the other commands talk to a daemon, measure, or train.

pub mod bench;
pub mod canary;
pub mod chat;
pub mod client;
pub mod demo;
pub mod edit;
pub mod eval;
pub mod exit;
pub mod followbench;
pub mod gate;
mod gating;
pub mod jobs;
pub mod output;
pub mod preferences;
mod progress;
pub mod revisions;
pub mod serve;
pub mod synth;
pub mod train;
mod training;

pub use client::Failure;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

/// Serve a language model over the OpenAI API, and keep it right while it runs.
///
/// `amend` alone is `amend serve`.
#[derive(Debug, Parser)]
#[command(name = "amend", version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 no daemon at that address, 4 the daemon refused, \
5 a measured figure misses its bound; gates: 10 failed, 11 inconclusive, 12 not measured.";

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a model (what `amend` alone does)
    Serve(Box<serve::ServeArgs>),
    /// Show a correction and a training of the built-in model, in under three minutes
    Demo(demo::DemoArgs),
    /// Talk to a running daemon
    Chat(chat::ChatArgs),
    /// Correct a running daemon
    Edit(edit::EditArgs),
    /// Say how good an answer of a running daemon was
    Feedback(preferences::FeedbackArgs),
    /// Tell a running daemon which answers are better, for it to learn from
    Preferences(preferences::PreferencesArgs),
    /// Measure how well edits hold
    Eval(eval::EvalArgs),
    /// Measure this build on this machine
    Bench(bench::BenchArgs),
    /// Train a model
    Train(train::TrainArgs),
    /// What a running daemon does in the background
    Jobs(jobs::JobsArgs),
    /// The versions of the served model
    Revisions(revisions::RevisionsArgs),
    /// Make training data with models
    Synth(synth::SynthArgs),
    /// Whether a revision may ship
    Gate(gate::GateArgs),
    /// Try a candidate on a share of the users
    Canary(canary::CanaryArgs),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => {
            let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
            if !failure.is_some_and(Failure::is_silent) {
                eprintln!("amend: {error:#}");
            }
            ExitCode::from(failure.map_or(exit::FAILURE, Failure::code))
        }
    }
}

/// Whether a command line is well formed: what the documents' examples are checked with.
///
/// # Errors
/// clap's own message.
pub fn check<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<(), clap::Error> {
    let matches = Cli::command().try_get_matches_from(args)?;
    Cli::from_arg_matches(&matches).map(drop)
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match cli.command.unwrap_or(Command::Serve(Box::new(cli.serve))) {
        Command::Serve(args) => runtime()?.block_on(serve::run(*args)),
        Command::Demo(args) => runtime()?.block_on(demo::run(args)),
        Command::Chat(args) => runtime()?.block_on(chat::run(args)),
        Command::Edit(args) => runtime()?.block_on(edit::run(args)),
        Command::Feedback(args) => runtime()?.block_on(preferences::give(args)),
        Command::Preferences(args) => runtime()?.block_on(preferences::run(args)),
        Command::Eval(args) => runtime()?.block_on(eval::run(args)),
        Command::Bench(args) => runtime()?.block_on(bench::run(args)),
        Command::Train(args) => train::run(args),
        Command::Synth(args) => synth::run(args),
        Command::Jobs(args) => runtime()?.block_on(jobs::run(args)),
        Command::Revisions(args) => runtime()?.block_on(revisions::run(args)),
        Command::Gate(args) => runtime()?.block_on(gate::run(args)),
        Command::Canary(args) => runtime()?.block_on(canary::run(args)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn amend_alone_serves_and_takes_its_options() {
        let cli = Cli::try_parse_from(["amend", "--listen", "127.0.0.1:9000"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.listen.port(), 9000);
        assert!(check(["amend", "serve", "--queue", "64"]).is_ok());
        assert!(check(["amend", "--listen", "127.0.0.1:9000", "chat"]).is_err());
    }
}
