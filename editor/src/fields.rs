//! Reading JSON objects field by field, with errors that name the field.

use amend_proto::EditId;
use serde_json::{Map, Value};

/// What is wrong with a value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The field (`aliases[2]`); empty for the whole.
    pub(crate) field: String,
    /// What is wrong with it; reads on from the field's name.
    pub(crate) reason: String,
}

impl Misfit {
    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Self { field: String::new(), reason: reason.into() }
    }
}

/// An object's fields. One that is `null` is not there.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    /// Where the object is, with a point at its end; empty for the outermost.
    prefix: String,
}

/// One value.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(map: &'a Map<String, Value>) -> Self {
        Self { map, prefix: String::new() }
    }

    pub(crate) fn within(map: &'a Map<String, Value>, path: &str) -> Self {
        Self { map, prefix: format!("{path}.") }
    }

    /// The field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Field<'a>> {
        let value = self.map.get(name).filter(|value| !value.is_null())?;
        Some(Field { value, path: format!("{}{name}", self.prefix) })
    }

    /// The field of this name.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn required(&self, name: &str) -> Result<Field<'a>, Misfit> {
        let missing = || Misfit { field: format!("{}{name}", self.prefix), reason: "is missing".to_owned() };
        self.get(name).ok_or_else(missing)
    }

    /// Fails on the first field that is none of these.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), Misfit> {
        match self.map.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Misfit {
                field: format!("{}{name}", self.prefix),
                reason: "is not a field of this format".to_owned(),
            }),
        }
    }
}

impl<'a> Field<'a> {
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn misfit(&self, reason: impl Into<String>) -> Misfit {
        Misfit { field: self.path.clone(), reason: reason.into() }
    }

    fn not(&self, wanted: &str) -> Misfit {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(number) if number.is_f64() => "a number with a fraction",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.misfit(format!("must be {wanted}, not {found}"))
    }

    pub(crate) fn text(&self) -> Result<&'a str, Misfit> {
        self.value.as_str().ok_or_else(|| self.not("a text"))
    }

    pub(crate) fn integer(&self) -> Result<i64, Misfit> {
        self.value.as_i64().ok_or_else(|| self.not("a whole number"))
    }

    pub(crate) fn id(&self) -> Result<EditId, Misfit> {
        EditId::new(self.text()?).map_err(|error| self.misfit(error.to_string()))
    }

    pub(crate) fn array(&self) -> Result<impl Iterator<Item = Field<'a>>, Misfit> {
        let Value::Array(items) = self.value else { return Err(self.not("an array")) };
        let path = self.path.clone();
        Ok(items.iter().enumerate().map(move |(at, value)| Field { value, path: format!("{path}[{at}]") }))
    }

    /// An array of texts.
    pub(crate) fn texts(&self) -> Result<Vec<String>, Misfit> {
        self.array()?.map(|item| item.text().map(str::to_owned)).collect()
    }
}
