//! Tools: what may be called, whether, and the calls.

use super::fields::{Extra, Known, UnknownFields, is_false, join, sort_out};
use crate::{
    chat::{Tool, ToolCall, ToolChoice},
    error::ModelError,
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;
use std::fmt;

/// Most functions in one request, as OpenAI has it.
const MAX_TOOLS: usize = 128;
/// Longest name of a function, as OpenAI has it.
const MAX_NAME_BYTES: usize = 64;

/// What sort of tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ToolType {
    /// A function with JSON arguments, the only sort that is honoured.
    #[default]
    Function,
    /// A tool with free-form input.
    Custom,
    /// A list of tools to choose from (`tool_choice` only).
    AllowedTools,
}

impl ToolType {
    fn check(self, path: &str) -> Result<(), ModelError> {
        match self {
            Self::Function => Ok(()),
            Self::Custom | Self::AllowedTools => {
                let path = join(path, "type");
                Err(ModelError::unsupported(
                    &path,
                    format!("{path}: only tools of type \"function\" can be called"),
                ))
            }
        }
    }
}

/// A function the model may call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FunctionDef {
    /// 1 to 64 letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, for the model to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// One element of `tools`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolParam {
    /// `function`.
    #[serde(rename = "type")]
    pub kind: ToolType,
    /// The function of a function tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionDef>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

const FUNCTION: [Known; 1] = [Known {
    name: "strict",
    harmless: is_false,
    why: "arguments are not constrained to the schema; leave `strict` out and validate them",
}];

impl ToolParam {
    fn read(self, path: &str, unknown: &mut UnknownFields) -> Result<Tool, ModelError> {
        let Self { kind, function, extra } = self;
        kind.check(path)?;
        sort_out(&extra, path, &[], unknown)?;
        let path = join(path, "function");
        let Some(function) = function else {
            return Err(ModelError::invalid(&path, format!("{path} is missing")));
        };
        let FunctionDef { name, description, parameters, extra } = function;
        sort_out(&extra, &path, &FUNCTION, unknown)?;
        check_name(&name, &join(&path, "name"))?;
        if parameters.as_ref().is_some_and(|parameters| !parameters.is_object()) {
            let path = join(&path, "parameters");
            return Err(ModelError::invalid(
                &path,
                format!("{path} must be a JSON schema, that is, an object"),
            ));
        }
        Ok(Tool { name, description, parameters })
    }
}

fn check_name(name: &str, path: &str) -> Result<(), ModelError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(ModelError::invalid(
        path,
        format!("{path} must be 1 to {MAX_NAME_BYTES} letters, digits, `_` or `-`"),
    ))
}

/// Checks `tools` and `tool_choice` each and against one another.
pub(super) fn read_tools(
    tools: Option<Vec<ToolParam>>,
    choice: Option<ToolChoiceParam>,
    unknown: &mut UnknownFields,
) -> Result<(Vec<Tool>, ToolChoice), ModelError> {
    let tools = tools.unwrap_or_default();
    if tools.len() > MAX_TOOLS {
        return Err(ModelError::invalid(
            "tools",
            format!("tools may hold {MAX_TOOLS} functions, not {}", tools.len()),
        ));
    }
    let mut read: Vec<Tool> = Vec::with_capacity(tools.len());
    for (index, tool) in tools.into_iter().enumerate() {
        let tool = tool.read(&format!("tools[{index}]"), unknown)?;
        if read.iter().any(|other| other.name == tool.name) {
            let path = format!("tools[{index}].function.name");
            return Err(ModelError::invalid(&path, format!("{path}: another tool has this name")));
        }
        read.push(tool);
    }
    let choice = match choice {
        None => ToolChoice::Auto,
        Some(choice) => choice.read(unknown)?,
    };
    let problem = match &choice {
        ToolChoice::Auto | ToolChoice::None => None,
        ToolChoice::Required if read.is_empty() => {
            Some("tool_choice asks for a call, and there are no tools")
        }
        ToolChoice::Required => None,
        ToolChoice::Function(name) if read.iter().all(|tool| tool.name != *name) => {
            Some("tool_choice names a function that is not among the tools")
        }
        ToolChoice::Function(_) => None,
    };
    match problem {
        Some(problem) => Err(ModelError::invalid("tool_choice", problem)),
        None => Ok((read, choice)),
    }
}

/// A function, by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FunctionName {
    /// The name.
    pub name: String,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// Whether tools are called: `"auto"`, `"none"`, `"required"`, or `{"type": "function", "function": {"name"}}`.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoiceParam {
    /// `"auto"`, `"none"`, `"required"`.
    Mode(ToolChoice),
    /// A call of one function.
    Named(NamedToolChoice),
}

