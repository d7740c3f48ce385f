//! The model's chat template: from messages to the text that the model reads.
//!
//! Rendered here and not by the engine, which does it on its only thread, between two tokens of everybody else, and
//! where a template that panics takes every request down. The surroundings are those that Hugging Face's
//! `apply_chat_template` gives a template (Jinja with `trim_blocks`, `lstrip_blocks`, `tojson`, `raise_exception`,
//! `strftime_now`, Python's string methods, keys in the order they were written).

use super::json_value::{JsonObject, to_json};
use minijinja::{Environment, Error, ErrorKind, Value, context};
use serde_json::{Value as Json, json};

/// Names of the templates inside the environment.
const CHAT: &str = "chat";
const TOOLS: &str = "tool_use";

/// The texts that stand for the model's control tokens, which templates ask for by role.
#[derive(Debug, Clone, Default)]
pub(super) struct ControlTexts {
    pub(super) begin: Option<String>,
    pub(super) end: Option<String>,
    pub(super) unknown: Option<String>,
}

/// A chat template, compiled.
pub(super) struct ChatTemplate {
    environment: Environment<'static>,
    texts: ControlTexts,
    reads_tools: bool,
    separate_tools: bool,
}

/// Why a conversation could not be rendered.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenderError {
    /// The template itself refuses the conversation, in these words.
    #[error("{0}")]
    Refused(String),
    /// The template fails.
    #[error("the chat template failed: {0}")]
    Failed(#[source] Error),
}

/// Marks an error that the template raised on purpose.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

impl ChatTemplate {
    /// Compiles a template and, if the model has another for conversations with tools, that one.
    ///
    /// # Errors
    /// When the template is not Jinja as minijinja understands it.
    pub(super) fn new(chat: &str, tools: Option<&str>, texts: ControlTexts) -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Raised(message)))
        });
        environment
            .add_function("strftime_now", |format: String| chrono::Utc::now().format(&format).to_string());
        environment.add_filter("tojson", to_json);
        environment.add_template_owned(CHAT, adapt(chat))?;
        if let Some(tools) = tools {
            environment.add_template_owned(TOOLS, adapt(tools))?;
        }
        let reads_tools = environment
            .get_template(if tools.is_some() { TOOLS } else { CHAT })?
            .undeclared_variables(false)
            .contains("tools");
        Ok(Self { environment, texts, reads_tools, separate_tools: tools.is_some() })
    }

    /// Whether the template shows tools to the model.
    pub(super) fn reads_tools(&self) -> bool {
        self.reads_tools
    }

    /// The conversation as the model reads it, ready for the assistant's next turn.
    ///
    /// `messages` and `tools` are in OpenAI's form, tool arguments as objects.
    pub(super) fn render(&self, messages: &[Json], tools: &[Json]) -> Result<String, RenderError> {
        let name = if self.separate_tools && !tools.is_empty() { TOOLS } else { CHAT };
        let list =
            |values: &[Json]| Value::from(values.iter().map(JsonObject::value).collect::<Vec<Value>>());
        let base = context! {
            messages => list(messages),
            add_generation_prompt => true,
            bos_token => self.texts.begin.as_deref().unwrap_or_default(),
            eos_token => self.texts.end.as_deref().unwrap_or_default(),
            unk_token => self.texts.unknown.as_deref().unwrap_or_default(),
        };
        let context = match tools.is_empty() {
            true => base,
            false => context! { tools => list(tools), ..base },
        };
        let template = self.environment.get_template(name).map_err(RenderError::Failed)?;
        template.render(context).map_err(|error| {
            let mut source = std::error::Error::source(&error);
            while let Some(inner) = source {
                if let Some(Raised(message)) = inner.downcast_ref::<Raised>() {
                    return RenderError::Refused(message.clone());
                }
                source = inner.source();
            }
            RenderError::Failed(error)
        })
    }
}

/// What templates use and minijinja does not read: training marks, and Python's way to reverse a list.
fn adapt(template: &str) -> String {
    template
        .replace("{% generation %}", "")
        .replace("{% endgeneration %}", "")
        .replace("{%- generation %}", "")
        .replace("{%- endgeneration %}", "")
        .replace("[::-1]", "|reverse")
}

/// A message in the form that templates know.
pub(super) fn message(role: &str, content: &str) -> Json {
    json!({ "role": role, "content": content })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, messages: &[Json], tools: &[Json]) -> Result<String, RenderError> {
        let texts = ControlTexts { begin: Some("<s>".to_owned()), ..ControlTexts::default() };
        ChatTemplate::new(template, None, texts).unwrap().render(messages, tools)
    }

    #[test]
    fn renders_as_transformers_does() {
        let template = "{{ bos_token }}{% for m in messages %}\n{{ m['role'] + ': ' + m.content.strip() + '\n' }}\n\
                        {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
        let messages = [message("system", " Be brief. "), message("user", "Hi")];
        assert_eq!(
            render(template, &messages, &[]).unwrap(),
            "<s>system: Be brief.\n\nuser: Hi\n\nassistant:"
        );
    }

    #[test]
    fn tools_keep_the_order_of_their_keys_and_pythons_separators() {
        let template = "{% if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}";
        let tool = json!({"type": "function", "function": {"name": "f", "description": "é <b>", "parameters": {"z": 1, "a": [true, null, 1.5]}}});
        assert_eq!(
            render(template, &[], &[tool]).unwrap(),
            r#"{"type": "function", "function": {"name": "f", "description": "é <b>", "parameters": {"z": 1, "a": [true, null, 1.5]}}}"#
        );
        assert!(ChatTemplate::new(template, None, ControlTexts::default()).unwrap().reads_tools());
        assert!(!ChatTemplate::new("x", None, ControlTexts::default()).unwrap().reads_tools());
        assert!(ChatTemplate::new("x", Some(template), ControlTexts::default()).unwrap().reads_tools());
    }

    #[test]
    fn what_the_template_raises_is_told_from_what_fails() {
        let raised = render("{{ raise_exception('roles must alternate') }}", &[], &[]).unwrap_err();
        assert!(
            matches!(&raised, RenderError::Refused(message) if message == "roles must alternate"),
            "{raised:?}"
        );
        let failed =
            render("{{ messages[0].content.no_such_method() }}", &[message("user", "x")], &[]).unwrap_err();
        assert!(matches!(failed, RenderError::Failed(_)));
    }

    #[test]
    fn python_idioms_of_real_templates_work() {
        let template = "{% set ns = namespace(found=false) %}{% for m in messages[::-1] %}{% if not ns.found and \
                        m.role == 'user' %}{{ m.content.split('</think>')[-1].lstrip('\n') }}{% set ns.found = true %}\
                        {% endif %}{% endfor %}{{ messages[1:] | length }}{{ 'x' in messages[0].content }}\
                        {% if messages[0].name is defined %}no{% endif %}{{ strftime_now('%Y')[:2] }}";
        let messages = [message("user", "a"), message("user", "b</think>\nc")];
        assert_eq!(render(template, &messages, &[]).unwrap(), "c1False20");
    }
}
