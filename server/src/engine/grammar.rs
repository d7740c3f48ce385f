//! Output that must be JSON: which tokens may come next.
//!
//! The engine's own constraint draws first and masks after; here the mask comes first, so that filters and seed work on
//! what is allowed. It also ends answers by the *model's* end tokens: the grammar library finds an end token by a list
//! of well-known names, and takes token 0 when it finds none.

use super::vocabulary::Vocabulary;
use amend_proto::ModelError;
use mistralrs::llguidance::{Matcher, ParserFactory, api::TopLevelGrammar};
use serde_json::{Value, json};

/// The most white space between two parts of a JSON text. Without a bound a small model can go on with it for ever.
const WHITE_SPACE: &str = r"[ \n\r\t]{1,32}";

/// The state of one constrained answer.
pub(super) struct Grammar {
    matcher: Matcher,
    /// What the grammar library takes for an end token.
    library_end: Vec<u32>,
}

/// The grammar failed on an answer it had let begin.
#[derive(Debug, thiserror::Error)]
#[error("the output grammar failed: {0}")]
pub(super) struct GrammarError(String);

impl GrammarError {
    /// The library puts its state behind the reason, and with it the answer so far, which no log may hold.
    fn new(text: &str) -> Self {
        Self(first_line(text.split("<state>").next().unwrap_or_default()).to_owned())
    }
}

impl Grammar {
    /// Answers that `schema` accepts. Compiling takes from a millisecond to seconds: not for an async thread.
    ///
    /// # Errors
    /// When the schema is not one, or asks for what is not supported; the error names `param`.
    pub(super) fn json(factory: &ParserFactory, schema: &Value, param: &str) -> Result<Self, ModelError> {
        let mut schema = match schema {
            Value::Bool(true) => json!({}),
            Value::Object(_) => schema.clone(),
            _ => return Err(ModelError::invalid(param, "the schema must be a JSON object")),
        };
        schema["x-guidance"] = json!({ "whitespace_pattern": WHITE_SPACE });
        let parser = factory.create_parser(TopLevelGrammar::from_json_schema(schema)).map_err(|error| {
            ModelError::invalid(
                param,
                format!("the schema cannot be used: {}", first_line(&error.to_string())),
            )
        })?;
        let trie = factory.tok_env().tok_trie();
        let library_end = trie.eos_tokens().iter().copied().chain([trie.eos_token()]).collect();
        let mut matcher = Matcher::new(Ok(parser));
        // A schema that nothing satisfies compiles, and fails at the first token.
        matcher.compute_mask_or_eos().map_err(|_| {
            ModelError::invalid(param, "the schema cannot be used: no JSON text satisfies it")
        })?;
        Ok(Self { matcher, library_end })
    }

    /// Takes every token that may not come next out of the logits.
    pub(super) fn mask(&mut self, logits: &mut [f32], vocabulary: &Vocabulary) -> Result<(), GrammarError> {
        let mask =
            self.matcher.compute_mask_or_eos().map_err(|error| GrammarError::new(&error.to_string()))?;
        let may_end = self.matcher.is_stopped()
            || self.matcher.is_accepting().map_err(|error| GrammarError::new(&error.to_string()))?;
        for (token, logit) in (0_u32..).zip(logits.iter_mut()) {
            let allowed = if vocabulary.is_end(token) {
                may_end
            } else {
                (token as usize) < mask.len() && mask.is_allowed(token) && !self.library_end.contains(&token)
            };
            if !allowed {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    /// Goes on by a token that the mask allowed and that does not end the answer.
    pub(super) fn advance(&mut self, token: u32) -> Result<(), GrammarError> {
        self.matcher.consume_token(token).map_err(|error| GrammarError::new(&error.to_string()))
    }

    /// Whether the answer is complete and nothing can follow.
    pub(super) fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}
