//! Fields that a struct does not have: known ones that cannot be honoured, and ones that nobody knows.

use crate::error::ModelError;
use serde_json::Value;

/// What a JSON object holds beyond the fields of its struct.
pub type Extra = serde_json::Map<String, Value>;

/// Most names that are reported, so that a body of junk does not come back as a header of junk.
const MAX_NAMES: usize = 32;
/// Most characters of a name that are reported.
const MAX_NAME_CHARS: usize = 80;

/// Names of the fields that had no effect, as paths: `foo`, `messages[0].bar`. At most 32.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnknownFields(Vec<String>);

impl UnknownFields {
    /// Adds a name, cut to 80 characters; the 33rd and later ones are dropped.
    pub fn add(&mut self, path: &str) {
        if self.0.len() < MAX_NAMES {
            self.0.push(path.chars().take(MAX_NAME_CHARS).collect());
        }
    }

    /// The names, in the order of the body.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether every field was understood.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A field that OpenAI's API has and Amend does not honour.
pub(super) struct Known {
    pub(super) name: &'static str,
    /// Whether the answer is the same with this value as without the field.
    pub(super) harmless: fn(&Value) -> bool,
    pub(super) why: &'static str,
}

/// Goes through what is left of the object at `path` (empty for the body itself).
///
/// `null` is everywhere what a client sends for a field that it does not set.
pub(super) fn sort_out(
    extra: &Extra,
    path: &str,
    known: &[Known],
    unknown: &mut UnknownFields,
) -> Result<(), ModelError> {
    for (name, value) in extra {
        let place = join(path, name);
        match known.iter().find(|known| known.name == name) {
            None => unknown.add(&place),
            Some(known) if value.is_null() || (known.harmless)(value) => {}
            Some(known) => return Err(ModelError::unsupported(&place, format!("{place}: {}", known.why))),
        }
    }
    Ok(())
}

/// `messages[0]` + `name` → `messages[0].name`.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

pub(super) fn never(_: &Value) -> bool {
    false
}

pub(super) fn any_text(value: &Value) -> bool {
    value.is_string()
}

pub(super) fn is_false(value: &Value) -> bool {
    *value == Value::Bool(false)
}

pub(super) fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true)
}

pub(super) fn empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}
