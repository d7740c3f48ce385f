//! The heads of WARC records and HTTP responses: a first line, then `name: value` lines up to an empty one.
//!
//! They are read leniently: what servers sent is stored as it was, and a page with one odd header is still a page.

use super::counts::{Fault, SkipReason};
use super::lines::{Line, read_line};
use std::io::BufRead;

/// The most bytes of a head.
const HEAD_BYTES: usize = 256 << 10;

/// A head that was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The first line, without its end.
    pub(super) first: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// The first value of a field, whatever the case of its name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Reads a head whose first line has been read, up to and with the empty line.
    ///
    /// # Errors
    /// A fault of the file when it ends inside the head, of the record when the head is longer than 256 KiB.
    pub(super) fn read(first: &[u8], from: &mut impl BufRead) -> Result<Self, Fault> {
        let mut head = Self { first: text(first), fields: Vec::new() };
        let mut budget = HEAD_BYTES;
        let mut line = Vec::new();
        loop {
            match read_line(from, &mut line, budget)? {
                Line::End => {
                    return Err(Fault::file(SkipReason::Truncated, "the file ends inside a record's head"));
                }
                Line::TooLong => {
                    return Err(Fault::record(SkipReason::Malformed, "a head longer than 256 KiB"));
                }
                Line::Whole => {}
            }
            budget = budget.saturating_sub(line.len() + 2);
            if line.is_empty() {
                return Ok(head);
            }
            head.field(&text(&line));
        }
    }

    /// Takes a head off the front of a body; what is left is the payload. A body without an empty line is all head.
    pub(super) fn split(body: &[u8]) -> (Self, &[u8]) {
        let mut head = Self::default();
        let mut rest = body;
        let mut first = true;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let (line, next) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
            rest = next;
            let line = line.trim_ascii_end();
            if line.is_empty() {
                break;
            }
            if std::mem::take(&mut first) {
                head.first = text(line);
            } else {
                head.field(&text(line));
            }
        }
        (head, rest)
    }

    fn field(&mut self, line: &str) {
        // A line that starts with a blank goes on with the value before it.
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = self.fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            self.fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_values_may_go_on() {
        let (head, rest) = Head::split(
            b"HTTP/1.1 200 OK\r\nContent-TYPE: text/html;\r\n charset=utf-8\r\nodd line\r\n\r\nbody\r\n",
        );
        assert_eq!(head.first, "HTTP/1.1 200 OK");
        assert_eq!(head.get("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(head.get("odd line"), None);
        assert_eq!(rest, b"body\r\n");
    }

    #[test]
    fn a_head_that_ends_early_or_never_is_a_fault() {
        let ended = Head::read(b"WARC/1.0", &mut &b"a: b\r\n"[..]).expect_err("truncated");
        assert_eq!(ended.reason, SkipReason::Truncated);
        let endless = vec![b'x'; HEAD_BYTES + 10];
        let fault = Head::read(b"WARC/1.0", &mut endless.as_slice()).expect_err("too long");
        assert_eq!(fault.reason, SkipReason::Malformed);
    }
}
