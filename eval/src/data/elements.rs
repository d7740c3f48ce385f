//! Cuts a file into the texts of its records without holding more than one.

use super::issue::DataError;
use std::io::{BufRead, ErrorKind};

/// The longest record that is read, in bytes. The longest published ones have some tens of thousands.
pub const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;

/// The text of one record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// As it stands in the file.
    Text(Vec<u8>),
    /// Longer than [`MAX_RECORD_BYTES`]; skipped.
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Array,
    Lines,
}

/// The records of an array, or of lines.
#[derive(Debug)]
pub(crate) struct Elements<R> {
    file: String,
    source: R,
    layout: Option<Layout>,
    offset: u64,
    /// Records so far.
    read: usize,
    /// Of these, in the array that is being read.
    in_array: usize,
    ended: bool,
}

/// Collects a record's bytes up to the limit.
struct Collector {
    bytes: Vec<u8>,
    over: bool,
}

impl Collector {
    fn new() -> Self {
        Self { bytes: Vec::new(), over: false }
    }

    fn push(&mut self, byte: u8) {
        match self.bytes.len() < MAX_RECORD_BYTES {
            true => self.bytes.push(byte),
            false => self.over = true,
        }
    }

    fn finish(self) -> Element {
        if self.over { Element::TooLong } else { Element::Text(self.bytes) }
    }
}

/// How deep in brackets and strings the bytes of an array's item are.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
    begun: bool,
}

impl Nesting {
    /// Whether this byte lies behind the item.
    fn ends_before(&self, byte: u8) -> bool {
        self.depth == 0 && !self.in_string && (byte == b',' || byte == b']')
    }

    /// Whether this byte, just stepped over, closes the item.
    fn ends_with(&self, byte: u8) -> bool {
        self.depth == 0 && !self.in_string && matches!(byte, b'}' | b']' | b'"')
    }

    fn step(&mut self, byte: u8) {
        self.begun = true;
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

impl<R: BufRead> Elements<R> {
    pub(crate) fn new(file: String, source: R) -> Self {
        Self { file, source, layout: None, offset: 0, read: 0, in_array: 0, ended: false }
    }

    fn peek(&mut self) -> Result<Option<u8>, DataError> {
        loop {
            match self.source.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(DataError::Io { file: self.file.clone(), source }),
            }
        }
    }

    fn bump(&mut self) {
        self.source.consume(1);
        self.offset += 1;
    }

    fn skip_space(&mut self) -> Result<Option<u8>, DataError> {
        loop {
            match self.peek()? {
                Some(byte) if byte.is_ascii_whitespace() => self.bump(),
                next => return Ok(next),
            }
        }
    }

    fn broken(&self, reason: &'static str) -> DataError {
        DataError::BrokenArray { file: self.file.clone(), offset: self.offset, read: self.read, reason }
    }

    /// Reads up to the first record, of the file or behind an array. A byte order mark, which some editors write, is
    /// skipped.
    fn begin(&mut self) -> Result<Option<Layout>, DataError> {
        let first = self.offset == 0;
        self.skip_space()?;
        for byte in [0xEF, 0xBB, 0xBF] {
            if self.peek()? == Some(byte) {
                self.bump();
            }
        }
        match self.skip_space()? {
            None => Ok(None),
            Some(b'[') => {
                self.bump();
                self.in_array = 0;
                Ok(Some(Layout::Array))
            }
            Some(b'{') => Ok(Some(Layout::Lines)),
            Some(byte) if first => {
                Err(DataError::NotRecords { file: self.file.clone(), found: char::from(byte) })
            }
            Some(byte) => Err(DataError::AfterArray {
                file: self.file.clone(),
                offset: self.offset,
                read: self.read,
                found: char::from(byte),
            }),
        }
    }

    fn step(&mut self) -> Result<Option<Element>, DataError> {
        loop {
            if self.layout.is_none() {
                self.layout = self.begin()?;
            }
            let element = match self.layout {
                None => return Ok(None),
                Some(Layout::Array) => self.item()?,
                Some(Layout::Lines) => self.line()?,
            };
            match (&element, self.layout) {
                // Files put end to end have more behind an array.
                (None, Some(Layout::Array)) => self.layout = None,
                _ => {
                    self.read += usize::from(element.is_some());
                    self.in_array += usize::from(element.is_some());
                    return Ok(element);
                }
            }
        }
    }

    /// The next record of an array; `None` behind its closing bracket.
    fn item(&mut self) -> Result<Option<Element>, DataError> {
        match self.skip_space()? {
            Some(b']') => return Ok(self.close()),
            Some(b',') if self.in_array > 0 => {
                self.bump();
                // A comma before the closing bracket is not JSON, and is what hand-made files have: all is read by then.
                if self.skip_space()? == Some(b']') {
                    return Ok(self.close());
                }
            }
            Some(_) if self.in_array > 0 => {
                return Err(self.broken("a comma or a closing bracket must follow"));
            }
            Some(_) => {}
            None => return Err(self.broken("the file ends before the closing bracket")),
        }
        let (mut collected, mut nesting) = (Collector::new(), Nesting::default());
        loop {
            let Some(byte) = self.peek()? else { return Err(self.broken("the file ends inside a record")) };
            if nesting.ends_before(byte) {
                break;
            }
            nesting.step(byte);
            collected.push(byte);
            self.bump();
            if nesting.ends_with(byte) {
                break;
            }
        }
        match nesting.begun {
            true => Ok(Some(collected.finish())),
            false => Err(self.broken("a record must stand between two commas")),
        }
    }

    /// Steps over the closing bracket.
    fn close(&mut self) -> Option<Element> {
        self.bump();
        None
    }

    fn line(&mut self) -> Result<Option<Element>, DataError> {
        if self.skip_space()?.is_none() {
            return Ok(None);
        }
        let mut collected = Collector::new();
        while let Some(byte) = self.peek()? {
            self.bump();
            if byte == b'\n' {
                break;
            }
            collected.push(byte);
        }
        Ok(Some(collected.finish()))
    }
}

impl<R: BufRead> Iterator for Elements<R> {
    type Item = Result<Element, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let element = self.step().transpose();
        self.ended = !matches!(element, Some(Ok(_)));
        element
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    fn cut(text: &str, buffer: usize) -> Result<Vec<String>, DataError> {
        let source = BufReader::with_capacity(buffer, text.as_bytes());
        let texts = Elements::new("f".to_owned(), source).map(|element| match element? {
            Element::Text(bytes) => {
                Ok(String::from_utf8(bytes).expect("the tests write UTF-8").trim().to_owned())
            }
            Element::TooLong => Ok("too long".to_owned()),
        });
        texts.collect()
    }

