//! What can be told of a page without parsing it: scripts, styles and comments go, and its cost is reckoned.
//!
//! More than half of a page's bytes are scripts, styles and drawings. They are passed over by a scan for `<`, which is
//! some twenty times as fast as a parser. The same scan refuses pages that would cost a parser far more than their size
//! says: deep nesting, and formatting elements left open, which HTML's rules copy into every paragraph that follows.

use super::counts::{Fault, SkipReason};
use super::limits::Limits;

/// Elements whose content is never the page's text.
const DROPPED: [&str; 8] = ["script", "style", "svg", "noscript", "template", "iframe", "canvas", "object"];
/// Elements that close themselves, or each other, so that they do not nest.
const FLAT: [&str; 26] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr", "p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "colgroup",
];
/// Elements that the parser opens again in every block for as long as they are open.
const FORMATTING: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];

/// The most attributes of a tag, about; one with more is dropped.
const PARTS: usize = 1024;
/// The longest run of text with entities that is left in one piece, about, in bytes.
const RUN: usize = 4096;

/// The page without scripts, styles, comments and the like.
///
/// # Errors
/// [`SkipReason::TooComplex`] when it has more tags or deeper nesting than the limits allow.
pub(super) fn strip(html: &str, limits: &Limits) -> Result<String, Fault> {
    let mut kept = String::with_capacity(html.len() / 2);
    let mut cost = Cost::default();
    let mut rest = html;
    let mut comments = true;
    while let Some(at) = memchr::memchr(b'<', rest.as_bytes()) {
        push_text(&mut kept, &rest[..at]);
        let tag = &rest[at..];
        if let Some(comment) = tag.strip_prefix("<!--") {
            // A comment without an end: what looks like its tag is dropped, the page is not. That none ends is found out
            // once, not for each.
            let end = if comments { memchr::memmem::find(comment.as_bytes(), b"-->") } else { None };
            comments = end.is_some();
            rest = end.map_or(comment, |end| &comment[end + 3..]);
            continue;
        }
        let Some(name) = name_of(tag) else {
            kept.push('<');
            rest = &tag[1..];
            continue;
        };
        let (end, parts) = tag_end(tag);
        if parts > PARTS {
            // The parser compares every attribute with every other.
            rest = &tag[end..];
            continue;
        }
        if !name.closes && DROPPED.iter().any(|dropped| name.text.eq_ignore_ascii_case(dropped)) {
            // A space, since what stood on both sides must not become one word.
            kept.push(' ');
            rest =
                if tag[..end].ends_with("/>") { &tag[end..] } else { behind_element(&tag[end..], name.text) };
            continue;
        }
        cost.add(&name, limits)?;
        kept.push_str(&tag[..end]);
        rest = &tag[end..];
    }
    push_text(&mut kept, rest);
    Ok(kept)
}

/// Adds a run of text, with an empty comment every few thousand bytes when it has entities: the parser adds each entity
/// to the run before it by copying the run, which takes hours for a megabyte of them.
fn push_text(kept: &mut String, text: &str) {
    let mut rest = text;
    while rest.len() > RUN {
        let Some(entity) = memchr::memchr(b'&', &rest.as_bytes()[RUN..]) else { break };
        let (run, behind) = rest.split_at(RUN + entity);
        kept.push_str(run);
        kept.push_str("<!---->");
        rest = behind;
    }
    kept.push_str(rest);
}

struct Name<'a> {
    text: &'a str,
    closes: bool,
}

/// The name of the tag that starts here, if it is one.
fn name_of(tag: &str) -> Option<Name<'_>> {
    let (closes, text) = match tag[1..].strip_prefix('/') {
        Some(text) => (true, text),
        None => (false, &tag[1..]),
    };
    let end = text.bytes().position(|b| !b.is_ascii_alphanumeric() && b != b'-').unwrap_or(text.len());
    text.as_bytes().first()?.is_ascii_alphabetic().then(|| Name { text: &text[..end], closes })
}

