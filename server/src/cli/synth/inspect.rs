//! `amend synth inspect` and `amend synth export`.

use crate::cli::output;
use amend_trainer::{
    preference::format::Container,
    synth::{
        output::{CARD, ROWS_JSONL},
        rows::{DataCard, RowEntry, RowReader, SynthRow, write_rows},
    },
};
use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use std::{fmt::Write, path::PathBuf};

/// The most characters of a text that are shown.
const SHOWN: usize = 400;

/// Arguments of `amend synth inspect`.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The folder of a run
    folder: PathBuf,
    /// Show so many rows
    #[arg(long, default_value_t = 3, value_name = "N")]
    rows: usize,
    /// Show the row whose id begins so, whole
    #[arg(long, value_name = "ID")]
    row: Option<String>,
    /// Print the card as JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend synth export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The folder of a run
    folder: PathBuf,
    /// The file to write: JSON lines, or Parquet where its name ends so
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: InspectArgs) -> anyhow::Result<()> {
    let card = card(&args.folder)?;
    if let Some(wanted) = &args.row {
        let row = rows(&args.folder)?
            .find(|row| row.as_ref().is_ok_and(|row| row.id().as_str().starts_with(wanted)));
        let row =
            row.with_context(|| format!("no row of {} begins with {wanted}", args.folder.display()))??;
        return output::json(&json!(row));
    }
    if args.json {
        return output::json(&json!(card));
    }
    output::line(summary(&card)?.trim_end())?;
    for row in rows(&args.folder)?.take(args.rows) {
        output::line(shown(&row?)?)?;
    }
    Ok(())
}

/// What there is to know of a set.
fn summary(card: &DataCard) -> anyhow::Result<String> {
    let mut text = String::new();
    let info = &card.info;
    writeln!(text, "{} rows by {}, seed {}, {:?}", card.rows, info.method, info.seed, info.ended)?;
    for (method, rows) in &card.by_method {
        writeln!(text, "  {method}: {rows}")?;
    }
    writeln!(text, "models:")?;
    for (role, model) in info.models.iter() {
        writeln!(text, "  {role}: {model}")?;
    }
    writeln!(text, "stages:")?;
    for (stage, reasons) in &info.counts {
        let reasons: Vec<String> =
            reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        writeln!(text, "  {stage}: {}", reasons.join(", "))?;
    }
    if let Some(guarded) = &info.decontamination {
        let suites: Vec<String> =
            guarded.suites.iter().map(|suite| format!("{} ({} items)", suite.name, suite.items)).collect();
        writeln!(text, "held against: {}; removed: {}", suites.join(", "), guarded.removed.count)?;
    }
    Ok(text)
}

fn shown(row: &SynthRow) -> anyhow::Result<String> {
    let mut text = format!("\n{} {}", &row.id().as_str()[..12], row.provenance().made.label());
    for message in row.messages() {
        let mut content: String = message.content.chars().take(SHOWN).collect();
        if content.len() < message.content.len() {
            content.push('…');
        }
        write!(text, "\n  {}: {}", message.role.as_str(), content.replace('\n', "\n    "))?;
    }
    Ok(text)
}

pub(super) fn export(args: ExportArgs) -> anyhow::Result<()> {
    card(&args.folder)?;
    let container = match args.out.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => Container::Parquet,
        Some("jsonl" | "json") => Container::JsonLines,
        _ => bail!("{}: name a file that ends in .jsonl or .parquet", args.out.display()),
    };
    let name =
        args.out.file_name().and_then(|name| name.to_str()).context("the file needs a name in UTF-8")?;
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let all = rows(&args.folder)?;
    let written = write_rows((folder.unwrap_or(".".as_ref()), name), container, |to| {
        for row in all {
            to.write(&row?)?;
        }
        Ok(())
    })?;
    output::line(format!("{written} rows are in {}", args.out.display()))
}

fn card(folder: &std::path::Path) -> anyhow::Result<DataCard> {
    let file = folder.join(format!("{CARD}.json"));
    let text = std::fs::read(&file)
        .with_context(|| format!("{} holds no finished run ({CARD}.json is missing)", folder.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no card of this version", file.display()))
}

fn rows(folder: &std::path::Path) -> anyhow::Result<impl Iterator<Item = amend_trainer::Result<SynthRow>>> {
    let entries = RowReader::open(&folder.join(ROWS_JSONL))?;
    Ok(entries.map(|entry| match entry? {
        RowEntry::Row(row) => Ok(*row),
        RowEntry::Issue(issue) => Err(amend_trainer::Error::Data(issue.to_string())),
    }))
}
