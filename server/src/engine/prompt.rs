//! From a request to the tokens that the model reads.

use super::{
    control::ControlGuard,
    grammar::Grammar,
    template::{ChatTemplate, RenderError},
    tools::{ToolPlan, describe},
    vocabulary::Vocabulary,
};
use amend_proto::{ChatRequest, ErrorKind, Message, ModelError, Prompt, ResponseFormat, Role};
use mistralrs::{ModelGenerationDefaults, llguidance::ParserFactory};
use serde_json::{Value, json};
use std::sync::Arc;

/// Whether the tokenizer adds its own begin token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BeginToken {
    /// The template writes it, where the model wants one.
    FromTemplate,
    /// The tokenizer adds it.
    Added,
}

/// The model's tokenizer.
pub(super) type Encode = dyn Fn(&str, BeginToken) -> Result<Vec<u32>, String> + Send + Sync;

/// What a loaded model is, besides its weights.
pub(super) struct Assets {
    pub(super) encode: Box<Encode>,
    pub(super) template: Option<ChatTemplate>,
    pub(super) vocabulary: Vocabulary,
    pub(super) grammars: Arc<ParserFactory>,
    pub(super) guard: ControlGuard,
    pub(super) context_length: usize,
    pub(super) defaults: ModelGenerationDefaults,
    /// The tokenizer writes word beginnings as spaces, also that of an answer's first word.
    pub(super) space_before_words: bool,
}

/// A request that is ready for the engine.
pub(super) struct Prepared {
    pub(super) tokens: Vec<u32>,
    pub(super) max_tokens: usize,
    pub(super) tools: ToolPlan,
    pub(super) grammar: Option<Grammar>,
}

impl Assets {
    /// Checks a request and makes it ready: rendering, tokenizing, compiling the output grammar. CPU work that grows
    /// with the request: see [`is_quick`].
    ///
    /// # Errors
    /// When the request is wrong, asks for what this model cannot do, or does not fit its context.
    pub(super) fn prepare(&self, request: &ChatRequest) -> Result<Prepared, ModelError> {
        check_sampling(request)?;
        let tools = ToolPlan::new(request)?;
        let tokens = match &request.prompt {
            Prompt::Text(text) => self.tokenize_text(text)?,
            Prompt::Chat(messages) => self.tokenize_chat(messages, request, &tools)?,
        };
        if matches!(request.prompt, Prompt::Text(_)) && tools != ToolPlan::None {
            return Err(ModelError::unsupported("tools", "a text prompt has no tools; use a conversation"));
        }
        let left = self.context_length.saturating_sub(tokens.len());
        if left == 0 {
            return Err(self.too_long(&format!("{} tokens", tokens.len())));
        }
        let max_tokens = request.sampling.max_tokens.map_or(left, |asked| left.min(asked as usize));
        let grammar = match (&tools, &request.format) {
            (ToolPlan::Forced(schema), _) => Some(Grammar::json(&self.grammars, schema, "tools")?),
            (_, ResponseFormat::Text) => None,
            (_, ResponseFormat::JsonObject) => {
                Some(Grammar::json(&self.grammars, &json!({"type": "object"}), "response_format")?)
            }
            (_, ResponseFormat::JsonSchema(schema)) => {
                Some(Grammar::json(&self.grammars, schema, "response_format.json_schema")?)
            }
        };
        Ok(Prepared { tokens, max_tokens, tools, grammar })
    }

    /// How many tokens a piece of a prompt is; `None` when the tokenizer fails on it.
    pub(super) fn count_tokens(&self, text: &str) -> Option<usize> {
        (self.encode)(text, BeginToken::FromTemplate).ok().map(|tokens| tokens.len())
    }

    /// The same model with a tokenizer that knows nothing, and no template.
    #[cfg(test)]
    pub(super) fn clone_without_encode(&self) -> Self {
        Self {
            encode: Box::new(|_, _| Ok(Vec::new())),
            template: None,
            vocabulary: self.vocabulary.clone(),
            grammars: Arc::clone(&self.grammars),
            guard: self.guard.clone(),
            context_length: 1 << 20,
            defaults: self.defaults.clone(),
            space_before_words: self.space_before_words,
        }
    }

    fn tokenize_text(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.check_bytes(text)?;
        let tokens = (self.encode)(text, BeginToken::Added).map_err(ModelError::engine)?;
        if tokens.is_empty() {
            return Err(ModelError::invalid("prompt", "the prompt must not be empty"));
        }
        Ok(tokens)
    }

