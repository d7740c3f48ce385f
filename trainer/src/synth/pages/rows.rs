//! Rows of JSON files: one object a line, or an array of objects, one at a time in constant memory.

use super::counts::{Fault, SkipReason};
use super::limits::Limits;
use super::lines::{Line, filled, read_line};
use super::raw::{Body, Raw, looks_like_html};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::BufRead;

/// How a file's rows are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// One a line.
    Lines,
    /// One JSON value after the other, in an array or not.
    Values,
}

/// The fields that are looked at. What the others hold does not matter, nor what kind of value these hold.
#[derive(Deserialize)]
struct Row<'a> {
    // In this order: `webpage` is WebR's, `raw_content` RedPajama's and CCNet's.
    #[serde(borrow)]
    webpage: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    raw_content: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    html: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
}

/// Reads rows from a stream.
pub(super) struct Rows<R> {
    from: R,
    limits: Limits,
    layout: Layout,
    row: Vec<u8>,
    /// Rows so far; with [`Layout::Lines`] the lines so far, empty ones too.
    pub(super) record: u64,
    ended: bool,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn new(from: R, layout: Layout, limits: Limits) -> Self {
        Self { from, limits, layout, row: Vec::new(), record: 0, ended: false }
    }

    /// The next row; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Option<Result<Raw, Fault>> {
        let framed = match self.layout {
            Layout::Lines => self.line(),
            Layout::Values => self.value(),
        };
        match framed {
            Ok(false) => None,
            Ok(true) => Some(row(&self.row, &self.limits)),
            Err(fault) => Some(Err(fault)),
        }
    }

    fn line(&mut self) -> Result<bool, Fault> {
        loop {
            let kind = read_line(&mut self.from, &mut self.row, self.limits.row_bytes)?;
            self.record += u64::from(kind != Line::End);
            match kind {
                Line::End => return Ok(false),
                Line::TooLong => return Err(too_long(&self.limits)),
                Line::Whole if self.row.trim_ascii().is_empty() => {}
                Line::Whole => return Ok(true),
            }
        }
    }

    /// Frames the next value by its brackets and quotes.
    fn value(&mut self) -> Result<bool, Fault> {
        self.row.clear();
        if self.ended || !self.seek_value()? {
            return Ok(false);
        }
        self.record += 1;
        let mut scan = Scan::default();
        let mut whole = true;
        loop {
            let chunk = filled(&mut self.from)?;
            if chunk.is_empty() {
                self.ended = true;
                // A number at the end of the file is whole, everything else that is open is not.
                if scan.depth == 0 && !scan.quoted {
                    return Ok(true);
                }
                return Err(Fault::file(SkipReason::Truncated, "the file ends inside a value"));
            }
            let (length, ended) = scan.over(chunk);
            if whole && self.row.len() + length <= self.limits.row_bytes {
                self.row.extend_from_slice(&chunk[..length]);
            } else {
                whole = false;
            }
            self.from.consume(length);
            if ended {
                return if whole { Ok(true) } else { Err(too_long(&self.limits)) };
            }
        }
    }

    /// Moves to the first byte of the next value.
    fn seek_value(&mut self) -> Result<bool, Fault> {
        loop {
            let chunk = filled(&mut self.from)?;
            if chunk.is_empty() {
                self.ended = true;
                return Ok(false);
            }
            let between =
                |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | b'[' | b']' | 0xef | 0xbb | 0xbf);
            let length = chunk.iter().take_while(|b| between(b)).count();
            let found = length < chunk.len();
            self.from.consume(length);
            if found {
                return Ok(true);
            }
        }
    }
}

fn too_long(limits: &Limits) -> Fault {
    Fault::record(SkipReason::TooLarge, format!("a row of more than {} bytes", limits.row_bytes))
}

/// Where a value ends.
#[derive(Default)]
struct Scan {
    depth: usize,
    quoted: bool,
    escaped: bool,
}

impl Scan {
    /// How many bytes of the chunk belong to the value, and whether it ends there.
    fn over(&mut self, chunk: &[u8]) -> (usize, bool) {
        for (at, byte) in chunk.iter().enumerate() {
            if self.quoted {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.quoted = false;
                        if self.depth == 0 {
                            return (at + 1, true);
                        }
                    }
                    // No string goes over a line: a cut row ends here, and the next one is whole.
                    b'\n' => return (at, true),
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.quoted = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth <= 1 => {
                    let own = usize::from(self.depth == 1);
                    // At least a byte, or the same one would be looked at for ever.
                    return ((at + own).max(1), true);
                }
                b'}' | b']' => self.depth -= 1,
                b',' | b'\n' if self.depth == 0 => return (at, true),
                _ => {}
            }
        }
        (chunk.len(), false)
    }
}

