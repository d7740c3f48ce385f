//! Chat templates, rendered as the Hugging Face libraries do it: Jinja with trimmed blocks, the methods of Python's
//! strings, `raise_exception` and `tojson`.

use crate::{Error, Result};
use amend_proto::Message;
use minijinja::{Environment, ErrorKind, context};

/// The template of the built-in model and of models made from nothing.
pub const CHATML: &str = include_str!("chatml.jinja");

/// Whether a rendered conversation ends with the opening of the model's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ends after the last message.
    Closed,
    /// It ends where the model's answer begins.
    OpenTurn,
}

/// A compiled chat template with the special tokens it may name.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    bos_token: String,
    eos_token: String,
}

impl ChatTemplate {
    /// Compiles `source`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when it is not a valid template.
    pub fn new(source: &str, bos_token: &str, eos_token: &str) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |text: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, text))
        });
        environment.add_template_owned("chat", source.to_owned()).map_err(|e| explain("compiled", &e))?;
        let source = source.to_owned();
        Ok(Self { environment, source, bos_token: bos_token.to_owned(), eos_token: eos_token.to_owned() })
    }

    /// The text of the template.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The conversation as the text the model reads.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the template refuses the messages.
    pub fn render(&self, messages: &[Message], ending: Ending) -> Result<String> {
        let variables = context! {
            messages => messages,
            add_generation_prompt => ending == Ending::OpenTurn,
            bos_token => self.bos_token,
            eos_token => self.eos_token,
        };
        let template = self.environment.get_template("chat").map_err(|e| explain("found", &e))?;
        template.render(variables).map_err(|e| explain("rendered", &e))
    }
}

fn explain(what: &str, error: &minijinja::Error) -> Error {
    Error::Tokenizer(format!("the chat template could not be {what}: {error:#}"))
}
