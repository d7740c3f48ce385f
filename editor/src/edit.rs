//! Edits, as they are sent, stored and listed.

use crate::error::EditError;
use amend_proto::EditId;
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, time::Duration};

/// The most edits of one [`AddEdits`].
pub const MAX_BATCH: usize = 1_000;
/// The longest text of an edit, in characters.
pub const MAX_TEXT_CHARS: usize = 2_000;
/// The longest subject of an edit, in characters.
pub const MAX_SUBJECT_CHARS: usize = 200;
/// The longest idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 255;
/// The largest page of a listing.
pub const MAX_PAGE: usize = 1_000;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most live edits.
    pub max_live: usize,
    /// How long the answer to an idempotency key is kept.
    pub key_retention: Duration,
    /// How many answers to idempotency keys are kept at most.
    pub max_keys: usize,
}

impl Default for Limits {
    /// A million edits; keys for a day, at most 100,000.
    fn default() -> Self {
        Self { max_live: 1_000_000, key_retention: Duration::from_secs(24 * 60 * 60), max_keys: 100_000 }
    }
}

/// A live edit: one statement that the model is to hold true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Its name.
    pub id: EditId,
    /// Its place in the log; edits added later have larger ones.
    pub seq: i64,
    /// The statement, one line.
    pub text: String,
    /// What the statement is about, if whoever added it said so; otherwise it is read from the text.
    pub subject: Option<String>,
    /// When it was added, in seconds since the Unix epoch.
    pub created_at: i64,
}

/// An edit to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEdit {
    /// A name of the sender's choice; `None` takes a fresh one.
    pub id: Option<EditId>,
    /// The statement: one line, not empty, at most [`MAX_TEXT_CHARS`] characters.
    pub text: String,
    /// What it is about, in the words that questions use; `None` reads it from the text.
    pub subject: Option<String>,
}

impl NewEdit {
    /// An edit of this text with a fresh id and its subject read from the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { id: None, text: text.into(), subject: None }
    }

    /// The same edit about this subject.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same edit under this id.
    #[must_use]
    pub fn named(mut self, id: EditId) -> Self {
        self.id = Some(id);
        self
    }
}

/// Edits to add together: all of them, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddEdits {
    /// 1 to [`MAX_BATCH`] edits.
    pub edits: Vec<NewEdit>,
    /// Makes sending the same again harmless: a batch under a key that was used within the
    /// [retention](Limits::key_retention) gives what the first one gave.
    pub idempotency_key: Option<String>,
}

impl From<NewEdit> for AddEdits {
    fn from(edit: NewEdit) -> Self {
        Self { edits: vec![edit], idempotency_key: None }
    }
}

/// Which part of the list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many edits, 1 to [`MAX_PAGE`].
    pub limit: usize,
    /// Those that follow this one; `None` begins with the oldest.
    pub after: Option<EditId>,
}

/// A part of the list, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The edits.
    pub edits: Vec<Edit>,
    /// More follow the last one.
    pub has_more: bool,
}

impl AddEdits {
    /// The batch with surrounding white space removed from texts and subjects.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`], naming the first field that breaks a rule.
    pub(crate) fn validated(mut self) -> Result<Self, EditError> {
        if self.edits.is_empty() {
            return Err(EditError::invalid("edits", "must hold at least one edit"));
        }
        if self.edits.len() > MAX_BATCH {
            let sent = self.edits.len();
            return Err(EditError::invalid(
                "edits",
                format!("must hold at most {MAX_BATCH} edits, not {sent}"),
            ));
        }
        if let Some(key) = &self.idempotency_key
            && (key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control))
        {
            let reason = format!("must have 1 to {MAX_KEY_BYTES} bytes and no control characters");
            return Err(EditError::invalid("idempotency_key", reason));
        }
        let mut ids = HashSet::new();
        for (at, edit) in self.edits.iter_mut().enumerate() {
            edit.text = line(&format!("edits[{at}].text"), &edit.text, MAX_TEXT_CHARS)?;
            if let Some(subject) = &mut edit.subject {
                *subject = line(&format!("edits[{at}].subject"), subject, MAX_SUBJECT_CHARS)?;
            }
            if let Some(id) = &edit.id
                && !ids.insert(id.clone())
            {
                return Err(EditError::invalid(
                    format!("edits[{at}].id"),
                    format!("repeats the id {id} of this batch"),
                ));
            }
        }
        Ok(self)
    }
}

/// A text that fits on one line of a prompt.
fn line(param: &str, text: &str, most: usize) -> Result<String, EditError> {
    let text = text.trim();
    if !text.chars().any(char::is_alphanumeric) {
        return Err(EditError::invalid(param, "must hold at least one letter or digit"));
    }
    let chars = text.chars().count();
    if chars > most {
        return Err(EditError::invalid(param, format!("must have at most {most} characters, not {chars}")));
    }
    let unfit = |c: &char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| unfit(c)) {
        let reason =
            format!("must be one line without control characters; character {at} is U+{:04X}", u32::from(c));
        return Err(EditError::invalid(param, reason));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param_of(edits: Vec<NewEdit>) -> String {
        let error = AddEdits { edits, idempotency_key: None }.validated().unwrap_err();
        error.param().unwrap_or_default().to_owned()
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        let good = NewEdit::new("Iron is called ferrum.");
        assert_eq!(param_of(vec![]), "edits");
        assert_eq!(param_of(vec![good.clone(); MAX_BATCH + 1]), "edits");
        assert_eq!(param_of(vec![good.clone(), NewEdit::new("  ")]), "edits[1].text");
        assert_eq!(param_of(vec![good.clone(), NewEdit::new("?!")]), "edits[1].text");
        assert_eq!(param_of(vec![NewEdit::new("two\nlines")]), "edits[0].text");
        assert_eq!(param_of(vec![NewEdit::new("x".repeat(MAX_TEXT_CHARS + 1))]), "edits[0].text");
        assert_eq!(param_of(vec![good.clone().about("\u{7}")]), "edits[0].subject");
        let id = EditId::new("a").unwrap();
        assert_eq!(param_of(vec![good.clone().named(id.clone()), good.named(id)]), "edits[1].id");
    }

    #[test]
    fn says_what_is_wrong() {
        let error = AddEdits::from(NewEdit::new("a\tb")).validated().unwrap_err();
        insta::assert_snapshot!(error, @"edits[0].text must be one line without control characters; character 1 is U+0009");
    }

    #[test]
    fn trims() {
        let batch = AddEdits::from(NewEdit::new("  Iron rusts. ").about(" iron\n")).validated().unwrap();
        assert_eq!(batch.edits[0], NewEdit::new("Iron rusts.").about("iron"));
    }

    #[test]
    fn a_key_has_bounds() {
        for key in ["", "a\nb", &"k".repeat(256)] {
            let batch = AddEdits { edits: vec![NewEdit::new("x")], idempotency_key: Some(key.to_owned()) };
            assert_eq!(batch.validated().unwrap_err().param(), Some("idempotency_key"));
        }
    }
}