    fn tokenize_chat(
        &self,
        messages: &[Message],
        request: &ChatRequest,
        tools: &ToolPlan,
    ) -> Result<Vec<u32>, ModelError> {
        check_messages(messages)?;
        let Some(template) = &self.template else {
            return Err(ModelError::unsupported(
                "messages",
                "this model has no chat template; send a text prompt to /v1/completions",
            ));
        };
        let shown = if *tools == ToolPlan::None { &[][..] } else { &request.tools };
        if !shown.is_empty() && !template.reads_tools() {
            return Err(ModelError::unsupported("tools", "this model's chat template does not know tools"));
        }
        let tools: Vec<Value> =
            shown.iter().map(|tool| self.guard.neutralise_json(&describe(tool))).collect();
        let rendered: Vec<Value> =
            messages.iter().enumerate().map(|(index, _)| self.render_message(messages, index)).collect();
        let text = template.render(&rendered, &tools).map_err(|error| match error {
            RenderError::Refused(reason) => {
                ModelError::invalid("messages", format!("the model's chat template refuses this: {reason}"))
            }
            RenderError::Failed(_) => ModelError::engine(error),
        })?;
        self.check_bytes(&text)?;
        let tokens = (self.encode)(&text, BeginToken::FromTemplate).map_err(ModelError::engine)?;
        if tokens.is_empty() {
            return Err(ModelError::invalid("messages", "the conversation renders to an empty prompt"));
        }
        Ok(tokens)
    }

    fn render_message(&self, messages: &[Message], index: usize) -> Value {
        let Message { role, content, tool_calls, tool_call_id } = &messages[index];
        let mut rendered = super::template::message(role.as_str(), &self.guard.neutralise(content));
        if !tool_calls.is_empty() {
            let calls = tool_calls.iter().map(|call| {
                let arguments: Value = serde_json::from_str(&call.arguments)
                    .unwrap_or_else(|_| Value::String(call.arguments.clone()));
                json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
            });
            rendered["tool_calls"] = self.guard.neutralise_json(&calls.collect());
        }
        if let Some(id) = tool_call_id {
            rendered["tool_call_id"] = json!(self.guard.neutralise(id));
            let earlier = messages[..index].iter().flat_map(|message| &message.tool_calls);
            if let Some(call) = earlier.into_iter().find(|call| &call.id == id) {
                rendered["name"] = json!(self.guard.neutralise(&call.name));
            }
        }
        rendered
    }

    /// Refuses a text that cannot fit, whatever its tokens, without spending the time to tokenize it.
    fn check_bytes(&self, text: &str) -> Result<(), ModelError> {
        let least = text.len() / self.vocabulary.longest();
        if least > self.context_length {
            Err(self.too_long(&format!("more than {least} tokens")))
        } else {
            Ok(())
        }
    }

    fn too_long(&self, prompt: &str) -> ModelError {
        ModelError::new(
            ErrorKind::ContextLength,
            format!(
                "the prompt has {prompt}, and this model's context holds {} of prompt and answer together; \
                 shorten the prompt",
                self.context_length
            ),
        )
    }
}

/// Up to this many bytes a prompt is rendered and tokenized in well under half a millisecond, where it stands; more
/// than that leaves the async runtime.
const QUICK_BYTES: usize = 4 << 10;

/// Whether preparing this request is too little work to be worth a change of threads.
pub(super) fn is_quick(request: &ChatRequest) -> bool {
    let bytes = match &request.prompt {
        Prompt::Text(text) => text.len(),
        Prompt::Chat(messages) => messages.iter().map(|message| message.content.len() + 16).sum(),
    };
    bytes <= QUICK_BYTES && request.format == ResponseFormat::Text && request.tools.is_empty()
}

fn check_messages(messages: &[Message]) -> Result<(), ModelError> {
    if messages.is_empty() {
        return Err(ModelError::invalid("messages", "messages must not be empty"));
    }
    for (index, message) in messages.iter().enumerate() {
        let at = |field: &str| format!("messages[{index}].{field}");
        match message.role {
            Role::Tool if message.tool_call_id.is_none() => {
                return Err(ModelError::invalid(
                    at("tool_call_id"),
                    "a tool message must name the call it answers",
                ));
            }
            Role::System | Role::User | Role::Tool if !message.tool_calls.is_empty() => {
                return Err(ModelError::invalid(at("tool_calls"), "only an assistant message calls tools"));
            }
            Role::System | Role::User | Role::Assistant | Role::Tool => {}
        }
    }
    Ok(())
}

/// Values that would make the sampler do nonsense. The HTTP layer checks OpenAI's ranges; other callers have no such
/// layer in front.
fn check_sampling(request: &ChatRequest) -> Result<(), ModelError> {
    let sampling = &request.sampling;
    let bad = |param: &str, message: &str| Err(ModelError::invalid(param, message));
    if sampling.max_tokens == Some(0) {
        return bad("max_tokens", "max_tokens must be at least 1");
    }
    if sampling.temperature.is_some_and(|t| !t.is_finite() || t < 0.0) {
        return bad("temperature", "temperature must be a number of at least 0");
    }
    if sampling.top_p.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
        return bad("top_p", "top_p must be above 0 and at most 1");
    }
    if sampling.min_p.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
        return bad("min_p", "min_p must be from 0 to 1");
    }
    if sampling.presence_penalty.is_some_and(|p| !p.is_finite()) {
        return bad("presence_penalty", "presence_penalty must be a number");
    }
    if sampling.frequency_penalty.is_some_and(|p| !p.is_finite()) {
        return bad("frequency_penalty", "frequency_penalty must be a number");
    }
    if sampling.logit_bias.iter().any(|(_, bias)| !bias.is_finite()) {
        return bad("logit_bias", "every bias must be a number");
    }
    if sampling.stop.iter().any(String::is_empty) {
        return bad("stop", "a stop text must not be empty");
    }
    Ok(())
}
