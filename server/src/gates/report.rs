//! What a gate measured, in files: `gates/<id>/` of the data folder.

use std::str::FromStr;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// A page that stands alone.
    Html,
    /// For programs.
    Json,
    /// Text with tables.
    Markdown,
    /// For build servers.
    Junit,
}

/// A word that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a report's format is html, json, markdown or junit")]
pub struct UnknownFormat;

impl FromStr for ReportFormat {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        match word {
            "html" => Ok(Self::Html),
            "json" => Ok(Self::Json),
            "markdown" => Ok(Self::Markdown),
            "junit" => Ok(Self::Junit),
            _ => Err(UnknownFormat),
        }
    }
}

impl ReportFormat {
    /// The media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Junit => "application/xml",
        }
    }
}
