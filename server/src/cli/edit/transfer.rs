//! Edits in bulk: from a file to the daemon, and back.

#[cfg(test)]
mod tests;

use super::fields::{ByArgs, OnConflict};
use crate::cli::{Failure, client::Client, exit, output, progress};
use amend_editor::NewEdit;
use amend_eval::data::{
    Contents, DataError, EditReader, EditRecord, Entry, Fact, Issue, ReadOptions, StatementTemplate, sniff,
};
use anyhow::Context;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use reqwest::{Body, Method, header};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read, stdin},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::sync::mpsc;

const LINES: &str = "application/x-ndjson";
/// Bytes that are read of a file at a time.
const BLOCK: usize = 64 << 10;
/// Blocks that wait to be sent.
const AHEAD: usize = 16;
/// Problems of a published file that are kept; all are counted.
const MAX_PROBLEMS: usize = 1_000;

/// What a file of edits is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FileFormat {
    /// By its first record
    Auto,
    /// One edit a line, as `amend edit export` writes them
    Lines,
    /// A published set: ZsRE, KnowEdit, WikiBio, CounterFact, MQuAKE
    Published,
}

/// Arguments of `amend edit import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file; `-` reads standard input
    file: PathBuf,
    /// What the file is
    #[arg(long, value_enum, default_value_t = FileFormat::Auto)]
    format: FileFormat,
    /// A template of your own that makes a statement of a published record
    #[arg(long, value_name = "FILE")]
    statement_template: Option<PathBuf>,
    /// When an edit contradicts or repeats what stands, or its id is taken
    #[arg(long, value_enum, default_value_t = OnConflict::KeepBoth, value_name = "RULE")]
    on_conflict: OnConflict,
    #[command(flatten)]
    by: ByArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend edit export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// As they stood after this entry of the log
    #[arg(long, value_name = "SEQ")]
    as_of: Option<i64>,
}

pub(super) async fn export(client: &Client, args: ExportArgs) -> anyhow::Result<()> {
    let query: Vec<_> = args.as_of.map(|seq| ("as_of", seq.to_string())).into_iter().collect();
    let request = client.request(Method::GET, &["v1", "edits"], &query)?.header(header::ACCEPT, LINES);
    let mut blocks = client.ask(request).await?.bytes_stream();
    while let Some(block) = blocks.next().await {
        output::raw(&block.context("the export broke off: what was printed is not all")?)?;
    }
    Ok(())
}

pub(super) async fn import(client: &Client, args: ImportArgs) -> anyhow::Result<()> {
    let source = Source::open(&args)?;
    let hint = source.hint(args.format);
    let mut query = vec![("on_conflict", args.on_conflict.as_str().to_owned())];
    query.extend(args.by.query());
    let read = Arc::new(Mutex::new(Reading::default()));
    let bar = source.bar();
    let (blocks, mut ready) = mpsc::channel(AHEAD);
    let reading = {
        let (read, bar) = (Arc::clone(&read), bar.clone());
        tokio::task::spawn_blocking(move || source.send(&blocks, &read, &bar))
    };
    let body = Body::wrap_stream(stream::poll_fn(move |cx| ready.poll_recv(cx)));
    let request = client.request(Method::POST, &["v1", "edits"], &query)?;
    let sent = client.ask(request.header(header::CONTENT_TYPE, LINES).body(body)).await;
    let reading = reading.await?;
    bar.finish_and_clear();
    // If the file broke, so did the body: the file's own error says more than the daemon's.
    reading?;
    let mut report = client.read(sent?).await?;
    let mut read = std::mem::take(&mut *read.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?);
    let broken = read.broken.take();
    read.complete(&mut report);
    let told = tell(&report, args.json, hint);
    match broken {
        None => told,
        // The report is out. That much of the file is not in weighs more than what was refused of the rest.
        Some(error) => Err(anyhow::Error::new(error)
            .context("the file could not be read to its end; the records before that place were imported")),
    }
}

type Input = Box<dyn BufRead + Send>;
type Block = io::Result<Bytes>;