    #[test]
    fn brackets_and_commas_in_strings_do_not_cut() {
        let array = r#"  [ {"a": "],}{[\"\\"} , [1,[2]], "x,]" ,3 ] "#;
        assert_eq!(cut(array, 3).unwrap(), [r#"{"a": "],}{[\"\\"}"#, "[1,[2]]", r#""x,]""#, "3"]);
        assert_eq!(cut("\u{feff}{\"a\":1}\n\n  {\"b\":\r\n", 2).unwrap(), [r#"{"a":1}"#, r#"{"b":"#]);
        assert_eq!(cut("[{},]", 9).unwrap(), ["{}"]);
        assert!(cut("", 9).unwrap().is_empty() && cut("[]", 9).unwrap().is_empty());
    }

    #[test]
    fn a_broken_file_says_where() {
        let say = |text: &str| cut(text, 5).unwrap_err().to_string();
        assert_eq!(
            say("hello"),
            "failed to read f: it begins with 'h'; it must be a JSON array of objects, or one JSON object a line"
        );
        assert_eq!(
            say("[{}, {"),
            "failed to read f: the array is broken at byte 6, after 1 records: the file ends inside a record"
        );
        assert_eq!(
            say("[{} ,, {}]"),
            "failed to read f: the array is broken at byte 5, after 1 records: a record must stand between two commas"
        );
        assert!(say("[{}").contains("before the closing bracket"));
    }

    #[test]
    fn what_follows_an_array_is_read_or_named() {
        for (text, read) in [
            ("[{}] \n\t", &["{}"][..]),
            ("[1, 2,]\n[3]", &["1", "2", "3"]),
            ("[1][][ ]\u{feff}[2]", &["1", "2"]),
            ("[1]\n{\"a\":2}\n{\"a\":3}\n", &["1", "{\"a\":2}", "{\"a\":3}"]),
            ("[] {\"a\":2}", &["{\"a\":2}"]),
        ] {
            for buffer in [1, 9] {
                assert_eq!(cut(text, buffer).unwrap(), read, "{text}");
            }
        }
        let error = cut("[{}, {}] , {}", 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to read f: the array ends before byte 9, after 2 records, and ',' follows; only another array or one JSON object a line may"
        );
        assert!(matches!(cut("[]]", 3), Err(DataError::AfterArray { offset: 2, found: ']', .. })));
        assert!(matches!(cut(" x", 3), Err(DataError::NotRecords { found: 'x', .. })));
    }

    #[test]
    fn a_record_that_is_too_long_is_skipped() {
        let long = "x".repeat(MAX_RECORD_BYTES);
        assert_eq!(cut(&format!("[1, \"{long}\", 2]"), 4096).unwrap(), ["1", "too long", "2"]);
        assert_eq!(cut(&format!("{{\n{{{long}\n{{}}"), 4096).unwrap(), ["{", "too long", "{}"]);
    }

    proptest! {
        #[test]
        fn any_bytes_end(text in ".{0,200}", buffer in 1usize..20) {
            let lead = ["", "[", "{", "[{"];
            for lead in lead {
                let _ = cut(&format!("{lead}{text}"), buffer);
            }
        }

        #[test]
        fn arrays_and_lines_cut_alike(texts in prop::collection::vec("[^\\x00]{0,20}", 1..8), buffer in 1usize..50) {
            let records: Vec<String> =
                texts.iter().map(|text| serde_json::json!({ "a": text, "b": [text] }).to_string()).collect();
            let array = format!("[{}]", records.join(" ,\n"));
            prop_assert_eq!(&cut(&array, buffer).unwrap(), &records);
            prop_assert_eq!(&cut(&records.join("\n"), buffer).unwrap(), &records);
        }
    }
}
