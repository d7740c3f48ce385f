//! What a run leaves: its rows in two containers, and their card.

use super::{
    guard::{Removals, SuiteGuard},
    lion::{Origin, Taught},
    progress::Counts,
    rows::{
        CardBuilder, DataCard, Decontamination, Ended, Made, RoleModels, RowEntry, RowProvenance, RowReader,
        RowWriter, SetInfo, SynthRow, WebrRole, write_rows,
    },
};
use crate::{Error, Result, preference::format::Container, synth::draw};
use amend_proto::Message;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

/// The rows as JSON lines.
pub const ROWS_JSONL: &str = "rows.jsonl";
/// The rows as Parquet.
pub const ROWS_PARQUET: &str = "rows.parquet";
/// The name of the card, as JSON and as Markdown.
pub const CARD: &str = "card";
/// Rows that a card shows.
const SAMPLES: usize = 5;

/// What is known of a run besides its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// `lion` or `webr`.
    pub method: String,
    /// Every setting.
    pub settings: serde_json::Value,
    /// Decided every draw.
    pub seed: u64,
    /// The models by role.
    pub models: RoleModels,
    /// What was left out where, and why.
    pub counts: Counts,
    /// Left out because a suite asks the same.
    pub removed: Removals,
    /// How it ended.
    pub ended: Ended,
}

/// Hands every row to a function, in order.
pub type EachRow<'a> = &'a dyn Fn(&mut dyn FnMut(&SynthRow) -> Result<()>) -> Result<()>;

/// Writes the rows and their card into a folder; each file is complete or not there.
///
/// # Errors
/// What `each` reports; [`Error::Io`] and [`Error::Data`] when the folder cannot be written.
pub fn write_set(
    folder: &Path,
    each: EachRow<'_>,
    (facts, guard): (Facts, &dyn SuiteGuard),
) -> Result<DataCard> {
    let mut card = CardBuilder::new(SAMPLES);
    write_rows((folder, ROWS_JSONL), Container::JsonLines, |lines| {
        write_rows((folder, ROWS_PARQUET), Container::Parquet, |parquet| {
            each(&mut |row| {
                lines.write(row)?;
                parquet.write(row)?;
                card.add(row);
                Ok(())
            })
        })
        .map(drop)
    })?;
    let card = card.finish(info(facts, guard));
    card.write(folder, CARD)?;
    Ok(card)
}

fn info(facts: Facts, guard: &dyn SuiteGuard) -> SetInfo {
    let Facts { method, settings, seed, models, counts, removed, ended } = facts;
    let decontamination = Decontamination { rule: guard.rule(), suites: guard.suites(), removed };
    SetInfo {
        method,
        settings,
        seed,
        models,
        counts: counts.0,
        decontamination: Some(decontamination),
        ended,
    }
}

/// The rows of a Lion run.
pub struct LionRows(Vec<SynthRow>);

/// The rows that are learned from what a teacher said; `seed` drew the run, `licence` is its instructions'.
#[must_use]
pub fn lion_rows(taught: &[Taught], models: &RoleModels, (seed, licence): (u64, Option<&str>)) -> LionRows {
    let row = |taught: &Taught| {
        let Taught { instruction, answer, iteration } = taught;
        let seed_instruction = match &instruction.origin {
            Origin::Given => instruction.id.clone(),
            Origin::Written { after, .. } => after.clone(),
        };
        let provenance = RowProvenance {
            made: Made::Lion { seed_instruction, iteration: *iteration },
            models: models.clone(),
            seed,
            licence: licence.map(str::to_owned),
        };
        let messages = vec![Message::user(&instruction.text), Message::assistant(answer)];
        // An instruction has words and a teacher's answer is not empty.
        SynthRow::new(messages, provenance).ok()
    };
    LionRows(taught.iter().filter_map(row).collect())
}

impl LionRows {
    /// Hands on every row.
    ///
    /// # Errors
    /// What `to` reports.
    pub fn each(&self, to: &mut dyn FnMut(&SynthRow) -> Result<()>) -> Result<()> {
        self.0.iter().try_for_each(to)
    }