/// What is sent.
enum Source {
    /// Lines, as they are.
    Lines { input: Input, bytes: u64 },
    /// A published set, a line for each fact.
    Published { name: String, input: Input, options: Box<ReadOptions>, bytes: u64 },
}

/// What is known of a published file besides its lines.
#[derive(Default)]
struct Reading {
    /// The record of each line.
    records: Vec<u32>,
    problems: Vec<Value>,
    lost: u64,
    /// Why it could not be read to its end.
    broken: Option<DataError>,
}

impl Source {
    fn open(args: &ImportArgs) -> anyhow::Result<Self> {
        let (mut input, bytes): (Input, u64) = match args.file.as_os_str() == "-" {
            true => (Box::new(BufReader::with_capacity(BLOCK, stdin())), 0),
            false => {
                let open = || File::open(&args.file).and_then(|file| Ok((file.metadata()?.len(), file)));
                let (bytes, file) =
                    open().with_context(|| format!("failed to open {}", args.file.display()))?;
                (Box::new(BufReader::with_capacity(BLOCK, file)), bytes)
            }
        };
        let format = match args.format {
            FileFormat::Auto => {
                let sniffed = sniff(&mut input);
                let sniffed = sniffed.with_context(|| format!("failed to read {}", args.file.display()))?;
                input = Box::new(Cursor::new(sniffed.taken).chain(input));
                match sniffed.contents {
                    Contents::Published => FileFormat::Published,
                    Contents::OtherLines | Contents::Unclear => FileFormat::Lines,
                }
            }
            given => given,
        };
        if format == FileFormat::Lines {
            return Ok(Self::Lines { input, bytes });
        }
        let mut options = Box::<ReadOptions>::default();
        if let Some(file) = &args.statement_template {
            options.statement = template(file)?;
        }
        let name = args.file.file_name().map_or("-".into(), |name| name.to_string_lossy());
        Ok(Self::Published { name: name.into_owned(), input, options, bytes })
    }

    /// What to try where much is refused, if the format was not given.
    fn hint(&self, asked: FileFormat) -> &'static str {
        match (asked, self) {
            (FileFormat::Auto, Self::Lines { .. }) => {
                "; by its first record the file was read as one edit a line, --format published reads a published set"
            }
            (FileFormat::Auto, Self::Published { .. }) => {
                "; by its first record the file was read as a published set, --format lines reads one edit a line"
            }
            (FileFormat::Lines | FileFormat::Published, _) => "",
        }
    }

    /// A bar at a terminal; elsewhere the report is all there is to say.
    fn bar(&self) -> ProgressBar {
        let (Self::Lines { bytes, .. } | Self::Published { bytes, .. }) = self;
        if *bytes == 0 { ProgressBar::hidden() } else { progress::bar(*bytes, "{bytes}/{total_bytes}") }
    }

    /// Sends blocks until the file ends or nobody takes them: then the daemon has answered already, and says why.
    fn send(
        self,
        blocks: &mpsc::Sender<Block>,
        reading: &Mutex<Reading>,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let sent = match self {
            Self::Lines { input, .. } => send_lines(bar.wrap_read(input), blocks),
            Self::Published { name, input, options, .. } => {
                let input = BufReader::with_capacity(BLOCK, bar.wrap_read(input));
                send_published(EditReader::new(name, input, *options), blocks, reading)
            }
        };
        if sent.is_err() {
            // The body ends here as broken, so that the daemon does not take a part for the whole.
            drop(blocks.blocking_send(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        sent
    }
}

fn template(file: &Path) -> anyhow::Result<StatementTemplate> {
    let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))?;
    StatementTemplate::parse(&text).with_context(|| format!("in {}", file.display()))
}

fn send_lines(mut input: impl Read, blocks: &mpsc::Sender<Block>) -> anyhow::Result<()> {
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        if (&mut input).take(BLOCK as u64).read_to_end(&mut block).context("failed to read the file")? == 0 {
            return Ok(());
        }
        if blocks.blocking_send(Ok(block.into())).is_err() {
            return Ok(());
        }
    }
}

