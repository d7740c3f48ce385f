//! A file that is being read.

use super::counts::{Fault, Scope, SkipReason};
use super::files::{Kind, kind};
use super::gzip::unpacked;
use super::limits::Limits;
use super::lines::{fault_of, filled, read_at_most};
use super::raw::{Body, Raw};
use super::rows::Rows;
use super::warc::{Record, Warc};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

type Stream = Box<dyn BufRead + Send>;

/// What a file gives next.
pub(super) enum Next {
    /// A document, or why there is none.
    Document(Result<Raw, Fault>),
    /// A record that is none by its kind.
    Other,
    /// Nothing more.
    End,
}

/// A file that is being read, whatever its kind.
pub(super) struct Open {
    reader: Reader,
    record: u64,
    ended: bool,
}

enum Reader {
    /// A file that is one document.
    One {
        from: Stream,
        kind: Kind,
        limits: Limits,
    },
    Warc(Box<Warc<Stream>>),
    Rows(Box<Rows<Stream>>),
}

impl Open {
    /// Opens a file and finds out what it holds.
    ///
    /// # Errors
    /// When it cannot be opened or read, or is of no kind that is read here.
    pub(super) fn file(path: &Path, limits: &Limits) -> Result<Self, Fault> {
        let mut packed =
            BufReader::with_capacity(64 << 10, File::open(path).map_err(|error| fault_of(&error))?);
        let is_gzip = filled(&mut packed)?.starts_with(&[0x1f, 0x8b]);
        let mut from: Stream =
            if is_gzip { Box::new(unpacked(packed, limits.expansion)) } else { Box::new(packed) };
        let reader = match kind(path, filled(&mut from)?) {
            Kind::Warc => Reader::Warc(Box::new(Warc::new(from, *limits))),
            Kind::Rows(layout) => Reader::Rows(Box::new(Rows::new(from, layout, *limits))),
            kind @ (Kind::Html | Kind::Plain) => Reader::One { from, kind, limits: *limits },
            Kind::Unknown => {
                let detail = "neither HTML nor text, WARC nor JSON by its name and its first bytes";
                return Err(Fault::file(SkipReason::UnknownKind, detail));
            }
        };
        Ok(Self { reader, record: 0, ended: false })
    }

    /// The number of the record that was read last, from 1.
    pub(super) fn record(&self) -> u64 {
        match &self.reader {
            // Lines are counted where they are read, since empty ones count.
            Reader::Rows(rows) => rows.record,
            _ => self.record,
        }
    }

    /// Whether the file is one page.
    pub(super) fn is_page(&self) -> bool {
        matches!(self.reader, Reader::One { .. })
    }

    /// The next record.
    pub(super) fn next(&mut self) -> Next {
        if self.ended {
            return Next::End;
        }
        self.record += 1;
        let next = match &mut self.reader {
            Reader::One { from, kind, limits } => {
                self.ended = true;
                return Next::Document(one(from, *kind, limits));
            }
            Reader::Warc(warc) => match warc.next() {
                None => Next::End,
                Some(Record::Other) => Next::Other,
                Some(Record::Document(document)) => Next::Document(document),
            },
            Reader::Rows(rows) => rows.next().map_or(Next::End, Next::Document),
        };
        self.ended = match &next {
            Next::End => true,
            Next::Document(Err(fault)) => fault.scope == Scope::File,
            _ => false,
        };
        next
    }
}

fn one(from: &mut Stream, kind: Kind, limits: &Limits) -> Result<Raw, Fault> {
    let mut bytes = Vec::new();
    read_at_most(from, &mut bytes, limits.page_bytes as u64 + 1)?;
    let body = match kind {
        Kind::Html => Body::Html { bytes, content_type: None },
        _ => Body::Plain { bytes, content_type: None },
    };
    let raw = Raw { url: None, title: None, body };
    raw.check(limits)?;
    Ok(raw)
}
