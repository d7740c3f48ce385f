//! What became of every record of the input.

use super::page::Source;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a record, or the rest of a file, gave no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The file or folder cannot be opened or read.
    Unreadable,
    /// The file is of no kind that is read here: by its name and its first bytes neither a page nor an archive.
    UnknownKind,
    /// A link that leads back to a folder above it.
    LinkLoop,
    /// The file ends inside this record, or inside a gzip member.
    Truncated,
    /// The gzip stream, or a compressed body, is damaged.
    DamagedGzip,
    /// What is compressed unpacks to more than [`Limits::expansion`](super::Limits::expansion) times its size.
    GzipBomb,
    /// Larger than the [`Limits`](super::Limits) allow.
    TooLarge,
    /// A record that is not of the form its file promises: a bad WARC head, a line that is no JSON object.
    Malformed,
    /// A JSON object without any of the fields that hold text.
    NoTextField,
    /// An HTTP response other than 2xx.
    HttpStatus,
    /// A response that is neither HTML nor plain text.
    NotText,
    /// A body compressed in a way that is not read here, as Brotli.
    UnknownEncoding,
    /// More than a tenth of the characters are broken in every character set that was declared.
    BrokenText,
    /// More elements, or elements nested deeper, than the [`Limits`](super::Limits) allow.
    TooComplex,
    /// Nothing of the page is text, as when scripts fill it in.
    NoMainText,
    /// The extractor itself failed on it.
    ExtractorFailed,
}

/// A record, or the rest of a file, that gave no page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Where.
    pub source: Source,
    /// Why.
    pub reason: SkipReason,
    /// What exactly was wrong, in at most 200 characters.
    pub detail: String,
}

/// What was read, by what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageCounts {
    /// Files opened.
    pub files: u64,
    /// Records that could have been pages: responses and conversions of a WARC, rows, files of HTML.
    pub records: u64,
    /// Records of a WARC that are no documents, such as requests and metadata; nothing is lost with them.
    pub other_records: u64,
    /// Pages given out.
    pub pages: u64,
    /// Pages among them with broken characters, which were replaced.
    pub repaired: u64,
    /// Sitemaps read.
    pub sitemaps: u64,
    /// Records, or rests of files, that gave no page, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
}

impl PageCounts {
    pub(super) fn skip(&mut self, reason: SkipReason) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// How many were skipped for this reason.
    #[must_use]
    pub fn skipped_for(&self, reason: SkipReason) -> u64 {
        self.skipped.get(&reason).copied().unwrap_or(0)
    }
}

/// What is wrong with a record, before it is known where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: SkipReason,
    pub(super) detail: String,
    pub(super) scope: Scope,
}

/// What a fault ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The record; the next one can be read.
    Record,
    /// The file.
    File,
}

impl Fault {
    pub(super) fn record(reason: SkipReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: short(detail.into()), scope: Scope::Record }
    }

    pub(super) fn file(reason: SkipReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: short(detail.into()), scope: Scope::File }
    }
}

/// At most 200 characters of it: what a page says may stand in an error text.
fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
    }
    text
}
