//! Tools: what the model is told of them, what it must write, and how its calls are read.
//!
//! Models write calls in a handful of forms; these are read: `<tool_call>{…}</tool_call>` (Hermes, Qwen),
//! `[TOOL_CALLS][…]` (Mistral), `<|python_tag|>{…}` and a bare `{"name", "parameters"}` (Llama 3). Where a call is
//! required, an output grammar makes it `{"name", "arguments"}`, whatever the model's own form.

use super::text::beginning_at_end;
use amend_proto::{ChatRequest, ModelError, ResponseFormat, Tool, ToolCall, ToolChoice};
use serde_json::{Value, json};

/// What begins a call in a text.
const MARKS: [&str; 3] = ["<tool_call>", "[TOOL_CALLS]", "<|python_tag|>"];

/// What a request does about tools.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ToolPlan {
    /// There are none, or none may be called: the answer is text.
    None,
    /// The model decides; calls of these functions are read out of its text.
    Auto(Vec<String>),
    /// It must call one; the schema says which and how.
    Forced(Value),
}

impl ToolPlan {
    /// What the request asks for.
    ///
    /// # Errors
    /// When it asks for a tool that it does not bring, or for things that exclude one another.
    pub(super) fn new(request: &ChatRequest) -> Result<Self, ModelError> {
        let invalid = |message: &str| Err(ModelError::invalid("tool_choice", message));
        if request.tools.is_empty() {
            return match &request.tool_choice {
                ToolChoice::Required | ToolChoice::Function(_) => {
                    invalid("tool_choice asks for a call, and tools is empty")
                }
                ToolChoice::Auto | ToolChoice::None => Ok(Self::None),
            };
        }
        if request.tool_choice != ToolChoice::None && request.format != ResponseFormat::Text {
            return Err(ModelError::unsupported(
                "response_format",
                "response_format and tools exclude one another; set tool_choice to \"none\" or leave one of them out",
            ));
        }
        match &request.tool_choice {
            ToolChoice::None => Ok(Self::None),
            ToolChoice::Auto => Ok(Self::Auto(request.tools.iter().map(|tool| tool.name.clone()).collect())),
            ToolChoice::Required => Ok(Self::Forced(schema(&request.tools))),
            ToolChoice::Function(name) => match request.tools.iter().find(|tool| &tool.name == name) {
                Some(tool) => Ok(Self::Forced(schema(std::slice::from_ref(tool)))),
                None => invalid("tool_choice names a function that is not in tools"),
            },
        }
    }
}

/// A tool in OpenAI's form, for the template.
pub(super) fn describe(tool: &Tool) -> Value {
    let mut function = json!({ "name": tool.name });
    if let Some(description) = &tool.description {
        function["description"] = json!(description);
    }
    function["parameters"] =
        tool.parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    json!({ "type": "function", "function": function })
}

/// One call of one of these tools.
fn schema(tools: &[Tool]) -> Value {
    let call = |tool: &Tool, at: &str| {
        let mut arguments = tool.parameters.clone().unwrap_or_else(|| json!({"type": "object"}));
        move_references(&mut arguments, &format!("{at}/properties/arguments"));
        json!({
            "type": "object",
            "properties": { "name": { "const": tool.name }, "arguments": arguments },
            "required": ["name", "arguments"],
            "additionalProperties": false,
        })
    };
    match tools {
        [one] => call(one, "#"),
        many => {
            let calls: Vec<Value> = many
                .iter()
                .enumerate()
                .map(|(index, tool)| call(tool, &format!("#/anyOf/{index}")))
                .collect();
            json!({ "anyOf": calls })
        }
    }
}

/// References count from the root of a schema, which has moved to `root`.
fn move_references(schema: &mut Value, root: &str) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(target) if key == "$ref" && target.starts_with('#') => {
                        *target = format!("{root}{}", &target[1..]);
                    }
                    _ => move_references(value, root),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| move_references(item, root)),
        _ => {}
    }
}

/// Parts an answer into text and calls while it comes.
#[derive(Debug)]
pub(super) struct ToolScanner {
    plan: ToolPlan,
    held: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far: a bare JSON call may begin.
    Beginning,
    /// In text: a mark may come.
    Text,
    /// In what may be a call: all is held until the end.
    Call,
}

impl ToolScanner {
    pub(super) fn new(plan: ToolPlan) -> Self {
        let state = match plan {
            ToolPlan::Forced(_) => State::Call,
            ToolPlan::Auto(_) => State::Beginning,
            ToolPlan::None => State::Text,
        };
        Self { plan, held: String::new(), state }
    }

