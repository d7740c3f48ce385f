//! `amend eval`: how well edits hold.

use super::{
    Failure, exit,
    followbench::{FollowbenchArgs, followbench},
    output, progress,
    serve::told_to_stop,
};
use crate::{
    app::AppConfig,
    evaluation::{self, EvalError, EvalJob, Records},
};
use amend_eval::edit::{
    protocol::{MeasureOptions, Plan, Position, Protocol, RunProgress, Seed, Size},
    report::EditReport,
};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use std::{
    fs,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    str::FromStr,
};

/// Arguments of `amend eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(subcommand)]
    command: EvalCommand,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// Edit success, portability, locality, fluency and retrieval on a set of edits
    #[command(after_help = "\
Examples:
  amend eval edits --data zsre.json --limit 100
  amend eval edits --data zsre.json --protocol sequential --sizes 1,100,all --out report
  amend eval edits --data atlas --sizes 1,1000
  amend eval edits --data counterfact.json --model ./my-model --json | jq .stages[0].scores

The sets are those of ZsRE, KnowEdit, WikiBio, CounterFact and MQuAKE as published: a JSON array, or one object a line.
The model is loaded here, over an empty store of its own; a running daemon is not touched. With --out an interrupted
run goes on where it stopped.")]
    Edits(EditsArgs),
    /// Constraint following: ask a suite, score published files, compare reports
    Followbench(FollowbenchArgs),
}

/// Arguments of `amend eval edits`.
#[derive(Debug, Args)]
pub struct EditsArgs {
    /// The set; may be given several times; `atlas` alone is a thousand edits of the built-in model's small world
    #[arg(long, required = true, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// The model: `atlas` (built in), a folder, a .gguf file, or a hub id such as org/name
    #[arg(long, env = "AMEND_MODEL", default_value = "atlas", value_name = "MODEL")]
    model: String,
    /// A sentence encoder (BERT family) that finds edits by what they mean: a folder or a hub id
    #[arg(long, env = "AMEND_ENCODER", value_name = "MODEL")]
    encoder: Option<String>,
    /// How edits come into the store
    #[arg(long, value_enum, default_value_t = ProtocolArg::Batch)]
    protocol: ProtocolArg,
    /// How many records' edits are in the store when it is measured: numbers, or all
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000,all", value_name = "N")]
    sizes: Vec<SizeArg>,
    /// How many records are measured at each size
    #[arg(long, default_value = "100", value_name = "N")]
    measured: NonZeroUsize,
    /// Records that are read of each file
    #[arg(long, default_value = "100000", value_name = "N")]
    limit: NonZeroUsize,
    /// Orders the records and draws the samples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tokens of an answer; where a longer one is expected, as in WikiBio, up to 512 are allowed
    #[arg(long, default_value = "32", value_name = "N")]
    answer_tokens: NonZeroU32,
    /// Tokens of the text whose fluency is measured; 0 measures none
    #[arg(long, default_value_t = 100, value_name = "N")]
    fluency_tokens: u32,
    /// Requests under way at once
    #[arg(long, default_value = "1", value_name = "N")]
    concurrency: NonZeroUsize,
    /// Write report.json, report.md and growth.svg there, and what is needed to go on after an interruption
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// How edits come into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProtocolArg {
    /// One record's at a time
    Single,
    /// As many as the size together, into an empty store
    Batch,
    /// One after the other, without removing any
    Sequential,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SizeArg(Size);

impl FromStr for SizeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(count) => Ok(Self(Size::Records(count))),
            Err(_) if text == "all" => Ok(Self(Size::All)),
            Err(_) => Err("a size is a number from 1, or `all`".to_owned()),
        }
    }
}

/// Runs `amend eval`. The model lives in a temporary data folder, which Ctrl-C removes as well.
///
/// # Errors
/// When the data or the model cannot be read, or the run breaks off or is told to stop.
pub async fn run(args: EvalArgs) -> anyhow::Result<()> {
    let args = match args.command {
        EvalCommand::Edits(args) => args,
        EvalCommand::Followbench(args) => return followbench(args).await,
    };
    let records = match args.data.as_slice() {
        [only] if only.as_os_str() == "atlas" => evaluation::atlas(args.seed, args.limit.min(ATLAS_EDITS)),
        files => evaluation::read(files, args.limit)?,
    };
    tell_issues(&records);
    if records.records.is_empty() {
        return Err(Failure::new(exit::FAILURE, "the data hold no record that can be measured").into());
    }
    let folder = tempfile::tempdir().context("failed to make a temporary data folder")?;
    let mut config = AppConfig::new(folder.path().to_owned(), &args.model)?;
    config.encoder.clone_from(&args.encoder);
    if let Some(out) = &args.out {
        fs::create_dir_all(out).with_context(|| format!("failed to make {}", out.display()))?;
    }
    let job = EvalJob {
        records,
        plan: Plan {
            protocol: match args.protocol {
                ProtocolArg::Single => Protocol::Single,
                ProtocolArg::Batch => Protocol::Batch,
                ProtocolArg::Sequential => Protocol::Sequential,
            },
            sizes: args.sizes.iter().map(|size| size.0).collect(),
            measured: args.measured,
            seed: Seed(args.seed),
        },
        options: MeasureOptions {
            answer_tokens: args.answer_tokens,
            fluency_tokens: NonZeroU32::new(args.fluency_tokens),
            ..MeasureOptions::default()
        },
        concurrency: args.concurrency,
        journal: args.out.as_deref().map(|out| out.join("journal.jsonl")),
    };
    let bar = Bar::new();
    let report = evaluation::edits(config, &job, &bar, told_to_stop()).await;
    bar.0.finish_and_clear();
    let report = match report {
        // The temporary folder goes when this function returns; a process that the signal ends would leave it.
        Err(EvalError::Stopped) => return Err(Failure::new(exit::FAILURE, stopped(&args)).into()),
        report => report?,
    };
    if let Some(out) = &args.out {
        write(&report, out)?;
    }
    match args.json {
        true => output::line(serde_json::to_string_pretty(&report)?),
        false => output::line(report.markdown()?.trim_end()),
    }
}

fn stopped(args: &EditsArgs) -> &'static str {
    match args.out {
        Some(_) => "stopped; the same command goes on from there",
        None => "stopped; with --out the same command would go on from there",
    }
}

pub(super) fn tell_issues(records: &Records) {
    for issue in &records.issues {
        eprintln!("{issue}");
    }
    let untold = records.issues_seen - records.issues.len();
    if untold > 0 {
        eprintln!("and {untold} more");
    }
}

fn write(report: &EditReport, out: &Path) -> anyhow::Result<()> {
    let put = |name: &str, text: String| {
        let file = out.join(name);
        fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))
    };
    put("report.json", serde_json::to_string_pretty(report)?)?;
    put("report.md", report.markdown()?)?;
    put("growth.svg", report.growth_chart()?)
}

/// Edits of atlas.
const ATLAS_EDITS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// A bar at a terminal, a line now and then elsewhere.
struct Bar(ProgressBar);

/// Records between two plain lines.
const LINE_EVERY: usize = 50;

impl Bar {
    fn new() -> Self {
        Self(progress::bar(0, "{pos}/{len} records ({msg})"))
    }
}

impl RunProgress for Bar {
    fn at(&self, position: Position) {
        let Position { stage, done, total } = position;
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
        self.0.set_message(format!("{stage} in the store"));
        if self.0.is_hidden() && (done.is_multiple_of(LINE_EVERY) || done == total) {
            eprintln!("{done} of {total} records, {stage} in the store");
        }
    }
}
