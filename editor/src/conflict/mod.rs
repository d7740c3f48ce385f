//! Conflicts: two statements of one tenant that cannot both be meant.
//!
//! Two edits that stand conflict when there may be a time and a model for which both are in force, and
//!
//! - they **contradict** each other: they are about the same subject and relation and state different objects. Subject
//!   (or an alias) and relation are the given ones, compared without case, accents and punctuation, if both edits have
//!   them; besides, for every edit they are read from its text: the subject as the index reads it, the relation by the
//!   wordings of `lexicon/relations.txt` and the other telling words, the objects by the other names and numbers; or
//! - they are **duplicates**: the same subject, relation and object, or the same words, grammar apart, in whatever
//!   order (and the same given subject, if one is given).
//!
//! What is read from texts errs both ways (a company may have two founders; "uses the euro" and "pays in francs" are not
//! seen to contradict each other), which is why the default keeps both. The rule of precedence is the
//! [prompt's](crate::ScopePolicy): of edits that state the same of the same, the one written last goes last.

mod facts;
mod register;

pub(crate) use facts::{FactKey, Facts, FactsView, Said};
pub(crate) use register::Register;

use crate::edit::{Edit, Seq};
use amend_proto::EditId;
use serde::{Deserialize, Serialize};

/// The most conflicts that are told of one edit, unless the others gave way. They are looked for among the newest
/// four times as many that say something of the same.
pub const MAX_CONFLICTS: usize = 16;

/// How far conflicts are looked for, from the newest edit on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    /// So many conflicts are enough.
    pub(crate) found: usize,
    /// So many edits that share a key are compared at most.
    pub(crate) compared: usize,
}

impl Search {
    /// All there are.
    pub(crate) const ALL: Self = Self { found: usize::MAX, compared: usize::MAX };
    /// Whether there is one.
    pub(crate) const ANY: Self = Self { found: 1, compared: usize::MAX };
    /// What is told.
    pub(crate) const TOLD: Self = Self { found: MAX_CONFLICTS, compared: 4 * MAX_CONFLICTS };
}

/// How two edits conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// The same subject and relation, different objects.
    Contradiction,
    /// The same statement in the same or almost the same words.
    Duplicate,
}

impl ConflictKind {
    /// The wire's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contradiction => "contradiction",
            Self::Duplicate => "duplicate",
        }
    }
}

/// What was done about a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Both stand; the newer wins in the prompt.
    KeptBoth,
    /// The older one gave way.
    Superseded,
}

/// One edit in conflict with an older one of the same tenant.
///
/// Two edits conflict when there may be a time and a model for which both are in force, and they say something else of
/// the same ([contradiction](ConflictKind::Contradiction)) or the same ([duplicate](ConflictKind::Duplicate)). Subject,
/// relation and object are those given with the edits, if both have them, and besides what is read from their texts.
/// That reading errs both ways (a company may have two founders), so the default rule keeps both edits, and the one
/// written last goes last in the prompt and wins; [`OnConflict`](crate::OnConflict) has the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The newer edit, which wins.
    pub edit: EditId,
    /// The older one.
    pub with: EditId,
    /// The older one's version.
    pub with_seq: Seq,
    /// How they conflict.
    pub kind: ConflictKind,
    /// What was done about it.
    pub resolution: Resolution,
}

/// An edit that stands, with the older ones that it conflicts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflicting {
    /// The edit.
    pub edit: Edit,
    /// At most [`MAX_CONFLICTS`], the newest first.
    pub conflicts: Vec<Conflict>,
}

/// A part of the conflicts, by the version of the newer edit. A part may be empty and yet have a next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflicts {
    /// The edits in conflict with older ones.
    pub conflicts: Vec<Conflicting>,
    /// Where the next part begins (after this version); `None` when this is the last.
    pub next: Option<Seq>,
}
