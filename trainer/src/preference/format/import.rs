//! Records into pairs.

use super::at::At;
use super::parse::{COLUMNS, Format, Parsed, detect, trl, ultra_feedback, ultra_feedback_raw};
use crate::Result;
use crate::preference::check::{Flaw, Limits, Problem};
use crate::preference::pair::{Pair, PairSource, Provenance, UnixMillis};
use crate::records::Records;
use amend_proto::TenantId;
use parquet::file::reader::ChunkReader;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::io::BufRead;
use std::path::Path;

/// The most issues that an [`ImportReport`] keeps; it counts them all.
pub const MAX_ISSUES_KEPT: usize = 100;

/// How the format of a record is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FormatChoice {
    /// By the record's fields.
    #[default]
    Detect,
    /// It is this one.
    Given(Format),
}

/// Whose the pairs of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenancy {
    /// All are this tenant's, whatever the records say: for a file that the tenant sent.
    Of(TenantId),
    /// As the records of Amend's own format say, the others this tenant's: for an operator who restores a copy.
    AsWritten(TenantId),
}

impl Tenancy {
    fn otherwise(&self) -> &TenantId {
        let (Self::Of(tenant) | Self::AsWritten(tenant)) = self;
        tenant
    }
}

/// How to read.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The format.
    pub format: FormatChoice,
    /// The longest that is taken.
    pub limits: Limits,
    /// Whose the pairs are.
    pub tenancy: Tenancy,
    /// When they are read: the moment of pairs whose format has none.
    pub now: UnixMillis,
}

impl ImportOptions {
    /// Any format, the default limits, all of this tenant.
    #[must_use]
    pub fn new(tenant: TenantId, now: UnixMillis) -> Self {
        Self { format: FormatChoice::Detect, limits: Limits::default(), tenancy: Tenancy::Of(tenant), now }
    }
}

/// Where a record stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Its line, from 1.
    Line(u64),
    /// Its row, from 1.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Row(number) => write!(f, "row {number}"),
        }
    }
}

/// A record that is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The file, as the reader was told.
    pub file: String,
    /// The record.
    pub place: Place,
    /// The field and what is wrong with it.
    #[serde(serialize_with = "as_text")]
    pub flaw: Flaw,
}

fn as_text<S: Serializer>(flaw: &Flaw, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(flaw)
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; the record is left out", self.file, self.place, self.flaw)
    }
}

/// What the reader comes upon.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A pair that training can use.
    Pair(Box<Pair>),
    /// A record that it cannot.
    Issue(Issue),
}

/// The pairs of one file, as a stream, a record in memory at a time (of Parquet a page of each column).
///
/// An `Err` is the last item: the rest of the file cannot be read.
pub struct PairReader {
    records: Records,
    options: ImportOptions,
}

impl PairReader {
    /// Opens a file; whether it is Parquet is seen from its first bytes.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); [`Error::Data`](crate::Error::Data) when a Parquet file is damaged or compressed in a way that is not read.
    pub fn open(path: &Path, options: ImportOptions) -> Result<Self> {
        Ok(Self { records: Records::open(path, &COLUMNS)?, options })
    }

    /// JSON lines from anything; `file` is the name that issues give it.
    pub fn lines(file: impl Into<String>, source: impl BufRead + 'static, options: ImportOptions) -> Self {
        Self { records: Records::lines(file.into(), source), options }
    }

    /// A Parquet file from anything that can be read from any place.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) when it is no Parquet, or damaged.
    pub fn parquet(
        file: impl Into<String>,
        source: impl ChunkReader + 'static,
        options: ImportOptions,
    ) -> Result<Self> {
        Ok(Self { records: Records::parquet(file.into(), source, &COLUMNS)?, options })
    }

    fn pair(&self, record: &Value) -> Result<Pair, Flaw> {
        let at = At::record(record)?;
        let format = match self.options.format {
            FormatChoice::Given(format) => format,
            FormatChoice::Detect => detect(&at)?,
        };
        let parsed = match format {
            Format::Amend => return self.own(record),
            Format::Trl => trl(&at),
            Format::UltraFeedback => ultra_feedback(&at),
            Format::UltraFeedbackRaw => ultra_feedback_raw(&at),
        }?;
        let Parsed { prompt, chosen, rejected, scores } = parsed;
        let tenant = self.options.tenancy.otherwise().clone();
        let provenance =
            Provenance { scores, ..Provenance::new(PairSource::Import, tenant, self.options.now) };
        let pair = Pair::by_content(prompt, (chosen, rejected), provenance);
        pair.check(&self.options.limits).map(|()| pair)
    }

    fn own(&self, record: &Value) -> Result<Pair, Flaw> {
        let mut pair: Pair = serde_path_to_error::deserialize(record).map_err(|e| {
            let field = e.path().to_string();
            Flaw::new(
                if field == "." { String::new() } else { field },
                Problem::Syntax(e.inner().to_string()),
            )
        })?;
        if let Tenancy::Of(tenant) = &self.options.tenancy
            && pair.provenance.tenant != *tenant
        {
            // The id may be that of another tenant's pair, which this file must not replace.
            pair.provenance.tenant = tenant.clone();
            pair = Pair::by_content(pair.prompt, (pair.chosen, pair.rejected), pair.provenance);
        }
        pair.check(&self.options.limits).map(|()| pair)
    }
}

impl Iterator for PairReader {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let (place, value) = match self.records.next()? {
            Ok(record) => record,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match value.and_then(|value| self.pair(&value)) {
            Ok(pair) => Entry::Pair(Box::new(pair)),
            Err(flaw) => Entry::Issue(self.records.issue(place, flaw)),
        }))
    }
}

/// How an import went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImportReport {
    /// Records that were read.
    pub records: u64,
    /// Of these, pairs that were taken.
    pub pairs: u64,
    /// The first [`MAX_ISSUES_KEPT`] issues.
    pub issues: Vec<Issue>,
    /// How many issues there were.
    pub issues_seen: u64,
}

/// Reads everything, handing each pair to `take`.
///
/// # Errors
/// What `take` returns, and what ends the reader's stream; what was taken before stays taken, and since an imported pair
/// is named by its content, the same import can simply be made again.
pub fn import(reader: PairReader, take: &mut dyn FnMut(Pair) -> Result<()>) -> Result<ImportReport> {
    let mut report = ImportReport::default();
    for entry in reader {
        match entry? {
            Entry::Pair(pair) => {
                take(*pair)?;
                report.pairs += 1;
            }
            Entry::Issue(issue) => {
                report.issues_seen += 1;
                if report.issues.len() < MAX_ISSUES_KEPT {
                    report.issues.push(issue);
                }
            }
        }
        report.records += 1;
    }
    Ok(report)
}
