//! Edits: what they say, of whom, for which model and when.

mod check;
mod list;
mod request;

pub(crate) use check::{attribution, page_limit};
pub use list::{ListAfter, Listed, Page};
pub use request::{
    AddEdits, Added, Attribution, OnConflict, RestoreEdit, RetireEdit, RollBack, RolledBack, SupersedeEdit,
    Written,
};

use crate::time::Timestamp;
use amend_proto::{EditId, ModelId, ModelInfo, RevisionId, TenantId};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// The most edits of one [`AddEdits`].
pub const MAX_BATCH: usize = 1_000;
/// The longest text of an edit, in characters.
pub const MAX_TEXT_CHARS: usize = 2_000;
/// The longest subject, alias or relation of an edit, in characters.
pub const MAX_SUBJECT_CHARS: usize = 200;
/// The longest object, source, author or reason of an edit, in characters.
pub const MAX_NOTE_CHARS: usize = 500;
/// The most aliases of an edit.
pub const MAX_ALIASES: usize = 8;
/// The longest idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 255;
/// The largest page of a listing.
pub const MAX_PAGE: usize = 1_000;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most edits that stand, of all tenants together.
    pub max_live: usize,
    /// How long the answer to an idempotency key is kept.
    pub key_retention: Duration,
    /// How many answers to idempotency keys are kept at most.
    pub max_keys: usize,
}

impl Default for Limits {
    /// Two million edits (about 1.5 GB of memory); keys for a day, at most 100,000.
    fn default() -> Self {
        Self { max_live: 2_000_000, key_retention: Duration::from_secs(24 * 60 * 60), max_keys: 100_000 }
    }
}

/// A place in the log: entries are numbered from 1, without being given twice, over all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(i64);

impl Seq {
    /// Before the first entry.
    pub const START: Self = Self(0);
    pub(crate) const MAX: Self = Self(i64::MAX);

    /// The place of this number; of negative ones, the start.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(if number < 0 { 0 } else { number })
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    pub(crate) fn plus(self, entries: usize) -> Self {
        Self(self.0.saturating_add(i64::try_from(entries).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which models an edit corrects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Every model that is served.
    #[default]
    AllModels,
    /// Every revision of one model.
    Model(ModelId),
    /// One revision only.
    Revision(RevisionId),
}

/// The model that answers, as far as [targets](Target) tell models apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The model.
    pub model: ModelId,
    /// Its revision.
    pub revision: RevisionId,
}

impl From<ModelInfo> for Served {
    fn from(info: ModelInfo) -> Self {
        Self { model: info.id, revision: info.revision }
    }
}

impl Target {
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::AllModels
    }

    fn fits(&self, served: Option<&Served>) -> bool {
        match self {
            Self::AllModels => true,
            Self::Model(model) => served.is_some_and(|served| served.model == *model),
            Self::Revision(revision) => served.is_some_and(|served| served.revision == *revision),
        }
    }

    /// Whether every model that the other means is meant. A revision may be of any model.
    fn covers(&self, other: &Self) -> bool {
        self.is_all() || self == other
    }

    /// Whether some model may be meant by both. A revision may be of any model.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Model(a), Self::Model(b)) => a == b,
            (Self::Revision(a), Self::Revision(b)) => a == b,
            _ => true,
        }
    }
}

/// What has become of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It stands and is in force.
    Live,
    /// It stands; its `valid_from` is yet to come.
    Scheduled,
    /// It stands; its `expires_at` has passed.
    Expired,
    /// It gave way to another edit, or this version of it to a newer one.
    Superseded,
    /// It was taken back.
    Retired,
}

impl Status {
    /// The wire's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Scheduled => "scheduled",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Retired => "retired",
        }
    }
}

/// When and by whom a question is asked, as far as it decides which edits are in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Timestamp,
    pub(crate) served: Option<&'a Served>,
}