fn row(bytes: &[u8], limits: &Limits) -> Result<Raw, Fault> {
    let bytes = bytes.trim_ascii().strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let json = String::from_utf8_lossy(bytes);
    let repaired = matches!(json, std::borrow::Cow::Owned(_));
    let row: Row<'_> = serde_json::from_str(&json)
        .map_err(|error| Fault::record(SkipReason::Malformed, error.to_string()))?;
    let text = [row.webpage, row.text, row.raw_content, row.content, row.html].into_iter().find_map(string);
    let Some(text) = text else {
        let detail = "none of webpage, text, raw_content, content and html is a text";
        return Err(Fault::record(SkipReason::NoTextField, detail));
    };
    let body = if looks_like_html(text.as_bytes()) {
        Body::Html { bytes: text.into_bytes(), content_type: Some("text/html; charset=utf-8".into()) }
    } else {
        Body::Text { text, repaired }
    };
    let raw = Raw { url: string(row.url), title: string(row.title), body };
    raw.check(limits)?;
    Ok(raw)
}

fn string(value: Option<&RawValue>) -> Option<String> {
    let text = value?.get();
    text.starts_with('"')
        .then(|| serde_json::from_str::<String>(text).ok())?
        .filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn read(text: &[u8], layout: Layout, buffer: usize) -> Vec<Result<String, SkipReason>> {
        let limits = Limits { row_bytes: 60, ..Limits::default() };
        let mut rows = Rows::new(BufReader::with_capacity(buffer, text), layout, limits);
        let mut found = Vec::new();
        while let Some(row) = rows.next() {
            assert!(found.len() < text.len() + 1, "no end");
            let row = row.map_err(|fault| fault.reason);
            found.push(row.map(|raw| match raw.body {
                Body::Text { text, .. } => text,
                other => format!("{other:?}"),
            }));
        }
        found
    }

    #[test]
    fn lines_stand_each_for_itself() {
        let mut text = br#"{"text": "one", "url": 7}"#.to_vec();
        text.extend_from_slice(
            b"\n\n{\"text\": \"cut\n[1]\n{\"content\": {}, \"raw_content\": \"two\"}\r\n{\"id\": 3}\n",
        );
        text.extend_from_slice(format!("{{\"text\": \"{}\"}}\n", "x".repeat(60)).as_bytes());
        text.extend_from_slice(b"{\"webpage\": \"last\"}");
        let expected = [
            Ok("one".to_owned()),
            Err(SkipReason::Malformed),
            Err(SkipReason::Malformed),
            Ok("two".into()),
            Err(SkipReason::NoTextField),
            Err(SkipReason::TooLarge),
            Ok("last".into()),
        ];
        for buffer in [1, 7, 4096] {
            assert_eq!(read(&text, Layout::Lines, buffer), expected, "buffer {buffer}");
        }
    }

    #[test]
    fn values_of_an_array_are_framed_whatever_they_hold() {
        let text = "\u{feff}[ {\"webpage\": \"a ] } \\\" {\"},\n{\n \"text\": \"b\"\n}, 5, {\"text\": \"cut\n{\"text\": \"c\"}, [[]], {\"x\": \"";
        let expected = [
            Ok("a ] } \" {".to_owned()),
            Ok("b".into()),
            Err(SkipReason::Malformed),
            Err(SkipReason::Malformed),
            Ok("c".into()),
            Err(SkipReason::Truncated),
        ];
        for buffer in [1, 5, 4096] {
            let mut found = read(text.as_bytes(), Layout::Values, buffer);
            found.truncate(6);
            assert_eq!(found, expected, "buffer {buffer}");
        }
    }

    #[test]
    fn the_published_array_is_read() {
        let text =
            br#"[{"webpage": "A report", "author": "A clerk"}, {"webpage": "A letter", "author": "x"}]"#;
        assert_eq!(read(text, Layout::Values, 9), [Ok("A report".into()), Ok("A letter".into())]);
    }
}