/// The object form of `tool_choice`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamedToolChoice {
    /// `function`.
    #[serde(rename = "type")]
    pub kind: ToolType,
    /// The function to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionName>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

impl ToolChoiceParam {
    /// A call of this function.
    pub fn function(name: impl Into<String>) -> Self {
        let function = Some(FunctionName { name: name.into(), extra: Extra::new() });
        Self::Named(NamedToolChoice { kind: ToolType::Function, function, extra: Extra::new() })
    }

    fn read(self, unknown: &mut UnknownFields) -> Result<ToolChoice, ModelError> {
        let NamedToolChoice { kind, function, extra } = match self {
            Self::Mode(choice) => return Ok(choice),
            Self::Named(named) => named,
        };
        kind.check("tool_choice")?;
        sort_out(&extra, "tool_choice", &[], unknown)?;
        match function {
            Some(FunctionName { name, extra }) => {
                sort_out(&extra, "tool_choice.function", &[], unknown)?;
                Ok(ToolChoice::Function(name))
            }
            None => Err(ModelError::invalid("tool_choice.function", "tool_choice.function is missing")),
        }
    }
}

impl Serialize for ToolChoiceParam {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Mode(ToolChoice::Auto) => serializer.serialize_str("auto"),
            Self::Mode(ToolChoice::None) => serializer.serialize_str("none"),
            Self::Mode(ToolChoice::Required) => serializer.serialize_str("required"),
            Self::Mode(ToolChoice::Function(name)) => Self::function(name).serialize(serializer),
            Self::Named(named) => named.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ToolChoiceParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ToolChoiceVisitor)
    }
}

struct ToolChoiceVisitor;

impl<'de> Visitor<'de> for ToolChoiceVisitor {
    type Value = ToolChoiceParam;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"auto\", \"none\", \"required\" or an object that names a function")
    }

    fn visit_str<E: de::Error>(self, mode: &str) -> Result<ToolChoiceParam, E> {
        match mode {
            "auto" => Ok(ToolChoiceParam::Mode(ToolChoice::Auto)),
            "none" => Ok(ToolChoiceParam::Mode(ToolChoice::None)),
            "required" => Ok(ToolChoiceParam::Mode(ToolChoice::Required)),
            _ => Err(E::invalid_value(de::Unexpected::Str(mode), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ToolChoiceParam, A::Error> {
        NamedToolChoice::deserialize(MapAccessDeserializer::new(map)).map(ToolChoiceParam::Named)
    }
}

/// What is called, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FunctionCall {
    /// The function.
    pub name: String,
    /// The arguments as the model wrote them: JSON, unless the model erred.
    pub arguments: String,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// A call that the model asks for, in an answer or in the history of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolCallObject {
    /// Ties the tool's result to this call.
    pub id: String,
    /// `function`.
    #[serde(rename = "type", default)]
    pub kind: ToolType,
    /// The call.
    pub function: FunctionCall,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

impl ToolCallObject {
    pub(super) fn read(self, path: &str, unknown: &mut UnknownFields) -> Result<ToolCall, ModelError> {
        let Self { id, kind, function: FunctionCall { name, arguments, extra: inner }, extra } = self;
        kind.check(path)?;
        sort_out(&extra, path, &[], unknown)?;
        sort_out(&inner, &join(path, "function"), &[], unknown)?;
        Ok(ToolCall { id, name, arguments })
    }
}

impl From<ToolCall> for ToolCallObject {
    fn from(call: ToolCall) -> Self {
        let ToolCall { id, name, arguments } = call;
        let function = FunctionCall { name, arguments, extra: Extra::new() };
        Self { id, kind: ToolType::Function, function, extra: Extra::new() }
    }
}

#[cfg(feature = "openapi")]
mod schemas {
    use super::{NamedToolChoice, ToolChoiceParam};
    use std::borrow::Cow;
    use utoipa::{
        PartialSchema, ToSchema,
        openapi::{RefOr, Schema, schema::ObjectBuilder, schema::OneOfBuilder, schema::Type},
    };

    impl PartialSchema for ToolChoiceParam {
        fn schema() -> RefOr<Schema> {
            let mode = ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(["auto", "none", "required"]));
            OneOfBuilder::new().item(mode).item(NamedToolChoice::schema()).into()
        }
    }

    impl ToSchema for ToolChoiceParam {
        fn name() -> Cow<'static, str> {
            Cow::Borrowed("ToolChoiceParam")
        }

        fn schemas(named: &mut Vec<(String, RefOr<Schema>)>) {
            NamedToolChoice::schemas(named);
        }
    }
}
