//! JSON values that know where they stand in their record.

use super::{
    issue::{JsonType, Problem},
    record::Gold,
};
use serde_json::Value;

/// A problem and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) problem: Problem,
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, problem: Problem) -> Self {
        Self { field: field.into(), problem }
    }
}

/// A value at a place: `portability.Reasoning[2]`.
#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    pub(crate) value: &'a Value,
    pub(crate) path: String,
}

/// Names are compared by their letters and digits alone: `Subject_Aliasing`, `subject aliasing`.
pub(crate) fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl<'a> At<'a> {
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    pub(crate) fn wrong(&self, problem: Problem) -> FieldError {
        FieldError::new(self.path.clone(), problem)
    }

    pub(crate) fn wrong_type(&self, expected: &'static str) -> FieldError {
        self.wrong(Problem::WrongType { expected, found: JsonType::of(self.value) })
    }

    pub(crate) fn member(&self, name: &str, value: &'a Value) -> Self {
        let path = match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path),
        };
        Self { value, path }
    }

    /// The first of these fields that is there; `null` counts as absent.
    pub(crate) fn find(&self, names: &[&str]) -> Option<Self> {
        let object = self.value.as_object()?;
        let fields = names.iter().filter_map(|wanted| {
            let wanted = fold(wanted);
            object.iter().find(|(name, value)| !value.is_null() && fold(name) == wanted)
        });
        fields.map(|(name, value)| self.member(name, value)).next()
    }

    /// As [`find`](Self::find); the error names the first of the names.
    pub(crate) fn need(&self, names: &[&str]) -> Result<Self, FieldError> {
        self.find(names).ok_or_else(|| {
            let absent = self.member(names[0], &Value::Null);
            absent.wrong(Problem::Missing)
        })
    }

    /// The items of an array.
    pub(crate) fn items(&self) -> Result<Vec<Self>, FieldError> {
        let items = self.value.as_array().ok_or_else(|| self.wrong_type("an array"))?;
        let items = items.iter().enumerate();
        Ok(items.map(|(i, value)| Self { value, path: format!("{}[{i}]", self.path) }).collect())
    }

    /// A text that is not empty, or a number as it is written.
    pub(crate) fn text(&self) -> Result<String, FieldError> {
        match self.value {
            Value::String(text) if text.trim().is_empty() => Err(self.wrong(Problem::Empty)),
            Value::String(text) => Ok(text.trim().to_owned()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// One text, or a list of them; an absent field is an empty list.
    pub(crate) fn texts(&self, names: &[&str]) -> Result<Vec<String>, FieldError> {
        match self.find(names) {
            None => Ok(Vec::new()),
            Some(field) if field.value.is_array() => field.items()?.iter().map(Self::text).collect(),
            Some(field) if field.value.as_str().is_some_and(|text| text.trim().is_empty()) => Ok(Vec::new()),
            Some(field) => Ok(vec![field.text()?]),
        }
    }

    /// Answers in any of the published shapes: `"a"`, `["a", "b"]` (two answers), `[["a", "also a"], ["b"]]`,
    /// `{"str": "a"}`.
    pub(crate) fn gold(&self) -> Result<Gold, FieldError> {
        let answers = match self.value {
            Value::Array(_) => self.items()?.iter().map(Self::answer).collect::<Result<Vec<_>, _>>()?,
            _ => vec![self.answer()?],
        };
        Gold::new(answers).ok_or_else(|| self.wrong(Problem::Empty))
    }

    /// One answer with its names. Empty texts are left to [`Gold`], which drops them.
    fn answer(&self) -> Result<Vec<String>, FieldError> {
        match self.value {
            Value::String(text) => Ok(vec![text.clone()]),
            Value::Number(number) => Ok(vec![number.to_string()]),
            Value::Null => Ok(Vec::new()),
            Value::Object(_) => Ok(vec![self.need(&["str", "name"])?.text()?]),
            Value::Array(_) => {
                let names = self.items()?.into_iter().map(|item| match item.value {
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(number) => Ok(number.to_string()),
                    _ => Err(item.wrong_type("a string")),
                });
                names.collect()
            }
            Value::Bool(_) => Err(self.wrong_type("a string or a list of strings")),
        }
    }

    /// The answer under `name` with the further names under `aliases`.
    pub(crate) fn gold_with_aliases(&self, name: &str, aliases: &[&str]) -> Result<Gold, FieldError> {
        let field = self.need(&[name])?;
        let mut names = vec![field.text()?];
        names.extend(self.texts(aliases)?);
        Gold::new(vec![names]).ok_or_else(|| field.wrong(Problem::Empty))
    }
}