/// What an edit says: one statement that a model is to hold true, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Content {
    /// The statement: one line, not empty, at most [`MAX_TEXT_CHARS`] characters.
    pub text: String,
    /// What the statement is about, in the words that questions use; `None` reads it from the text.
    pub subject: Option<String>,
    /// What of the subject it states: `capital`, `head of government`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    /// The value that it states: `Lyon`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Other names of the subject, at most [`MAX_ALIASES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Which models it corrects.
    #[serde(default, skip_serializing_if = "Target::is_all")]
    pub target: Target,
    /// It is in force from then on; `None`: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// From then on it is in force no longer; `None`: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Where the statement comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Who wrote this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Content {
    /// A text and nothing else.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// What becomes of an edit that says this and stands.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> Status {
        match (self.valid_from, self.expires_at) {
            (_, Some(end)) if end <= now => Status::Expired,
            (Some(begin), _) if begin > now => Status::Scheduled,
            _ => Status::Live,
        }
    }

    pub(crate) fn in_force(&self, moment: Moment<'_>) -> bool {
        self.status_at(moment.now) == Status::Live && self.target.fits(moment.served)
    }

    /// Whether both state the same of the same, whoever wrote it and wherever it comes from.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let stated = |c: &Self| (c.valid_from, c.expires_at);
        self.text == other.text
            && self.subject == other.subject
            && self.relation == other.relation
            && self.object == other.object
            && self.aliases == other.aliases
            && self.target == other.target
            && stated(self) == stated(other)
    }

    /// Bytes of all its texts: what checking and reading it takes grows with them.
    pub(crate) fn bytes(&self) -> usize {
        let Self { text, subject, relation, object, aliases, source, author, reason, .. } = self;
        let texts = [subject, relation, object, source, author, reason].into_iter().flatten();
        texts.chain(aliases).map(String::len).sum::<usize>() + text.len()
    }

    /// From when to when it is in force, as far as that is not past.
    fn times(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let begin = self.valid_from.unwrap_or(now).max(now);
        (begin, self.expires_at.unwrap_or(Timestamp::from_seconds(i64::MAX)))
    }

    /// Whether there may be a model and a time, now or later, for which both are in force.
    pub(crate) fn meets(&self, other: &Self, now: Timestamp) -> bool {
        let ((begin, end), (others, its_end)) = (self.times(now), other.times(now));
        self.target.meets(&other.target) && begin.max(others) < end.min(its_end)
    }

    /// Whether it is in force for every model and at every time, now or later, for which the other is.
    pub(crate) fn covers(&self, other: &Self, now: Timestamp) -> bool {
        let ((begin, end), (others, its_end)) = (self.times(now), other.times(now));
        self.target.covers(&other.target) && begin <= others && its_end <= end
    }
}

/// An edit as it is stored: one version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// Its name, unique among its tenant's edits.
    pub id: EditId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The entry of the log that wrote this version; later versions have larger ones. Taking an edit back and restoring
    /// it does not change it.
    pub seq: Seq,
    /// When its first version was added.
    pub created_at: Timestamp,
    /// When this version was written.
    pub updated_at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub content: Content,
}

/// An edit to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewEdit {
    /// A name of the sender's choice; `None` takes a fresh one.
    pub id: Option<EditId>,
    /// What it says.
    #[serde(flatten)]
    pub content: Content,
}

impl From<Content> for NewEdit {
    fn from(content: Content) -> Self {
        Self { id: None, content }
    }
}

impl NewEdit {
    /// An edit of this text with a fresh id and its subject read from the text.
    pub fn new(text: impl Into<String>) -> Self {
        Content::new(text).into()
    }

    /// The same edit about this subject.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.content.subject = Some(subject.into());
        self
    }

    /// The same edit, stating that the subject stands in this relation to this object.
    #[must_use]
    pub fn stating(mut self, relation: impl Into<String>, object: impl Into<String>) -> Self {
        self.content.relation = Some(relation.into());
        self.content.object = Some(object.into());
        self
    }

    /// The same edit with these other names of its subject.
    #[must_use]
    pub fn also_called(mut self, aliases: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.content.aliases = aliases.into_iter().map(Into::into).collect();
        self
    }

    /// The same edit for these models only.
    #[must_use]
    pub fn targeting(mut self, target: Target) -> Self {
        self.content.target = target;
        self
    }

    /// The same edit, in force from then on only.
    #[must_use]
    pub fn valid_from(mut self, at: Timestamp) -> Self {
        self.content.valid_from = Some(at);
        self
    }

    /// The same edit, in force until then only.
    #[must_use]
    pub fn expiring(mut self, at: Timestamp) -> Self {
        self.content.expires_at = Some(at);
        self
    }

    /// The same edit from this source.
    #[must_use]
    pub fn from_source(mut self, source: impl Into<String>) -> Self {
        self.content.source = Some(source.into());
        self
    }

    /// The same edit, written by this author for this reason.
    #[must_use]
    pub fn by(mut self, attribution: Attribution) -> Self {
        self.content.author = attribution.author;
        self.content.reason = attribution.reason;
        self
    }

    /// The same edit under this id.
    #[must_use]
    pub fn named(mut self, id: EditId) -> Self {
        self.id = Some(id);
        self
    }
}
