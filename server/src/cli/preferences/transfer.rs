//! Preferences in bulk: from a file to the daemon, and back.

use crate::cli::{Failure, client::Client, exit, output};
use anyhow::Context;
use clap::{Args, ValueEnum};
use futures::StreamExt;
use reqwest::{Body, Method, header};
use serde_json::Value;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

const LINES: &str = "application/x-ndjson";
const PARQUET: &str = "application/vnd.apache.parquet";
/// What a Parquet file begins with.
const MAGIC: &[u8] = b"PAR1";

/// Arguments of `amend preferences import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file; `-` reads JSON lines from standard input
    file: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// How preferences are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Format {
    /// All that is known of each; JSON lines only
    Amend,
    /// TRL: prompt, chosen, rejected as conversations
    Trl,
    /// TRL: both conversations begin with the prompt
    TrlImplicit,
    /// TRL: prompt, chosen, rejected as texts
    TrlPlain,
    /// UltraFeedback, binarized
    Ultrafeedback,
}

/// Arguments of `amend preferences export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The format [default: amend; as Parquet trl]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Parquet instead of JSON lines
    #[arg(long, requires = "out")]
    parquet: bool,
    /// The file to write; without it JSON lines are printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Format {
    fn as_str(self) -> &'static str {
        match self {
            Self::Amend => "amend",
            Self::Trl => "trl",
            Self::TrlImplicit => "trl_implicit",
            Self::TrlPlain => "trl_plain",
            Self::Ultrafeedback => "ultrafeedback",
        }
    }
}

pub(super) async fn import(client: &Client, args: ImportArgs) -> anyhow::Result<()> {
    let (content_type, body) = match args.file.as_os_str() == "-" {
        true => (LINES, Body::wrap_stream(ReaderStream::new(tokio::io::stdin()))),
        false => {
            let context = || format!("failed to read {}", args.file.display());
            let mut file = tokio::fs::File::open(&args.file).await.with_context(context)?;
            let mut beginning = Vec::new();
            (&mut file).take(MAGIC.len() as u64).read_to_end(&mut beginning).await.with_context(context)?;
            file.rewind().await.with_context(context)?;
            let content_type = if beginning == MAGIC { PARQUET } else { LINES };
            (content_type, Body::wrap_stream(ReaderStream::new(file)))
        }
    };
    let request = client.request(Method::POST, &["v1", "preferences"], &[])?;
    let request = request.header(header::CONTENT_TYPE, content_type).body(body);
    let report = client.read(client.ask(request).await?).await?;
    tell(&report, args.json)
}

/// Prints the report; records that were left out are a failure of the command, though the others are in.
fn tell(report: &Value, as_json: bool) -> anyhow::Result<()> {
    let count = |field: &str| report[field].as_u64().unwrap_or(0);
    let refused = count("refused");
    if as_json {
        output::json(report)?;
    } else {
        output::line(format!(
            "{} added, {} unchanged, {refused} refused",
            count("added"),
            count("unchanged")
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
            Err(Failure::new(exit::REFUSED, format!("{refused} records were refused; the others are in"))
                .into())
        }
    }
}

fn problem_line(problem: &Value) -> String {
    let place = match problem["line"].as_u64() {
        Some(line) => format!("line {line}"),
        None => format!("row {}", problem["row"]),
    };
    let field = problem["field"].as_str().map(|field| format!("{field}: ")).unwrap_or_default();
    format!("{place}: {field}{}", problem["reason"].as_str().unwrap_or_default())
}

pub(super) async fn export(client: &Client, args: ExportArgs) -> anyhow::Result<()> {
    let query: Vec<_> =
        args.format.map(|format| ("format", format.as_str().to_owned())).into_iter().collect();
    let accept = if args.parquet { PARQUET } else { LINES };
    let request = client.request(Method::GET, &["v1", "preferences"], &query)?.header(header::ACCEPT, accept);
    let response = client.ask(request).await?;
    let left_out = response.headers().get("x-amend-left-out").and_then(|value| value.to_str().ok());
    let left_out: u64 = left_out.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut blocks = response.bytes_stream();
    let broke = "the export broke off: what was written is not all";
    match &args.out {
        None => {
            while let Some(block) = blocks.next().await {
                output::raw(&block.context(broke)?)?;
            }
        }
        Some(path) => {
            let context = || format!("failed to write {}", path.display());
            let mut file = tokio::fs::File::create(path).await.with_context(context)?;
            while let Some(block) = blocks.next().await {
                file.write_all(&block.context(broke)?).await.with_context(context)?;
            }
            file.sync_all().await.with_context(context)?;
        }
    }
    if left_out > 0 {
        eprintln!("{left_out} preferences do not fit this format and were left out");
    }
    Ok(())
}
