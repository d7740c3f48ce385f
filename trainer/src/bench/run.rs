//! All sides, each in a process of its own, round after round.

use super::process::load;
use super::report::{Growth, Lengths, Report, Row};
use super::side::{Measured, Side};
use super::workload::{Prompts, Shape, Workload};
use crate::decoder::Activations;
use crate::files::write_atomically;
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The peer's side of a measurement.
const TRL: &str = include_str!("trl_side.py");
/// The vocabularies among which memory is compared.
const VOCABULARIES: [usize; 3] = [8_192, 32_768, 131_072];

/// The prompts with which it is, long enough for a training to need more than loading the largest model leaves free: what
/// is free already does not show in resident memory.
const PROMPT_WORDS: [usize; 3] = [256, 512, 1024];

/// What is measured.
pub struct BenchOptions<'a> {
    /// Where the workloads and what comes of them are written.
    pub folder: &'a Path,
    /// Of the model.
    pub shape: Shape,
    /// How often every side runs; the best counts.
    pub rounds: usize,
    /// What the forward passes keep, TRL's too.
    pub activations: Activations,
    /// Threads of every side.
    pub threads: usize,
    /// A Python that has TRL, to measure beside.
    pub peer: Option<PathBuf>,
    /// Whether memory is measured by vocabulary and length as well.
    pub growth: bool,
    /// A command that calls [`measure`](super::measure) for a folder and a side and prints what it gives as JSON, the last
    /// line of its output.
    pub start: &'a dyn Fn(&Path, Side) -> std::io::Result<Command>,
    /// Told what is measured next.
    pub said: &'a dyn Fn(&str),
}

/// Measures. Takes minutes, most of them in other processes: call it on a thread of its own.
///
/// # Errors
/// [`Error::Settings`] when there is nothing to measure, or a side fails or says something else than it should;
/// [`Error::Io`]; what making a model reports.
pub fn run(options: &BenchOptions<'_>) -> Result<Report> {
    if options.rounds == 0 || options.threads == 0 {
        return Err(Error::Settings("there is nothing to measure: ask for a round and a thread".into()));
    }
    let mut rows: Vec<Row> = Vec::new();
    let sets = [(Lengths::Short, Prompts::SHORT), (Lengths::Long, Prompts::LONG)];
    for (lengths, prompts) in sets {
        let folder = options.folder.join(lengths.to_string());
        workload(options, options.shape, prompts).write(&folder)?;
        for round in 1..=options.rounds {
            for side in [Some(Side::Apart), Some(Side::Shared), None] {
                let (name, measured) = match (side, &options.peer) {
                    (Some(side), _) => (side.to_string(), ours(options, &folder, side)?),
                    (None, Some(python)) => ("TRL".to_owned(), peer(options, &folder, python)?),
                    (None, None) => continue,
                };
                (options.said)(&format!("{lengths} prompts, round {round}, {name}: {}", speed(&measured)));
                match rows.iter_mut().find(|row| row.lengths == lengths && row.side == name) {
                    Some(row) => row.add(&measured),
                    None => rows.push(Row::new(lengths, name, &measured)),
                }
            }
        }
    }
    let growth = if options.growth { growth(options)? } else { Vec::new() };
    let mut versions: Vec<String> = rows.iter().map(|row| row.version.clone()).collect();
    versions.sort();
    versions.dedup();
    Ok(Report::new(
        workload(options, options.shape, Prompts::LONG),
        (options.rounds, versions),
        (rows, growth),
        load(),
    ))
}

fn speed(measured: &Measured) -> String {
    let tokens = (measured.tokens as u64 * measured.timed_steps) as f64;
    format!("{:.0} tokens/s, {:.0} MiB at most", tokens / measured.seconds, measured.peak_mib)
}

fn workload(options: &BenchOptions<'_>, shape: Shape, prompts: Prompts) -> Workload {
    let workload = Workload::new(shape, prompts, options.threads);
    Workload { activations: options.activations, ..workload }
}

/// Memory by vocabulary and by length, each of a training of two steps.
fn growth(options: &BenchOptions<'_>) -> Result<Vec<Growth>> {
    let mut measured = Vec::new();
    for prompt_words in PROMPT_WORDS {
        for vocabulary in VOCABULARIES {
            let shape = Shape { vocabulary, ..options.shape };
            let prompts = Prompts { prompt_words, ..Prompts::LONG };
            let folder = options.folder.join(format!("memory-{vocabulary}-{prompt_words}"));
            Workload { pairs: 2, steps: 2, ..workload(options, shape, prompts) }.write(&folder)?;
            let weights = folder.join("model").join("model.safetensors");
            let weights = std::fs::metadata(&weights).map_err(Error::io("reading", &weights))?.len();
            // What loading has left free is used again, so the weights alone are taken off.
            let beside = |side| {
                let Measured { tokens, before_mib, adds_mib, .. } = ours(options, &folder, side)?;
                Ok::<_, Error>((tokens, before_mib + adds_mib - weights as f64 / f64::from(1 << 20)))
            };
            let ((tokens, apart_mib), (_, shared_mib)) = (beside(Side::Apart)?, beside(Side::Shared)?);
            (options.said)(&format!(
                "vocabulary {vocabulary}, {tokens} tokens: {apart_mib:.0} MiB beside the weights, {shared_mib:.0} shared"
            ));
            measured.push(Growth { vocabulary, tokens, apart_mib, shared_mib });
            std::fs::remove_dir_all(&folder).map_err(Error::io("removing", &folder))?;
        }
    }
    Ok(measured)
}

fn ours(options: &BenchOptions<'_>, folder: &Path, side: Side) -> Result<Measured> {
    let command = (options.start)(folder, side);
    let mut command = command.map_err(|e| Error::Settings(format!("this program cannot be found: {e}")))?;
    command.env("RAYON_NUM_THREADS", options.threads.to_string());
    told(command, "the measurement of our side")
}

fn peer(options: &BenchOptions<'_>, folder: &Path, python: &Path) -> Result<Measured> {
    write_atomically(folder, "trl_side.py", TRL.as_bytes())?;
    let mut command = Command::new(python);
    command.arg(folder.join("trl_side.py")).arg(folder);
    let threads = options.threads.to_string();
    command.env("OMP_NUM_THREADS", &threads).env("MKL_NUM_THREADS", &threads);
    // Nothing that is measured comes from elsewhere, and it must not be looked for there.
    command.env("HF_HUB_OFFLINE", "1").env("TOKENIZERS_PARALLELISM", "false");
    told(command, "TRL's side")
}

/// What a command prints last.
pub(crate) fn told<T: DeserializeOwned>(mut command: Command, who: &str) -> Result<T> {
    let failed = |problem: String| Error::Settings(format!("{who} failed: {problem}"));
    let output = command.stdin(Stdio::null()).output().map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = errors.lines().rev().take(12).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        return Err(failed(format!("{}\n{}", output.status, last.join("\n"))));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|e| failed(format!("it said {line:?}: {e}")))
}
