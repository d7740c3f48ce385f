//! `amend synth filter` and `amend synth dedup`: the filters of the methods, alone.

use crate::cli::output;
use amend_trainer::synth::{
    dedup::{Dedup, DedupSettings, Seen, SeenHashes},
    rouge::Filter,
};
use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

/// The longest line, in bytes.
const LONGEST_LINE: u64 = 16 << 20;
/// Lines that are left out and named; more are counted.
const MOST_NAMED: usize = 100;

/// Arguments of `amend synth filter`.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Known instructions, as JSON lines with `instruction`
    #[arg(long, value_name = "FILE")]
    pool: PathBuf,
    /// Instructions to decide on, in the same form; those that are kept join the pool
    #[arg(long, value_name = "FILE")]
    candidates: PathBuf,
    /// Leave out what is more like a known one than this, by ROUGE-L F1
    #[arg(long, default_value_t = 0.7, value_name = "SCORE")]
    max_rouge: f64,
    /// Print every decision as JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend synth dedup`.
#[derive(Debug, Args)]
pub(super) struct DedupArgs {
    /// Texts, as JSON lines with `text`, `instruction` or `messages`, of which the first user message counts
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// From this Jaccard similarity on texts are the same
    #[arg(long, default_value_t = 0.7, value_name = "SIMILARITY")]
    threshold: f64,
    /// Values of a signature
    #[arg(long, default_value_t = 128, value_name = "N")]
    permutations: usize,
    /// Decides the hash functions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A file that remembers texts over runs
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
    /// Write the lines that are new there
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print every decision as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Instruction {
    instruction: String,
}

/// A text in one of its forms.
#[derive(Deserialize)]
struct Text {
    text: Option<String>,
    instruction: Option<String>,
    messages: Option<Vec<Said>>,
}

#[derive(Deserialize)]
struct Said {
    role: String,
    content: String,
}

impl Text {
    fn text(self) -> Option<String> {
        let first = |messages: Vec<Said>| {
            messages.into_iter().find(|said| said.role == "user").map(|said| said.content)
        };
        self.text.or(self.instruction).or_else(|| self.messages.and_then(first))
    }
}

pub(super) fn filter(args: FilterArgs) -> anyhow::Result<()> {
    let instruction = |line: &[u8]| Ok(serde_json::from_slice::<Instruction>(line)?.instruction);
    let (mut known, mut skipped) = (Vec::new(), Skipped::default());
    each_line(&args.pool, instruction, &mut skipped, |text, _, _| {
        known.push(text);
        Ok(())
    })?;
    let mut filter = Filter::new(args.max_rouge, known)?;
    let (mut decisions, mut kept, mut all) = (Vec::new(), 0, 0);
    each_line(&args.candidates, instruction, &mut skipped, |text, _, number| {
        let decision = filter.decide(&text)?;
        kept += usize::from(decision.kept);
        all += 1;
        if args.json {
            let mut decision = serde_json::to_value(&decision)?;
            decision["line"] = json!(number);
            decisions.push(decision);
        }
        Ok(())
    })?;
    match args.json {
        true => output::json(&json!({"decisions": decisions, "skipped": skipped})),
        false => output::line(format!("{kept} of {all} instructions are new enough{}", skipped.told())),
    }
}

pub(super) fn dedup(args: DedupArgs) -> anyhow::Result<()> {
    let settings = DedupSettings {
        threshold: args.threshold,
        permutations: args.permutations,
        seed: args.seed,
        ..DedupSettings::default()
    };
    let dedup = Dedup::new(settings)?;
    let mut dedup = match &args.seen {
        Some(file) => dedup.with_earlier(SeenHashes::open(file)?),
        None => dedup,
    };
    let mut out = args.out.as_ref().map(|file| tempfile_beside(file)).transpose()?;
    let (mut decisions, mut new, mut all) = (Vec::<Value>::new(), 0, 0);
    let mut skipped = Skipped::default();
    let text = |line: &[u8]| {
        let text = serde_json::from_slice::<Text>(line)?.text();
        text.context("it has none of `text`, `instruction`, `messages`")
    };
    each_line(&args.input, text, &mut skipped, |text, line, number| {
        let seen = dedup.look_at(&text);
        if seen == Seen::New {
            new += 1;
            if let Some(out) = &mut out {
                std::io::Write::write_all(out, line)?;
                std::io::Write::write_all(out, b"\n")?;
            }
        }
        if args.json {
            decisions.push(json!({"row": all, "line": number, "seen": seen}));
        }
        all += 1;
        Ok(())
    })?;
    if let (Some(file), Some(out)) = (&args.out, out) {
        out.as_file().sync_all()?;
        out.persist(file).with_context(|| format!("failed to write {}", file.display()))?;
    }
    match args.json {
        true => output::json(&json!({
            "rows": all, "new": new, "settings": settings, "decisions": decisions, "skipped": skipped,
        })),
        false => output::line(format!("{new} of {all} texts are new{}", skipped.told())),
    }
}

fn tempfile_beside(file: &Path) -> anyhow::Result<tempfile::NamedTempFile> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("failed to write in {}", folder.display()))
}

/// Lines that nothing could be made of.
#[derive(Default, Serialize)]
struct Skipped {
    count: u64,
    /// The first of them.
    lines: Vec<SkippedLine>,
}

#[derive(Serialize)]
struct SkippedLine {
    file: PathBuf,
    line: u64,
    reason: String,
}

impl Skipped {
    /// Named on stderr and in the answer, as long as there are not too many.
    fn add(&mut self, file: &Path, line: u64, reason: String) {
        self.count += 1;
        if self.lines.len() < MOST_NAMED {
            eprintln!("line {line} of {} is left out: {reason}", file.display());
            self.lines.push(SkippedLine { file: file.to_owned(), line, reason });
        }
    }

    fn told(&self) -> String {
        match self.count {
            0 => String::new(),
            count => format!("; {count} lines were left out"),
        }
    }
}

/// Hands on what `read` makes of every line that is not empty, with the line and its number. One that it makes nothing of, or that is too
/// long, is skipped.
fn each_line<T>(
    file: &Path,
    read: impl Fn(&[u8]) -> anyhow::Result<T>,
    skipped: &mut Skipped,
    mut to: impl FnMut(T, &[u8], u64) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let opened = File::open(file).with_context(|| format!("failed to read {}", file.display()))?;
    let (mut reader, mut line) = (BufReader::new(opened), Vec::new());
    let (before, mut made) = (skipped.count, 0_u64);
    for number in 1.. {
        line.clear();
        let length = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line);
        if length.with_context(|| format!("failed to read {}", file.display()))? == 0 {
            // A file of another form is no file with some broken lines.
            let nothing = made == 0 && skipped.count > before;
            anyhow::ensure!(!nothing, "no line of {} can be read", file.display());
            return Ok(());
        }
        if line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
            reader.skip_until(b'\n').with_context(|| format!("failed to read {}", file.display()))?;
            skipped.add(file, number, format!("it is longer than {LONGEST_LINE} bytes"));
            continue;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        match read(text) {
            Ok(found) => {
                made += 1;
                to(found, text, number).with_context(|| format!("line {number} of {}", file.display()))?;
            }
            Err(reason) => skipped.add(file, number, format!("{reason:#}")),
        }
    }
    Ok(())
}
