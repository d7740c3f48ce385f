//! What a page is, and where it comes from.

use crate::digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Where a page stands in the input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The file, as the input named it.
    pub file: PathBuf,
    /// The record in the file, from 1: the line of a JSONL file, the element of a JSON array, the record of a WARC.
    /// An HTML or text file is one record.
    pub record: u64,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, record {}", self.file.display(), self.record)
    }
}

/// How far a run has come, so that the next one goes on behind it; see [`PageStream::after`](super::PageStream::after).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The file's place among the files of the input, from 0, in the order in which they are read.
    pub file_index: u64,
    /// The last record that was read.
    pub source: Source,
}

/// SHA-256 of a page's title-less main text in hexadecimal: equal for pages that say the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// Of these paragraphs.
    #[must_use]
    pub fn of(paragraphs: &[String]) -> Self {
        Self(digest::hex(&digest::of_parts(paragraphs.iter().map(String::as_str))))
    }

    /// As 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What names a page for good: SHA-256 over its content hash and its source, in hexadecimal. The same page of the same
/// file has the same id in every run, and two pages with the same text have two ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageId(String);

impl PageId {
    /// As 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The main text of one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its address: what the archive or the row says, else what a sitemap says, else what the page says of itself.
    pub url: Option<String>,
    /// Where it was found.
    pub source: Source,
    /// What it says, as a hash.
    pub content_hash: ContentHash,
    /// Its title, when it has one.
    pub title: Option<String>,
    /// Its language, when the text is long enough to tell.
    pub language: Option<Language>,
    /// The main text in reading order. A list, a table and a block of code are one paragraph of several lines each.
    pub paragraphs: Vec<String>,
}

impl Page {
    /// What names this page for good.
    #[must_use]
    pub fn id(&self) -> PageId {
        let record = self.source.record.to_string();
        let file = self.source.file.to_string_lossy();
        let parts = [self.content_hash.as_str(), &file, &record];
        PageId(digest::hex(&digest::of_parts(parts)))
    }

    /// The paragraphs with an empty line between each two.
    #[must_use]
    pub fn text(&self) -> String {
        self.paragraphs.join("\n\n")
    }
}

/// A language as ISO 639-3 names it, and how sure the detection is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Language {
    /// Three letters, as "eng".
    pub code: String,
    /// From 0 to 1, as whatlang reckons it.
    pub confidence: f64,
}

impl Eq for Language {}
