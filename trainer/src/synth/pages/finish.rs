//! From a record to a page.

use super::charset::decode;
use super::counts::{Fault, Skip, SkipReason};
use super::extract::main_text;
use super::language::language_of;
use super::limits::Limits;
use super::page::{ContentHash, Page, Position, Source};
use super::raw::{Body, Raw};
use super::stream::Outcome;

/// A record before its main text is looked for, or why there is none.
pub(super) struct Found {
    pub(super) source: Source,
    /// Where the stream stands behind it; `None` for a fault of what is no file of its own.
    pub(super) position: Option<Position>,
    pub(super) raw: Result<Raw, Fault>,
}

/// What became of a record, and where the stream stands behind it.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) position: Option<Position>,
    pub(super) repaired: bool,
}

/// Looks for the main text of a record.
pub(super) fn finish(found: Found, limits: &Limits) -> Done {
    let Found { source, position, raw } = found;
    match raw.and_then(|raw| page(raw, source.clone(), limits)) {
        Ok((page, repaired)) => Done { outcome: Outcome::Page(Box::new(page)), position, repaired },
        Err(Fault { reason, detail, .. }) => {
            Done { outcome: Outcome::Skipped(Skip { source, reason, detail }), position, repaired: false }
        }
    }
}

fn page(raw: Raw, source: Source, limits: &Limits) -> Result<(Page, bool), Fault> {
    let (own_url, own_title, paragraphs, repaired) = match raw.body {
        Body::Html { bytes, content_type } => {
            let decoded = decode(bytes, content_type.as_deref())?;
            let found = main_text(&decoded.text, limits)?;
            (found.url, found.title, found.paragraphs, decoded.repaired)
        }
        Body::Plain { bytes, content_type } => {
            let decoded = decode(bytes, content_type.as_deref())?;
            (None, None, paragraphs_of(&decoded.text), decoded.repaired)
        }
        Body::Text { text, repaired } => (None, None, paragraphs_of(&text), repaired),
    };
    if !paragraphs.iter().any(|paragraph| paragraph.chars().any(char::is_alphanumeric)) {
        return Err(Fault::record(SkipReason::NoMainText, "no letter and no digit"));
    }
    let page = Page {
        url: raw.url.or(own_url),
        source,
        content_hash: ContentHash::of(&paragraphs),
        title: raw.title.or(own_title),
        language: language_of(&paragraphs),
        paragraphs,
    };
    Ok((page, repaired))
}

/// Paragraphs of plain text: what stands between empty lines, or the lines when there are no empty ones, as in WET files.
fn paragraphs_of(text: &str) -> Vec<String> {
    let clean: String =
        text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control() && *c != '\u{feff}').collect();
    let mut paragraphs = vec![String::new()];
    for line in clean.lines() {
        let last = paragraphs.last_mut().filter(|last| !last.is_empty());
        match (line.trim().is_empty(), last) {
            (true, Some(_)) => paragraphs.push(String::new()),
            (true, None) => {}
            (false, Some(last)) => {
                last.push('\n');
                last.push_str(line.trim_end());
            }
            (false, None) => paragraphs.last_mut().into_iter().for_each(|new| new.push_str(line.trim_end())),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    if let [only] = &paragraphs[..] {
        return only.lines().map(str::to_owned).collect();
    }
    paragraphs
}
