//! What can be an edit: every text is one line of bounded length, every time lies in order.

use super::{
    AddEdits, Attribution, Content, MAX_ALIASES, MAX_BATCH, MAX_KEY_BYTES, MAX_NOTE_CHARS, MAX_PAGE,
    MAX_SUBJECT_CHARS, MAX_TEXT_CHARS,
};
use crate::{error::EditError, time::Timestamp};
use std::collections::HashSet;

impl AddEdits {
    /// The batch with surrounding white space removed from its texts.
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
        keyed(self.idempotency_key.as_deref())?;
        let mut ids = HashSet::new();
        for (at, edit) in self.edits.iter_mut().enumerate() {
            edit.content = std::mem::take(&mut edit.content).checked(&format!("edits[{at}]."))?;
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

impl Content {
    /// The content with surrounding white space removed; `prefix` stands before the names of fields in errors. Whether
    /// its time has passed is checked when it is [written](Self::ahead).
    pub(crate) fn checked(mut self, prefix: &str) -> Result<Self, EditError> {
        let field = |name: &str| format!("{prefix}{name}");
        self.text = line(&field("text"), &self.text, MAX_TEXT_CHARS)?;
        let optional = [
            ("subject", &mut self.subject, MAX_SUBJECT_CHARS),
            ("relation", &mut self.relation, MAX_SUBJECT_CHARS),
            ("object", &mut self.object, MAX_NOTE_CHARS),
            ("source", &mut self.source, MAX_NOTE_CHARS),
            ("author", &mut self.author, MAX_NOTE_CHARS),
            ("reason", &mut self.reason, MAX_NOTE_CHARS),
        ];
        for (name, text, most) in optional {
            if let Some(text) = text {
                *text = line(&field(name), text, most)?;
            }
        }
        if self.aliases.len() > MAX_ALIASES {
            let reason = format!("must hold at most {MAX_ALIASES} names, not {}", self.aliases.len());
            return Err(EditError::invalid(field("aliases"), reason));
        }
        for (at, alias) in self.aliases.iter_mut().enumerate() {
            *alias = line(&field(&format!("aliases[{at}]")), alias, MAX_SUBJECT_CHARS)?;
        }
        if let (Some(begin), Some(end)) = (self.valid_from, self.expires_at)
            && begin >= end
        {
            let reason = "must be later than valid_from, or the edit is never in force";
            return Err(EditError::invalid(field("expires_at"), reason));
        }
        Ok(self)
    }

    /// Refuses what would never be in force. Only for a version that is new: what stands already, or was acknowledged
    /// before, may have expired since.
    pub(crate) fn ahead(&self, prefix: &str, now: Timestamp) -> Result<(), EditError> {
        match self.expires_at {
            Some(end) if end <= now => {
                let reason = format!("must be in the future: {end} has passed, it is {now} (Unix seconds)");
                Err(EditError::invalid(format!("{prefix}expires_at"), reason))
            }
            _ => Ok(()),
        }
    }
}

/// Who and why, without surrounding white space.
pub(crate) fn attribution(by: Attribution) -> Result<Attribution, EditError> {
    let checked =
        |name: &str, text: Option<String>| text.map(|text| line(name, &text, MAX_NOTE_CHARS)).transpose();
    Ok(Attribution { author: checked("author", by.author)?, reason: checked("reason", by.reason)? })
}

/// Checks an idempotency key.
pub(crate) fn keyed(key: Option<&str>) -> Result<(), EditError> {
    match key {
        Some(key) if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) => {
            let reason = format!("must have 1 to {MAX_KEY_BYTES} bytes and no control characters");
            Err(EditError::invalid("idempotency_key", reason))
        }
        _ => Ok(()),
    }
}

/// Checks the size of a page.
pub(crate) fn page_limit(limit: usize) -> Result<(), EditError> {
    match limit {
        1..=MAX_PAGE => Ok(()),
        _ => Err(EditError::invalid("limit", format!("must be 1 to {MAX_PAGE}, not {limit}"))),
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
    use crate::edit::NewEdit;
    use amend_proto::EditId;

    fn param_of(edits: Vec<NewEdit>) -> String {
        let error = AddEdits::new(edits).validated().unwrap_err();
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
        assert_eq!(param_of(vec![NewEdit::new("bin\0ary")]), "edits[0].text");
        assert_eq!(param_of(vec![NewEdit::new("x".repeat(MAX_TEXT_CHARS + 1))]), "edits[0].text");
        assert_eq!(param_of(vec![good.clone().about("\u{7}")]), "edits[0].subject");
        assert_eq!(param_of(vec![good.clone().stating("", "x")]), "edits[0].relation");
        assert_eq!(param_of(vec![good.clone().stating("x", "a\u{2028}b")]), "edits[0].object");
        assert_eq!(param_of(vec![good.clone().also_called(["Fe", " "])]), "edits[0].aliases[1]");
        assert_eq!(param_of(vec![good.clone().also_called(vec!["Fe"; 9])]), "edits[0].aliases");
        assert_eq!(param_of(vec![good.clone().from_source("\u{1}")]), "edits[0].source");
        let unnamed = Attribution { author: Some(String::new()), reason: None };
        assert_eq!(param_of(vec![good.clone().by(unnamed)]), "edits[0].author");
        let (begin, end) = (Timestamp::from_seconds(2_000), Timestamp::from_seconds(1_500));
        assert_eq!(param_of(vec![good.clone().valid_from(begin).expiring(end)]), "edits[0].expires_at");
        let id = EditId::new("a").unwrap();
        assert_eq!(param_of(vec![good.clone().named(id.clone()), good.named(id)]), "edits[1].id");
    }

    #[test]
    fn says_what_is_wrong() {
        let refused = |edit: NewEdit| AddEdits::from(edit).validated().unwrap_err();
        insta::assert_snapshot!(refused(NewEdit::new("a\tb")), @"edits[0].text must be one line without control characters; character 1 is U+0009");
        let passed = NewEdit::new("a").expiring(Timestamp::from_seconds(9)).content;
        let ahead = |now: i64| passed.ahead("edits[0].", Timestamp::from_seconds(now));
        assert!(ahead(8).is_ok() && ahead(9).is_err());
        insta::assert_snapshot!(ahead(1_000).unwrap_err(), @"edits[0].expires_at must be in the future: 9 has passed, it is 1000 (Unix seconds)");
    }

    #[test]
    fn trims() {
        let batch = AddEdits::from(NewEdit::new("  Iron rusts. ").about(" iron\n")).validated().unwrap();
        assert_eq!(batch.edits[0], NewEdit::new("Iron rusts.").about("iron"));
    }

    #[test]
    fn a_key_has_bounds() {
        for key in ["", "a\nb", &"k".repeat(256)] {
            let batch = AddEdits::from(NewEdit::new("x")).keyed(key);
            assert_eq!(batch.validated().unwrap_err().param(), Some("idempotency_key"));
        }
    }
}
