//! What is asked of the log, and what it answers.

use super::{Content, Edit, NewEdit, Seq};
use crate::conflict::Conflict;
use amend_proto::EditId;

/// Who does something, and why: kept with the operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attribution {
    /// Who.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Attribution {
    /// Done by this author.
    pub fn by(author: impl Into<String>) -> Self {
        Self { author: Some(author.into()), reason: None }
    }

    /// The same for this reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// What happens when a new statement [conflicts](Conflict) with one that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// Both stand. Where both are in scope of a question the newer goes last in the prompt, next to the question, and
    /// so wins.
    #[default]
    KeepBoth,
    /// The new one is refused with [`EditError::Conflict`](crate::EditError::Conflict).
    Refuse,
    /// The older one gives way, if the new one is in force for every model and at every time for which the older one is
    /// from now on: its status becomes [`Superseded`](super::Status::Superseded). Where the new one is for fewer models
    /// or a shorter time, both stand, as with [`KeepBoth`](Self::KeepBoth), so that nothing is left without an edit;
    /// that is told as a conflict in which [both were kept](crate::Resolution::KeptBoth). An edit that stands under the
    /// new one's id with another content gets a new version instead of being an error, whatever models and times it is
    /// for.
    Supersede,
}

/// Edits to add together: all of them, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddEdits {
    /// 1 to [`MAX_BATCH`](super::MAX_BATCH) edits.
    pub edits: Vec<NewEdit>,
    /// Makes sending the same again harmless: a batch under a key that this tenant used within the
    /// [retention](super::Limits::key_retention) gives what the first one gave, edits and conflicts, whatever has become
    /// of them since.
    pub idempotency_key: Option<String>,
    /// What happens when one conflicts with what stands, or with one before it in this batch.
    pub on_conflict: OnConflict,
}

impl AddEdits {
    /// These edits, without a key, kept beside what they conflict with.
    #[must_use]
    pub fn new(edits: Vec<NewEdit>) -> Self {
        Self { edits, idempotency_key: None, on_conflict: OnConflict::default() }
    }

    /// The same under this idempotency key.
    #[must_use]
    pub fn keyed(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// The same with this rule for conflicts.
    #[must_use]
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.on_conflict = rule;
        self
    }
}

impl From<NewEdit> for AddEdits {
    fn from(edit: NewEdit) -> Self {
        Self::new(vec![edit])
    }
}

/// What adding gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The edits as stored, in the order of the request.
    pub edits: Vec<Edit>,
    /// What they conflict with.
    pub conflicts: Vec<Conflict>,
}

/// A new version of an edit that stands. The content takes the place of the whole former one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupersedeEdit {
    /// Which edit.
    pub id: EditId,
    /// What it says from now on; its `author` and `reason` are those of this operation.
    pub content: Content,
    /// The version that the writer has seen: refused with [`EditError::Conflict`](crate::EditError::Conflict) if it is
    /// no longer the newest. `None` takes whatever stands.
    pub seen: Option<Seq>,
    /// What happens when it conflicts with other edits.
    pub on_conflict: OnConflict,
}

impl SupersedeEdit {
    /// This content for this edit, whatever stands, kept beside what it conflicts with.
    pub fn new(id: EditId, content: impl Into<Content>) -> Self {
        Self { id, content: content.into(), seen: None, on_conflict: OnConflict::default() }
    }

    /// The same, unless somebody else wrote a version after this one.
    #[must_use]
    pub fn having_seen(mut self, seq: Seq) -> Self {
        self.seen = Some(seq);
        self
    }

    /// The same with this rule for conflicts.
    #[must_use]
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.on_conflict = rule;
        self
    }
}

impl From<NewEdit> for Content {
    fn from(edit: NewEdit) -> Self {
        edit.content
    }
}

/// Takes an edit back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetireEdit {
    /// Which edit.
    pub id: EditId,
    /// Who and why.
    pub by: Attribution,
}

/// Makes an edit stand again, or stand as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreEdit {
    /// Which edit.
    pub id: EditId,
    /// The version to restore; `None`: its last one.
    pub version: Option<Seq>,
    /// Who and why.
    pub by: Attribution,
}

/// What writing one edit gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The edit as it stands now.
    pub edit: Edit,
    /// What it conflicts with.
    pub conflicts: Vec<Conflict>,
}

/// Makes the edits stand as they stood after an entry of the log, by appending what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollBack {
    /// The entry.
    pub to: Seq,
    /// Who and why.
    pub by: Attribution,
}

/// What a rollback did. Of two that race, the later one undoes what the earlier one left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolledBack {
    /// The entry whose state stands again.
    pub to: Seq,
    /// The log's last entry before.
    pub from: Seq,
    /// The log's last entry after; equal to `from` when there was nothing to undo.
    pub through: Seq,
    /// How many edits it took back.
    pub retired: u64,
    /// How many edits it restored, or reverted to an older version.
    pub restored: u64,
}
