//! JSON values that know where they stand in their record.

use crate::preference::check::{Flaw, Problem};
use serde_json::Value;

/// A value at a place: `completions[2].response`.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
}

/// What a value is, for a person.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<'a> At<'a> {
    /// The record itself, which must be an object.
    pub(super) fn record(value: &'a Value) -> Result<Self, Flaw> {
        let record = Self { value, path: String::new() };
        if value.is_object() { Ok(record) } else { Err(record.wrong_type("an object")) }
    }

    pub(super) fn flaw(&self, problem: Problem) -> Flaw {
        Flaw::new(self.path.clone(), problem)
    }

    pub(super) fn wrong_type(&self, expected: &'static str) -> Flaw {
        self.flaw(Problem::WrongType { expected, found: kind(self.value) })
    }

    fn below(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// A field; `null` counts as absent.
    pub(super) fn find(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self { value, path: self.below(name) })
    }

    pub(super) fn need(&self, name: &str) -> Result<Self, Flaw> {
        self.find(name).ok_or_else(|| Flaw::new(self.below(name), Problem::Missing))
    }

    pub(super) fn text(&self) -> Result<&'a str, Flaw> {
        self.value.as_str().ok_or_else(|| self.wrong_type("a text"))
    }

    /// A number; some data sets write it as a text.
    pub(super) fn number(&self) -> Result<f64, Flaw> {
        let parsed = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        parsed.filter(|number| number.is_finite()).ok_or_else(|| self.wrong_type("a number"))
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, Flaw> {
        let items = self.value.as_array().ok_or_else(|| self.wrong_type("a list"))?;
        let at = |(i, value)| Self { value, path: format!("{}[{i}]", self.path) };
        Ok(items.iter().enumerate().map(at).collect())
    }
}
