//! JSON of a shape: a small part of JSON Schema.
//!
//! The crate that knows all of JSON Schema is not among ours and would bring some forty others for a dozen checks. What is
//! supported, with JSON Schema's meaning: `type`, `enum`, `properties`, `required`, `items`, `min_items`/`max_items`,
//! `minimum`/`maximum`, `min_length`/`max_length`; `further = "refused"` allows no property that is not named. Anything else is refused
//! when the suite is read.

use super::text::shown;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The sorts of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonKind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// Any number.
    Number,
    /// A number without a fraction.
    Integer,
    /// `true`, `false`
    Boolean,
    /// `null`
    Null,
}

/// Whether an object may have properties that the shape does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Further {
    /// It may.
    #[default]
    Allowed,
    /// It may not.
    Refused,
}

/// What a JSON value must be. Everything left out is free.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shape {
    /// Its sort.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<JsonKind>,
    /// The values allowed.
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// Shapes of an object's properties, where they are there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Shape>,
    /// Properties that must be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Properties that are not named.
    pub further: Further,
    /// The shape of every item of an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Shape>>,
    /// The fewest items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_items: Option<usize>,
    /// The most items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<usize>,
    /// The least number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The greatest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// The fewest characters of a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<usize>,
    /// The most characters of a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
}

impl JsonKind {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => value.as_f64().is_some_and(|n| n.fract() == 0.0),
            Self::Boolean => value.is_boolean(),
            Self::Null => value.is_null(),
        }
    }
}

impl Shape {
    pub(super) fn check(&self, answer: &str) -> Result<(), String> {
        // serde_json refuses to nest deeper than 128, so the recursion is bounded.
        let value: Value = serde_json::from_str(answer).map_err(|error| format!("it is no JSON: {error}"))?;
        self.of(&value, "$")
    }

    fn of(&self, value: &Value, at: &str) -> Result<(), String> {
        if let Some(kind) = self.kind
            && !kind.holds(value)
        {
            return Err(format!("{at} is {}", shown(&value.to_string())));
        }
        if !self.choices.is_empty() && !self.choices.contains(value) {
            return Err(format!("{at} is {}", shown(&value.to_string())));
        }
        match value {
            Value::Object(object) => self.of_object(object, at),
            Value::Array(array) => self.of_array(array, at),
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                let low = self.minimum.is_none_or(|least| number >= least);
                if low && self.maximum.is_none_or(|most| number <= most) {
                    Ok(())
                } else {
                    Err(format!("{at} is {number}"))
                }
            }
            Value::String(text) => within(text.chars().count(), self.min_length, self.max_length)
                .map_err(|count| format!("{at} has {}", super::bound::counted(count, "character"))),
            Value::Bool(_) | Value::Null => Ok(()),
        }
    }

    fn of_object(&self, object: &serde_json::Map<String, Value>, at: &str) -> Result<(), String> {
        if let Some(missing) = self.required.iter().find(|name| !object.contains_key(*name)) {
            return Err(format!("{at}.{missing} is missing"));
        }
        for (name, value) in object {
            match self.properties.get(name) {
                Some(shape) => shape.of(value, &format!("{at}.{name}"))?,
                None if self.further == Further::Refused => return Err(format!("{at} has {}", shown(name))),
                None => {}
            }
        }
        Ok(())
    }

    fn of_array(&self, array: &[Value], at: &str) -> Result<(), String> {
        within(array.len(), self.min_items, self.max_items)
            .map_err(|count| format!("{at} has {}", super::bound::counted(count, "item")))?;
        let Some(shape) = &self.items else { return Ok(()) };
        array.iter().enumerate().try_for_each(|(index, item)| shape.of(item, &format!("{at}[{index}]")))
    }

    /// The shape for people: "an object with name, size".
    pub(super) fn describe(&self) -> String {
        let kind = match self.kind {
            Some(JsonKind::Object) => "object",
            Some(JsonKind::Array) => "array",
            Some(JsonKind::String) => "string",
            Some(JsonKind::Number) => "number",
            Some(JsonKind::Integer) => "integer",
            Some(JsonKind::Boolean) => "boolean",
            Some(JsonKind::Null) => "null",
            None => "value",
        };
        if self.required.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind} with {}", self.required.join(", "))
        }
    }
}

fn within(count: usize, least: Option<usize>, most: Option<usize>) -> Result<(), usize> {
    let enough = least.is_none_or(|least| count >= least);
    if enough && most.is_none_or(|most| count <= most) { Ok(()) } else { Err(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape() -> Shape {
        serde_json::from_value(serde_json::json!({
            "type": "object", "required": ["name", "sizes"], "further": "refused",
            "properties": {
                "name": { "type": "string", "min_length": 2, "max_length": 5 },
                "sizes": { "type": "array", "min_items": 1, "max_items": 2,
                           "items": { "type": "integer", "minimum": 1, "maximum": 9 } },
                "colour": { "enum": ["red", "blue"] },
            },
        }))
        .unwrap()
    }

    #[test]
    fn every_keyword_can_fail() {
        let reason = |answer: &str| shape().check(answer).unwrap_err();
        assert!(shape().check(r#"{"name": "door", "sizes": [1, 9], "colour": "red"}"#).is_ok());
        assert!(reason("no").starts_with("it is no JSON"));
        assert!(reason(r#"{"name": "door", "sizes": [1]} and more"#).starts_with("it is no JSON"));
        assert_eq!(reason("[]"), "$ is \"[]\"");
        assert_eq!(reason(r#"{"name": "door"}"#), "$.sizes is missing");
        assert_eq!(reason(r#"{"name": "d", "sizes": [1]}"#), "$.name has 1 character");
        assert_eq!(reason(r#"{"name": "window", "sizes": [1]}"#), "$.name has 6 characters");
        assert_eq!(reason(r#"{"name": "door", "sizes": []}"#), "$.sizes has 0 items");
        assert_eq!(reason(r#"{"name": "door", "sizes": [1, 2.5]}"#), "$.sizes[1] is \"2.5\"");
        assert_eq!(reason(r#"{"name": "door", "sizes": [0]}"#), "$.sizes[0] is 0");
        assert_eq!(reason(r#"{"name": "door", "sizes": [10]}"#), "$.sizes[0] is 10");
        assert_eq!(reason(r#"{"name": "door", "sizes": [1], "x": 1}"#), "$ has \"x\"");
        assert_eq!(reason(r#"{"name": "door", "sizes": [1], "colour": "pink"}"#), "$.colour is \"\"pink\"\"");
    }

    #[test]
    fn keywords_that_are_not_supported_are_refused() {
        assert!(serde_json::from_str::<Shape>(r#"{"pattern": "a"}"#).is_err());
    }

    proptest! {
        #[test]
        fn any_answer_can_be_checked(text in "[{}\\[\\]\",:a-z0-9]{0,40}") {
            let _ = shape().check(&text);
        }
    }
}