/// Behind the `>` that ends the tag, of which one inside a quoted value does not; and how many attributes it may have.
fn tag_end(tag: &str) -> (usize, usize) {
    let bytes = tag.as_bytes();
    let mut at = 1;
    let mut value = false;
    let mut parts = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'>' => return (at + 1, parts),
            b'=' => value = true,
            quote @ (b'"' | b'\'') if value => {
                // A quote that never ends is taken as a letter, or it would swallow the page.
                if let Some(length) = memchr::memchr(quote, &bytes[at + 1..]) {
                    at += 1 + length;
                }
                value = false;
                parts += 1;
            }
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'/' => {
                // One for each run of them.
                parts += usize::from(
                    at > 0 && !matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'/'),
                );
            }
            _ => value = false,
        }
        at += 1;
    }
    (bytes.len(), parts)
}

/// Behind the closing tag of an element; when it has none, behind the page.
fn behind_element<'a>(rest: &'a str, name: &str) -> &'a str {
    let bytes = rest.as_bytes();
    for at in memchr::memchr_iter(b'<', bytes) {
        let after = &bytes[at + 1..];
        let closes = after.first() == Some(&b'/')
            && after.get(1..=name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
            && after.get(1 + name.len()).is_none_or(|b| !b.is_ascii_alphanumeric());
        if closes {
            return &rest[at + tag_end(&rest[at..]).0..];
        }
    }
    ""
}

/// What the tags so far cost a parser.
#[derive(Default)]
struct Cost {
    tags: usize,
    nodes: usize,
    depth: usize,
    formatting: usize,
}

impl Cost {
    fn add(&mut self, name: &Name<'_>, limits: &Limits) -> Result<(), Fault> {
        let is_in = |names: &[&str]| names.iter().any(|known| name.text.eq_ignore_ascii_case(known));
        let formatting = is_in(&FORMATTING);
        self.tags += 1;
        if name.closes {
            self.depth = self.depth.saturating_sub(usize::from(!is_in(&FLAT)));
            self.formatting = self.formatting.saturating_sub(usize::from(formatting));
        } else {
            self.nodes += 1 + if formatting { 0 } else { self.formatting };
            self.depth += usize::from(!is_in(&FLAT));
            self.formatting += usize::from(formatting);
        }
        let refuse = |what| Err(Fault::record(SkipReason::TooComplex, what));
        if self.tags > limits.tags {
            return refuse(format!("more than {} tags", limits.tags));
        }
        if self.depth > limits.depth {
            return refuse(format!("elements more than {} deep", limits.depth));
        }
        if self.nodes > limits.tags.saturating_mul(5) {
            return refuse(format!("{} elements are left open at once", self.formatting));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(html: &str) -> String {
        strip(html, &Limits::default()).expect("simple")
    }

    #[test]
    fn what_is_no_text_goes() {
        assert_eq!(stripped("a<script>if (a<b) '<p>'</SCRIPT >b"), "a b");
        assert_eq!(stripped("a<!-- <p> -->b<!--> c"), "ab> c");
        assert_eq!(stripped("<p title='a>b<script>'>x</p>"), "<p title='a>b<script>'>x</p>");
        assert_eq!(stripped("1 < 2 <p>don't</p>"), "1 < 2 <p>don't</p>");
        assert_eq!(stripped("<svg/>a<style>never ends"), " a ");
        assert_eq!(stripped("<scripted>a</scripted>"), "<scripted>a</scripted>");
    }

    #[test]
    fn what_costs_too_much_is_refused() {
        let limits = Limits { tags: 1000, depth: 50, ..Limits::default() };
        let reason = |html: &str| strip(html, &limits).map_err(|fault| fault.reason);
        assert!(reason(&"<div>".repeat(50)).is_ok());
        assert_eq!(reason(&"<div>".repeat(51)), Err(SkipReason::TooComplex));
        assert!(reason(&"<p>a".repeat(1000)).is_ok());
        assert_eq!(reason(&"<p>a".repeat(1001)), Err(SkipReason::TooComplex));
        assert_eq!(reason(&("<b>".repeat(40) + &"<p>".repeat(200))), Err(SkipReason::TooComplex));
    }
}
