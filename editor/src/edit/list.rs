//! The edits that stand, in pages.

use super::{Edit, Seq};
use amend_proto::{EditId, InvalidId};
use std::{fmt, str::FromStr};

/// Where a page of the list begins.
///
/// As text, a version is `@` and its number, and anything else is an edit's id: no id holds an `@`. Clients are to pass
/// the text on as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListAfter {
    /// Behind this version, whether it stands or not: the former page's [`next`](Listed::next).
    Version(Seq),
    /// Behind the version of this edit that stands, or its last one. An edit that got a new version since its page was
    /// read stands further back; what lay between is not listed then, so go on from a version.
    Edit(EditId),
}

impl From<Seq> for ListAfter {
    fn from(version: Seq) -> Self {
        Self::Version(version)
    }
}

impl From<EditId> for ListAfter {
    fn from(id: EditId) -> Self {
        Self::Edit(id)
    }
}

impl fmt::Display for ListAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "@{version}"),
            Self::Edit(id) => f.write_str(id.as_str()),
        }
    }
}

impl FromStr for ListAfter {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let version = text.strip_prefix('@').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        match version.and_then(|digits| digits.parse().ok()) {
            Some(version) => Ok(Self::Version(Seq::new(version))),
            None => EditId::new(text).map(Self::Edit),
        }
    }
}

/// Which part of the list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many edits, 1 to [`MAX_PAGE`](super::MAX_PAGE).
    pub limit: usize,
    /// Those that follow this one; `None` begins with the oldest.
    pub after: Option<ListAfter>,
}

/// A part of the list, oldest version first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The edits.
    pub edits: Vec<Edit>,
    /// Where the next part begins (after this version); `None` when this is the last.
    pub next: Option<Seq>,
}
