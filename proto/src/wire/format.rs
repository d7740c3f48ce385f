//! `response_format`: what form an answer must have.

use super::fields::{Extra, UnknownFields, sort_out};
use crate::{chat::ResponseFormat, error::ModelError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// What form an answer must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResponseFormatParam {
    /// Which form.
    #[serde(rename = "type")]
    pub kind: FormatType,
    /// The schema of the form `json_schema`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<JsonSchemaFormat>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FormatType {
    /// Any text.
    Text,
    /// One JSON object.
    JsonObject,
    /// JSON that a schema accepts.
    JsonSchema,
}

/// A schema and what it is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonSchemaFormat {
    /// Its name; has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for; has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The schema; required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub schema: Option<Value>,
    /// Has no effect: the answer is always held to the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

pub(super) fn read_format(
    format: Option<ResponseFormatParam>,
    unknown: &mut UnknownFields,
) -> Result<ResponseFormat, ModelError> {
    let Some(ResponseFormatParam { kind, json_schema, extra }) = format else {
        return Ok(ResponseFormat::Text);
    };
    sort_out(&extra, "response_format", &[], unknown)?;
    let path = "response_format.json_schema";
    match (kind, json_schema) {
        (FormatType::Text, None) => Ok(ResponseFormat::Text),
        (FormatType::JsonObject, None) => Ok(ResponseFormat::JsonObject),
        (FormatType::Text | FormatType::JsonObject, Some(_)) => {
            Err(ModelError::invalid(path, format!("{path} goes with the type json_schema only")))
        }
        (FormatType::JsonSchema, None) => Err(ModelError::invalid(path, format!("{path} is missing"))),
        (FormatType::JsonSchema, Some(format)) => {
            let JsonSchemaFormat { name: _, description: _, schema, strict: _, extra } = format;
            sort_out(&extra, path, &[], unknown)?;
            let path = "response_format.json_schema.schema";
            match schema {
                Some(schema @ (Value::Object(_) | Value::Bool(_))) => {
                    Ok(ResponseFormat::JsonSchema(Arc::new(schema)))
                }
                _ => Err(ModelError::invalid(
                    path,
                    format!("{path} must be a JSON schema, that is, an object"),
                )),
            }
        }
    }
}
