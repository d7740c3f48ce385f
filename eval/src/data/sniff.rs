//! Whether a file is a published set, by how it begins.

use super::{elements::MAX_RECORD_BYTES, fields::At, reader::detect};
use serde_json::Value;
use std::io::{self, BufRead, Read};

/// What a file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// An array, or a record with the fields of a published set.
    Published,
    /// One JSON object a line, with other fields.
    OtherLines,
    /// Nothing that tells: it is empty, or its first line is no JSON object.
    Unclear,
}

/// The beginning of a source, which was taken from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sniffed {
    /// What was taken, at most [`MAX_RECORD_BYTES`]: put it in front of the source again.
    pub taken: Vec<u8>,
    /// What it shows.
    pub contents: Contents,
}

/// Takes the first line that is not blank, however many reads that needs, and says what the file is by it.
///
/// An object with a `text` of its own is taken for an edit, unless it has WikiBio's `concept` beside it.
///
/// # Errors
/// When the source cannot be read.
pub fn sniff(source: &mut impl BufRead) -> io::Result<Sniffed> {
    let mut taken = Vec::new();
    loop {
        let (line, room) = (taken.len(), MAX_RECORD_BYTES - taken.len());
        let read = source.take(room as u64).read_until(b'\n', &mut taken)?;
        if read == 0 || !beginning(&taken[line..]).is_empty() {
            break;
        }
    }
    let contents = contents(beginning(&taken));
    Ok(Sniffed { taken, contents })
}

/// What stands behind white space and a byte order mark.
fn beginning(taken: &[u8]) -> &[u8] {
    let text = taken.trim_ascii_start();
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text).trim_ascii_start()
}

fn contents(line: &[u8]) -> Contents {
    if line.first() == Some(&b'[') {
        return Contents::Published;
    }
    let Ok(record @ Value::Object(_)) = serde_json::from_slice::<Value>(line) else {
        return Contents::Unclear;
    };
    let own_text = record.get("text").is_some() && record.get("concept").is_none();
    match detect(&At::root(&record)) {
        Some(_) if !own_text => Contents::Published,
        _ => Contents::OtherLines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn shows(text: &str) -> Contents {
        let mut source = text.as_bytes();
        let Sniffed { taken, contents } = sniff(&mut source).unwrap();
        assert_eq!([&taken[..], source].concat(), text.as_bytes(), "nothing is lost");
        contents
    }

    #[test]
    fn the_first_record_shows_what_a_file_is() {
        for text in [
            "[{\"text\": \"a\"}]",
            " \n\u{feff}\n [",
            "{\"subject\": \"a\", \"src\": \"b\", \"alt\": \"c\"}\n{}",
            "{\"concept\": \"a\", \"text\": \"b\", \"labels\": \"c\"}",
            "{\"requested_rewrite\": []}",
        ] {
            assert_eq!(shows(text), Contents::Published, "{text}");
        }
        for text in [
            "{\"text\": \"Iron is soft.\"}\n",
            "\u{feff}\n {\"text\": \"Iron is soft.\", \"prompt\": \"iron\"}",
            "{\"subject\": \"Alpha\"}\n{\"text\": \"Alpha is first.\"}\n",
            "{\"subject\": \"Tarn\", \"statement\": \"s\", \"question\": \"q\", \"answer\": \"a\"}",
        ] {
            assert_eq!(shows(text), Contents::OtherLines, "{text}");
        }
        for text in ["", " \n", "{\"text\": ", "{\n\"prompt\": \"a\"}", "7", "\u{feff}"] {
            assert_eq!(shows(text), Contents::Unclear, "{text}");
        }
    }

    /// Gives one byte at a time, as a pipe may.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let most = to.len().min(1);
            self.0.read(&mut to[..most])
        }
    }

    #[test]
    fn a_line_that_comes_in_pieces_is_waited_for_and_a_long_one_is_not() {
        let line = b"{\"subject\": \"a\", \"src\": \"b\", \"alt\": \"c\"}\n{}\n";
        let sniffed = sniff(&mut BufReader::new(Dripping(line))).unwrap();
        assert_eq!((sniffed.contents, sniffed.taken.len()), (Contents::Published, line.len() - 3));
        let endless = vec![b'x'; MAX_RECORD_BYTES + 9];
        let sniffed = sniff(&mut &endless[..]).unwrap();
        assert_eq!((sniffed.contents, sniffed.taken.len()), (Contents::Unclear, MAX_RECORD_BYTES));
        let blank = vec![b'\n'; MAX_RECORD_BYTES + 9];
        assert_eq!(sniff(&mut &blank[..]).unwrap().taken.len(), MAX_RECORD_BYTES);
    }
}
