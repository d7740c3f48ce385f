//! Records of a WARC file, one at a time.
//!
//! The crate `warc` reads a record's body whole whatever its length says, and ends at the first record that it cannot
//! read; here a body larger than the limit is passed over, and after a damaged head the next record is looked for.

use super::counts::{Fault, SkipReason};
use super::head::Head;
use super::http;
use super::limits::Limits;
use super::lines::{Line, pass_over, read_at_most, read_line};
use super::raw::Raw;
use std::io::BufRead;

/// What every record starts with.
const MARK: &[u8] = b"WARC/1.";

/// What the next record is.
pub(super) enum Record {
    /// A document, or why there is none.
    Document(Result<Raw, Fault>),
    /// A request, metadata or the like.
    Other,
}

/// Reads WARC records from a stream.
pub(super) struct Warc<R> {
    from: R,
    limits: Limits,
    line: Vec<u8>,
    body: Vec<u8>,
    /// Whether `line` already holds the first line of the next record.
    found: bool,
}

impl<R: BufRead> Warc<R> {
    pub(super) fn new(from: R, limits: Limits) -> Self {
        Self { from, limits, line: Vec::new(), body: Vec::new(), found: false }
    }

    /// The next record; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Option<Record> {
        match self.first_line() {
            Ok(false) => None,
            Ok(true) => Some(self.record().unwrap_or_else(|fault| Record::Document(Err(fault)))),
            Err(fault) => Some(Record::Document(Err(fault))),
        }
    }

    /// Moves to the first line of the next record.
    ///
    /// # Errors
    /// A fault when something else stands there; the search for a first line goes on with the next call.
    fn first_line(&mut self) -> Result<bool, Fault> {
        if std::mem::take(&mut self.found) {
            return Ok(true);
        }
        let mut odd = false;
        loop {
            let kind = read_line(&mut self.from, &mut self.line, 1 << 16)?;
            let first = kind == Line::Whole && self.line.starts_with(MARK);
            if odd && (first || kind == Line::End) {
                self.found = first;
                return Err(Fault::record(SkipReason::Malformed, "no record starts where one should"));
            }
            match kind {
                Line::End => return Ok(false),
                _ if first => return Ok(true),
                _ => odd |= kind == Line::TooLong || !self.line.is_empty(),
            }
        }
    }

    fn record(&mut self) -> Result<Record, Fault> {
        let head = Head::read(&std::mem::take(&mut self.line), &mut self.from)?;
        let length = head.get("Content-Length").and_then(|length| length.parse::<u64>().ok());
        let Some(length) = length else {
            return Err(Fault::record(SkipReason::Malformed, "a record without a readable Content-Length"));
        };
        let kind = head.get("WARC-Type").unwrap_or_default();
        let kind =
            ["response", "conversion", "resource"].into_iter().find(|known| kind.eq_ignore_ascii_case(known));
        let Some(kind) = kind else {
            self.pass(length)?;
            return Ok(Record::Other);
        };
        // Some room for the head of the response.
        if length > self.limits.page_bytes as u64 + (64 << 10) {
            self.pass(length)?;
            return Err(Fault::record(SkipReason::TooLarge, format!("a record of {length} bytes")));
        }
        let read = read_at_most(&mut self.from, &mut self.body, length)?;
        if read < length {
            return Err(truncated(read, length));
        }
        let url = head.get("WARC-Target-URI").map(|url| url.trim_matches(['<', '>']).to_owned());
        let body = std::mem::take(&mut self.body);
        let content_type = head.get("Content-Type").map(str::to_owned);
        let is_http = kind == "response";
        // dns: and the like are responses too, and no pages.
        if is_http && !content_type.as_deref().is_none_or(|t| t.trim_start().starts_with("application/http"))
        {
            return Ok(Record::Other);
        }
        let document = match kind {
            "response" => http::payload(&body, &self.limits).map(|raw| raw.at(url)),
            _ => Raw::of_type(body, content_type, url, &self.limits),
        };
        Ok(Record::Document(document))
    }

    fn pass(&mut self, length: u64) -> Result<(), Fault> {
        let passed = pass_over(&mut self.from, length)?;
        if passed < length { Err(truncated(passed, length)) } else { Ok(()) }
    }
}

fn truncated(there: u64, promised: u64) -> Fault {
    Fault::file(SkipReason::Truncated, format!("{there} of the {promised} bytes of a record are there"))
}