    /// Takes the next piece; gives what is text for sure.
    pub(super) fn push(&mut self, piece: String) -> String {
        if self.plan == ToolPlan::None {
            return piece;
        }
        self.held.push_str(&piece);
        if self.state == State::Beginning {
            match self.held.trim_start().chars().next() {
                None => return String::new(),
                Some('{') => self.state = State::Call,
                Some(_) => self.state = State::Text,
            }
        }
        if self.state == State::Call {
            return String::new();
        }
        if let Some(start) = MARKS.iter().filter_map(|mark| self.held.find(mark)).min() {
            self.state = State::Call;
            let call = self.held.split_off(start);
            return std::mem::replace(&mut self.held, call);
        }
        let keep = MARKS.iter().map(|mark| beginning_at_end(&self.held, mark)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        std::mem::replace(&mut self.held, rest)
    }

    /// What was held back, when nothing follows: text, or calls.
    pub(super) fn finish(&mut self) -> (String, Vec<ToolCall>) {
        let held = std::mem::take(&mut self.held);
        let calls = match &self.plan {
            ToolPlan::None => None,
            ToolPlan::Forced(_) => read_calls(&held, None),
            ToolPlan::Auto(names) if self.state == State::Call => read_calls(&held, Some(names)),
            ToolPlan::Auto(_) => None,
        };
        match calls {
            Some(calls) => (String::new(), calls),
            None => (held, Vec::new()),
        }
    }
}

/// The calls that this text consists of; `None` when it is anything else, or calls a function not in `names`.
fn read_calls(text: &str, names: Option<&[String]>) -> Option<Vec<ToolCall>> {
    let mut rest = text.trim();
    let mut calls = Vec::new();
    while !rest.is_empty() {
        for mark in MARKS {
            rest = rest.strip_prefix(mark).unwrap_or(rest).trim_start();
        }
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let value = values.next()?.ok()?;
        rest = rest[values.byte_offset()..].trim_start();
        rest = rest.strip_prefix("</tool_call>").unwrap_or(rest);
        rest = rest.trim_start_matches([';', ',']).trim_start();
        match value {
            Value::Array(items) => {
                calls.extend(items.iter().map(|item| read_call(item, names)).collect::<Option<Vec<_>>>()?)
            }
            one => calls.push(read_call(&one, names)?),
        }
    }
    (!calls.is_empty()).then_some(calls)
}

fn read_call(value: &Value, names: Option<&[String]>) -> Option<ToolCall> {
    let value = value.get("function").filter(|inner| inner.is_object()).unwrap_or(value);
    let name = value.get("name")?.as_str()?;
    if names.is_some_and(|names| !names.iter().any(|known| known == name)) {
        return None;
    }
    let arguments = match value.get("arguments").or_else(|| value.get("parameters")) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "{}".to_owned(),
    };
    Some(ToolCall { id: format!("call_{}", uuid::Uuid::now_v7().simple()), name: name.to_owned(), arguments })
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::Message;

    fn tool(name: &str) -> Tool {
        let parameters = json!({"type": "object", "properties": {"city": {"$ref": "#/$defs/c"}}, "$defs": {"c": {"type": "string"}}});
        Tool { name: name.to_owned(), description: None, parameters: Some(parameters) }
    }

    fn request(choice: ToolChoice) -> ChatRequest {
        let mut request = ChatRequest::greedy(vec![Message::user("hi")]);
        request.tools = vec![tool("weather"), tool("time")];
        request.tool_choice = choice;
        request
    }

    fn scan(pieces: &[&str]) -> (String, Vec<(String, String)>) {
        let mut scanner = ToolScanner::new(ToolPlan::new(&request(ToolChoice::Auto)).unwrap());
        let mut text: String = pieces.iter().map(|piece| scanner.push((*piece).to_owned())).collect();
        let (rest, calls) = scanner.finish();
        text.push_str(&rest);
        (text, calls.into_iter().map(|call| (call.name, call.arguments)).collect())
    }

    #[test]
    fn calls_are_read_in_every_form() {
        let weather = vec![("weather".to_owned(), r#"{"city":"Rome"}"#.to_owned())];
        let call = r#"{"name": "weather", "arguments": {"city": "Rome"}}"#;
        assert_eq!(
            scan(&["Let me see. <tool", "_call>\n", call, "\n</tool_call>"]),
            ("Let me see. ".to_owned(), weather.clone())
        );
        assert_eq!(scan(&["[TOOL_CALLS]", " [", call, "]"]), (String::new(), weather.clone()));
        assert_eq!(
            scan(&["<|python_tag|>", r#"{"name": "weather", "parameters": {"city": "Rome"}}"#]).1,
            weather
        );
        assert_eq!(scan(&[" ", call]).1, weather);
        let twice = format!("<tool_call>{call}</tool_call>\n<tool_call>{call}</tool_call>");
        assert_eq!(scan(&[&twice]).1.len(), 2);
    }

    #[test]
    fn what_only_looks_like_a_call_stays_text() {
        for text in [
            "<tool_call>{broken",
            "{\"a\": 1}",
            "<tool_call>{\"name\": \"rm\"}</tool_call>",
            "plain <tool",
            "[1]",
            "",
        ] {
            assert_eq!(scan(&[text]), (text.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn choices_are_checked() {
        let param = |choice| ToolPlan::new(&request(choice)).unwrap_err().kind().clone();
        let expected = amend_proto::ErrorKind::InvalidRequest { param: Some("tool_choice".to_owned()) };
        assert_eq!(param(ToolChoice::Function("rm".to_owned())), expected);
        let none = ChatRequest { tools: Vec::new(), ..request(ToolChoice::Required) };
        assert_eq!(ToolPlan::new(&none).unwrap_err().kind(), &expected);
        assert_eq!(ToolPlan::new(&request(ToolChoice::None)).unwrap(), ToolPlan::None);
        let both = ChatRequest { format: ResponseFormat::JsonObject, ..request(ToolChoice::Auto) };
        assert!(matches!(
            ToolPlan::new(&both).unwrap_err().kind(),
            amend_proto::ErrorKind::Unsupported { .. }
        ));
    }

    #[test]
    fn references_follow_the_schema_that_they_count_from() {
        let ToolPlan::Forced(both) = ToolPlan::new(&request(ToolChoice::Required)).unwrap() else {
            panic!("forced")
        };
        let target =
            both["anyOf"][1]["properties"]["arguments"]["properties"]["city"]["$ref"].as_str().unwrap();
        assert_eq!(both.pointer(&target[1..]).unwrap(), &json!({"type": "string"}));
        let ToolPlan::Forced(one) = ToolPlan::new(&request(ToolChoice::Function("time".to_owned()))).unwrap()
        else {
            panic!("forced")
        };
        assert_eq!(one["properties"]["name"]["const"], "time");
    }
}
