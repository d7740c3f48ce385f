//! Cuts a stream into lines without holding more than one.

use crate::preference::{Flaw, Problem};
use serde_json::Value;
use std::io::{self, BufRead, Read};

/// The longest line that is read, in bytes.
pub const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;

/// The records of JSON lines, with their line from 1. Blank lines are passed over.
pub(super) struct Lines<R> {
    source: R,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, line: 0, buffer: Vec::new() }
    }

    /// The next line, whole or not; `None` at the end.
    fn read(&mut self) -> io::Result<Option<Result<(), Flaw>>> {
        self.buffer.clear();
        let most = MAX_RECORD_BYTES + 1;
        if self.source.by_ref().take(most as u64).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        if self.buffer.len() < most || self.buffer.ends_with(b"\n") {
            return Ok(Some(Ok(())));
        }
        self.skip_line()?;
        let problem = Problem::TooLong { bytes: self.buffer.len(), limit: MAX_RECORD_BYTES };
        self.buffer = Vec::new();
        Ok(Some(Err(Flaw::new("", problem))))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let held = self.source.fill_buf()?;
            let (used, done) = match held.iter().position(|&byte| byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (held.len(), held.is_empty()),
            };
            self.source.consume(used);
            if done {
                return Ok(());
            }
        }
    }

    fn parse(&self) -> Result<Value, Flaw> {
        let text = self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer);
        serde_json::from_slice(text).map_err(|e| {
            // The line that serde_json counts is one of this line's own, which means nothing to a reader.
            let said = e.to_string();
            let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
            Flaw::new("", Problem::Syntax(format!("{what}, at byte {}", e.column())))
        })
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<(u64, Result<Value, Flaw>)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read() {
                Err(error) => return Some(Err(error)),
                Ok(None) => return None,
                Ok(Some(Err(flaw))) => return Some(Ok((self.line, Err(flaw)))),
                Ok(Some(Ok(()))) if self.buffer.iter().all(u8::is_ascii_whitespace) => {}
                Ok(Some(Ok(()))) => return Some(Ok((self.line, self.parse()))),
            }
        }
    }
}
