//! From bytes to text: which character set a page is in, and what of it is broken.

use super::counts::{Fault, SkipReason};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use regex::bytes::Regex;
use std::sync::LazyLock;

/// Where a page's own declaration is looked for, as browsers do, with room for long heads.
const PRESCAN: usize = 4096;

static META: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i-u)<(?:meta|\?xml)\b[^>]{0,400}?(?:charset|encoding)\s*=\s*["']?\s*([a-z0-9_:.-]{2,40})"#,
    )
    .expect("a fixed pattern")
});

/// Text and whether something in it had to be replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) repaired: bool,
}

/// Decodes a page: by its byte order mark, else by the `charset` of its `Content-Type`, else as UTF-8 when it is valid,
/// else as the page declares, else as Windows-1252, as browsers do for pages that say nothing. Valid UTF-8 goes before
/// the page's own word since what is wrongly declared is far more often UTF-8 than the other way round; the server's word
/// goes before both, as in the WHATWG's encoding standard.
///
/// # Errors
/// [`SkipReason::BrokenText`] when more than a tenth of the characters cannot be read.
pub(super) fn decode(bytes: Vec<u8>, content_type: Option<&str>) -> Result<Decoded, Fault> {
    let declared = content_type.and_then(charset_of).and_then(|label| Encoding::for_label(label.as_bytes()));
    if Encoding::for_bom(&bytes).is_none() && declared.is_none_or(|encoding| encoding == UTF_8) {
        return match String::from_utf8(bytes) {
            Ok(text) => Ok(Decoded { text, repaired: false }),
            Err(error) => by(declared.unwrap_or_else(|| own_word(error.as_bytes())), error.as_bytes()),
        };
    }
    by(declared.unwrap_or(UTF_8), &bytes)
}

/// What the page says of itself.
fn own_word(bytes: &[u8]) -> &'static Encoding {
    let head = &bytes[..bytes.len().min(PRESCAN)];
    let label = META.captures(head).and_then(|found| found.get(1));
    label.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(WINDOWS_1252)
}

fn by(encoding: &'static Encoding, bytes: &[u8]) -> Result<Decoded, Fault> {
    let (text, used, broken) = encoding.decode(bytes);
    if broken {
        let replaced = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
        if replaced * 10 > text.chars().count() {
            return Err(Fault::record(
                SkipReason::BrokenText,
                format!("{replaced} characters cannot be read as {}", used.name()),
            ));
        }
    }
    Ok(Decoded { text: text.into_owned(), repaired: broken })
}

/// The `charset` of a content type.
fn charset_of(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], content_type: Option<&str>) -> (String, bool) {
        let decoded = decode(bytes.to_vec(), content_type).expect("readable");
        (decoded.text, decoded.repaired)
    }

    #[test]
    fn the_character_set_is_found() {
        assert_eq!(text("é".as_bytes(), None), ("é".into(), false));
        assert_eq!(text(b"caf\xe9", None), ("café".into(), false));
        assert_eq!(text(b"\xcf\xf0\xe8", Some("text/html; Charset=\"windows-1251\"")), ("При".into(), false));
        let meta = b"<html><meta http-equiv=Content-Type content='text/html; charset=koi8-r'>\xf0\xd2\xc9";
        assert!(text(meta, None).0.ends_with("При"));
        assert_eq!(text(b"\xff\xfeh\x00i\x00", None), ("hi".into(), false));
        assert_eq!(text(b"\xa4\xb3\xa4\xf3", Some("text/html;charset=euc-jp")).0, "こん");
    }

    #[test]
    fn a_few_broken_characters_are_replaced_and_many_are_refused() {
        let mut some = b"a long enough text with one broken byte in it: ".to_vec();
        some.push(0xff);
        let (found, repaired) = text(&some, Some("text/html; charset=utf-8"));
        assert!(repaired && found.ends_with('\u{fffd}'));
        let fault = decode(vec![0xff; 50], Some("text/html; charset=utf-8")).expect_err("broken");
        assert_eq!(fault.reason, SkipReason::BrokenText);
    }
}
