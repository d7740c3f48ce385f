//! A document as it was found, before its main text is looked for.

use super::counts::{Fault, SkipReason};
use super::limits::Limits;

/// A document and what its container says of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) url: Option<String>,
    pub(super) title: Option<String>,
    pub(super) body: Body,
}

/// The document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// HTML in a character set still to be found.
    Html { bytes: Vec<u8>, content_type: Option<String> },
    /// Plain text in a character set still to be found.
    Plain { bytes: Vec<u8>, content_type: Option<String> },
    /// Main text that somebody else has extracted.
    Text { text: String, repaired: bool },
}

impl Raw {
    /// A body that its content type, or else its first bytes, tell to be HTML or plain text.
    ///
    /// # Errors
    /// [`SkipReason::NotText`] when it is neither, [`SkipReason::TooLarge`] when it is larger than a page may be.
    pub(super) fn of_type(
        bytes: Vec<u8>,
        content_type: Option<String>,
        url: Option<String>,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let body = match media_type(content_type.as_deref(), &bytes) {
            Media::Html => Body::Html { bytes, content_type },
            Media::Plain => Body::Plain { bytes, content_type },
            Media::Other => {
                let named = content_type.unwrap_or_else(|| "no content type, and binary".into());
                return Err(Fault::record(SkipReason::NotText, named));
            }
        };
        let raw = Self { url, title: None, body };
        raw.check(limits)?;
        Ok(raw)
    }

    /// The same document at another address, when there is one.
    pub(super) fn at(self, url: Option<String>) -> Self {
        Self { url: url.or(self.url), ..self }
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> usize {
        match &self.body {
            Body::Html { bytes, .. } | Body::Plain { bytes, .. } => bytes.len(),
            Body::Text { text, .. } => text.len(),
        }
    }

    /// Refuses a document larger than a page may be.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), Fault> {
        if self.bytes() > limits.page_bytes {
            return Err(Fault::record(
                SkipReason::TooLarge,
                format!("a page of more than {} bytes", limits.page_bytes),
            ));
        }
        Ok(())
    }
}

enum Media {
    Html,
    Plain,
    Other,
}

fn media_type(content_type: Option<&str>, bytes: &[u8]) -> Media {
    let named = content_type.map(|t| t.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match named.as_deref() {
        // Whatever its name: a picture, or what is compressed once more.
        _ if looks_binary(bytes) => Media::Other,
        Some("text/html" | "application/xhtml+xml") => Media::Html,
        Some("text/plain") => Media::Plain,
        None | Some("" | "application/octet-stream" | "unknown/unknown") => {
            if looks_like_html(bytes) {
                Media::Html
            } else if named.is_some_and(|name| !name.is_empty()) {
                Media::Other
            } else {
                Media::Plain
            }
        }
        Some(_) => Media::Other,
    }
}

/// Whether the first bytes are those of a page.
pub(super) fn looks_like_html(bytes: &[u8]) -> bool {
    let head = bytes[..bytes.len().min(1024)].to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    let start = head.trim_start_matches('\u{feff}').trim_start();
    ["<!doctype html", "<html", "<head", "<body"].iter().any(|mark| start.starts_with(mark))
        || start.starts_with('<') && (head.contains("<html") || head.contains("<!doctype html"))
}

/// Whether there are zero bytes in what is no UTF-16.
pub(super) fn looks_binary(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(2048)];
    memchr::memchr(0, head).is_some() && encoding_rs::Encoding::for_bom(head).is_none()
}
