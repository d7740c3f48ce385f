//! JSON inside templates: objects that keep the order of their keys, and `tojson` as Hugging Face defines it.

use minijinja::{
    Error, ErrorKind, Value,
    value::{Enumerator, Kwargs, Object, ObjectRepr},
};
use serde::Serialize;
use serde_json::{
    Map, Value as Json,
    ser::{CompactFormatter, Formatter, PrettyFormatter},
};
use std::{io, sync::Arc};

/// A JSON object as a template sees it. minijinja's own maps sort their keys; models were trained on the order in
/// which tools were written.
#[derive(Debug)]
pub(super) struct JsonObject(Map<String, Json>);

impl JsonObject {
    /// A JSON value as a template sees it.
    pub(super) fn value(json: &Json) -> Value {
        match json {
            Json::Object(map) => Value::from_object(Self(map.clone())),
            Json::Array(items) => Value::from(items.iter().map(Self::value).collect::<Vec<Value>>()),
            scalar => Value::from_serialize(scalar),
        }
    }
}

impl Object for JsonObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).map(Self::value)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|key| Value::from(key.as_str())).collect())
    }
}

/// The filter `tojson`, with `indent=n`: Python's `json.dumps(value, ensure_ascii=False)`. Nothing is escaped for HTML,
/// which minijinja's own does and models never saw.
pub(super) fn to_json(value: &Value, arguments: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    let mut text = Vec::new();
    let written = match indent {
        Some(width) => {
            let indent = vec![b' '; width.min(16)];
            let formatter = PrettyFormatter::with_indent(&indent);
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))
        }
        None => {
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, Spaced(CompactFormatter)))
        }
    };
    let bad = |reason: String| Error::new(ErrorKind::BadSerialization, reason);
    written.map_err(|error| bad(error.to_string()))?;
    String::from_utf8(text).map(Value::from_safe_string).map_err(|error| bad(error.to_string()))
}

/// Python's separators: `", "` and `": "`.
struct Spaced(CompactFormatter);

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)?;
        writer.write_all(b" ")
    }
}