/// Sends the records of a published set up to where it ends or breaks off: what is whole is worth having, and the
/// reading says that there should be more.
fn send_published(
    reader: EditReader<impl BufRead>,
    blocks: &mpsc::Sender<Block>,
    reading: &Mutex<Reading>,
) -> anyhow::Result<()> {
    let mut block = Vec::with_capacity(2 * BLOCK);
    for entry in reader {
        let mut reading = reading.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                reading.broken = Some(error);
                break;
            }
        };
        match entry {
            Entry::Record(record) => {
                for fact in record.facts() {
                    reading.records.push(u32::try_from(record.index).unwrap_or(u32::MAX));
                    serde_json::to_writer(&mut block, &edit(&record, fact))?;
                    block.push(b'\n');
                }
            }
            Entry::Issue(issue) => reading.note(&issue),
        }
        drop(reading);
        if block.len() >= BLOCK {
            let full = std::mem::replace(&mut block, Vec::with_capacity(2 * BLOCK));
            if blocks.blocking_send(Ok(full.into())).is_err() {
                return Ok(());
            }
        }
    }
    drop(blocks.blocking_send(Ok(block.into())));
    Ok(())
}

/// What a record states, as an edit.
fn edit(record: &EditRecord, fact: &Fact) -> NewEdit {
    let mut edit = NewEdit::new(&fact.statement).about(&fact.subject);
    edit.content.object = Some(fact.target.first().to_owned());
    edit.content.source = record.case.as_ref().map(|case| format!("case {case}"));
    edit
}

impl Reading {
    fn note(&mut self, issue: &Issue) {
        if issue.lost != amend_eval::data::Lost::Record {
            return;
        }
        self.lost += 1;
        if self.problems.len() < MAX_PROBLEMS {
            let field = Some(&issue.field).filter(|field| !field.is_empty());
            self.problems
                .push(json!({"record": issue.index, "field": field, "reason": issue.problem.to_string()}));
        }
    }

    /// Adds to the daemon's report what it cannot know: which record a line was made of, and which records made none.
    fn complete(self, report: &mut Value) {
        if self.records.is_empty() && self.lost == 0 {
            return;
        }
        let refused = report["refused"].as_u64().unwrap_or(0) + self.lost;
        report["refused"] = refused.into();
        let mut problems = self.problems;
        for problem in report["problems"].as_array_mut().into_iter().flatten() {
            let line = problem["line"].as_u64().and_then(|line| usize::try_from(line).ok()).unwrap_or(0);
            let record = line.checked_sub(1).and_then(|at| self.records.get(at));
            problems.push(json!({"record": record, "field": problem["field"], "reason": problem["reason"]}));
        }
        problems.sort_by_key(|problem| problem["record"].as_u64());
        report["problems"] = problems.into();
    }
}

/// Prints the report; edits that were refused are a failure of the command, though the others are in.
fn tell(report: &Value, as_json: bool, hint: &str) -> anyhow::Result<()> {
    let count = |field: &str| report[field].as_u64().unwrap_or(0);
    let refused = count("refused");
    if as_json {
        output::json(report)?;
    } else {
        output::line(format!(
            "{} added, {} superseded, {} unchanged, {refused} refused, {} conflicts; the log ends at entry {}",
            count("added"),
            count("superseded"),
            count("unchanged"),
            count("conflicts"),
            report["through"]
        ))?;
        let problems = report["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
        for problem in problems {
            eprintln!("{}", problem_line(problem));
        }
        let untold = refused.saturating_sub(problems.len() as u64);
        if untold > 0 {
            eprintln!("and {untold} more");
        }
    }
    match refused {
        0 => Ok(()),
        _ => {
            let message = format!("{refused} edits were refused; the others are in{hint}");
            Err(Failure::new(exit::REFUSED, message).into())
        }
    }
}

fn problem_line(problem: &Value) -> String {
    let place = match problem["line"].as_u64() {
        Some(line) => format!("line {line}"),
        None => format!("record {}", problem["record"]),
    };
    let field = problem["field"].as_str().map(|field| format!("{field} ")).unwrap_or_default();
    format!("{place}: {field}{}", problem["reason"].as_str().unwrap_or_default())
}