    /// Writes them as JSON lines.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`].
    pub fn write_jsonl(&self, path: &Path) -> Result<()> {
        let unnamed = || Error::Settings(format!("{} is no path of a file", path.display()));
        let (folder, name) =
            path.parent().zip(path.file_name().and_then(|name| name.to_str())).ok_or_else(unnamed)?;
        write_rows((folder, name), Container::JsonLines, |lines| self.each(&mut |row| lines.write(row)))
            .map(drop)
    }
}

/// Rows of a WebR run on their way, in a file, since there may be millions.
pub struct PendingRows {
    writer: RowWriter<BufWriter<File>>,
    path: PathBuf,
    /// Of each row: whether its page is material of the request, and its place in a random order.
    drawn: Vec<(bool, u64)>,
}

/// The name of their file.
const PENDING: &str = ".rows.pending.jsonl";

impl PendingRows {
    /// None yet.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(folder: &Path) -> Result<Self> {
        let path = folder.join(PENDING);
        let file = File::create(&path).map_err(Error::io("creating", &path))?;
        let writer = RowWriter::new(BufWriter::new(file), Container::JsonLines)?;
        Ok(Self { writer, path, drawn: Vec::new() })
    }

    /// One more.
    ///
    /// # Errors
    /// [`Error::Data`] when the disk is full.
    pub fn push(&mut self, row: &SynthRow) -> Result<()> {
        let is_wi =
            matches!(row.provenance().made, Made::Webr { role: WebrRole::WiAll | WebrRole::WiPart, .. });
        self.drawn.push((is_wi, draw(row.provenance().seed, &["mix", row.id().as_str()])));
        self.writer.write(row)
    }

    /// As many of both sorts as makes `wi_per_wr` of the first for each of the second: what one has too many goes, drawn by
    /// the rows' hashes, and is counted. Where there is only one sort, all stay.
    ///
    /// # Errors
    /// [`Error::Data`] when the disk is full.
    pub fn mixed(self, wi_per_wr: f64, counts: &mut Counts) -> Result<MixedRows> {
        self.writer.finish()?;
        let of = |wanted: bool| self.drawn.iter().filter(|(is_wi, _)| *is_wi == wanted).count();
        let (wi, wr) = (of(true), of(false));
        let most = match (wi, wr) {
            (0, _) | (_, 0) => (wi, wr),
            _ => (
                wi.min((wr as f64 * wi_per_wr).round() as usize),
                wr.min((wi as f64 / wi_per_wr).round() as usize),
            ),
        };
        let kept: BTreeSet<usize> = [(true, most.0), (false, most.1)]
            .into_iter()
            .flat_map(|(sort, most)| {
                let mut all: Vec<(u64, usize)> = self
                    .drawn
                    .iter()
                    .enumerate()
                    .filter(|(_, (is_wi, _))| *is_wi == sort)
                    .map(|(at, (_, drawn))| (*drawn, at))
                    .collect();
                all.sort_unstable();
                all.truncate(most);
                all.into_iter().map(|(_, at)| at).collect::<Vec<_>>()
            })
            .collect();
        counts.add("mix", "too many of their sort", (wi + wr - kept.len()) as u64);
        Ok(MixedRows { path: self.path, kept })
    }
}

/// Rows of a WebR run, in their mix.
pub struct MixedRows {
    path: PathBuf,
    kept: BTreeSet<usize>,
}

impl MixedRows {
    /// Hands on every row.
    ///
    /// # Errors
    /// What `to` reports; [`Error::Io`] and [`Error::Data`] when the file was changed by somebody else.
    pub fn each(&self, to: &mut dyn FnMut(&SynthRow) -> Result<()>) -> Result<()> {
        for (at, entry) in RowReader::open(&self.path)?.enumerate() {
            match entry? {
                RowEntry::Row(row) if self.kept.contains(&at) => to(&row)?,
                RowEntry::Row(_) => {}
                RowEntry::Issue(issue) => return Err(Error::Data(issue.to_string())),
            }
        }
        Ok(())
    }

    /// Removes the file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(Error::io("removing", &self.path))
    }
}
