//! The entries of the log, as an audit reads them.

use crate::{
    edit::{Edit, Seq, Status},
    time::Timestamp,
};
use amend_proto::{EditId, TenantId};
use std::sync::Arc;

/// What an operation did to its edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The edit stands from here on.
    Add(Arc<Edit>),
    /// A new version of the edit took the place of the one that stood.
    Supersede(Arc<Edit>),
    /// An older version stands, again or instead of the one that stood.
    Restore(Arc<Edit>),
    /// The edit was taken back.
    Retire,
    /// The edit gave way to another one that it conflicts with.
    Displace {
        /// The other one.
        by: EditId,
    },
}

impl Change {
    /// The version that stands after it; `None` when none does.
    #[must_use]
    pub fn edit(&self) -> Option<&Arc<Edit>> {
        match self {
            Self::Add(edit) | Self::Supersede(edit) | Self::Restore(edit) => Some(edit),
            Self::Retire | Self::Displace { .. } => None,
        }
    }

    /// Its name in the database and in the metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Supersede(_) => "supersede",
            Self::Restore(_) => "restore",
            Self::Retire => "retire",
            Self::Displace { .. } => "displace",
        }
    }
}

/// What an operation came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody asked for it, or for the edit that it made way for.
    Request,
    /// Somebody asked for an earlier state.
    Rollback {
        /// The entry whose state was asked for.
        to: Seq,
    },
}

/// One entry of the log. Entries are never changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its place.
    pub seq: Seq,
    /// The first entry of the same request; all of a request's entries are written and seen together. Every edit of an
    /// import is a request of its own.
    pub batch: Seq,
    /// Whose edit it changed.
    pub tenant: TenantId,
    /// Which edit.
    pub edit: EditId,
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What it came from.
    pub cause: Cause,
    /// What it did.
    pub change: Change,
}

/// A part of the log, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operations {
    /// The entries.
    pub operations: Vec<Operation>,
    /// Where the next part begins (after this entry); `None` when this is the last.
    pub next: Option<Seq>,
}

/// The edits that stood after an entry of the log, a part of them, the oldest version first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEdits {
    /// The edits.
    pub edits: Vec<Edit>,
    /// Where the next part begins (after this version); `None` when this is the last.
    pub next: Option<Seq>,
}

/// What tells two states of the log apart for one edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It stands in the second state only.
    Added(Arc<Edit>),
    /// It stands in the first state only.
    Removed(Arc<Edit>),
    /// It stands in both, with different versions.
    Changed {
        /// In the first state.
        before: Arc<Edit>,
        /// In the second state.
        after: Arc<Edit>,
    },
}

/// A part of the differences, by edit id. A part may be empty and yet have a next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    /// The differences.
    pub differences: Vec<Difference>,
    /// Where the next part begins (after this edit); `None` when this is the last.
    pub next: Option<EditId>,
}

/// An edit with what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its last version.
    pub edit: Edit,
    /// Whether it stands and is in force.
    pub status: Status,
    /// The edit it gave way to, if it did.
    pub superseded_by: Option<EditId>,
    /// The operation that made it what it is.
    pub last: Seq,
}
