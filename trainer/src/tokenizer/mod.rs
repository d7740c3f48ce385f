//! From conversations to training examples.

mod bpe;
mod files;
mod template;
#[cfg(test)]
mod tests;

pub use bpe::{CHATML_TOKENS, END_OF_TEXT, TURN_END, TURN_START, train_bpe};
pub use template::{CHATML, ChatTemplate, Ending};

use crate::decoder::Example;
use crate::{Error, Result};
use amend_proto::{Message, Role};
use tokenizers::Tokenizer;

/// Which answers of a conversation the model learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervision {
    /// The last assistant message, which must be the last message.
    LastAnswer,
    /// Every assistant message.
    EveryAnswer,
}

/// A tokenizer with the chat template that belongs to it.
#[derive(Debug)]
pub struct ChatTokenizer {
    tokenizer: Tokenizer,
    template: ChatTemplate,
    special: SpecialTokens,
}

/// The special tokens that a model folder names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecialTokens {
    /// The token a text begins with, if any.
    pub bos: Option<String>,
    /// The token that ends an answer.
    pub eos: String,
    /// The token used to pad, if any.
    pub pad: Option<String>,
}

impl ChatTokenizer {
    /// From the parts.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the template is not valid or a special token is not in the vocabulary.
    pub fn new(tokenizer: Tokenizer, template: &str, special: SpecialTokens) -> Result<Self> {
        for token in special.bos.iter().chain([&special.eos]).chain(&special.pad) {
            if tokenizer.token_to_id(token).is_none() {
                return Err(Error::Tokenizer(format!(
                    "the special token {token:?} is not in the vocabulary"
                )));
            }
        }
        let template = ChatTemplate::new(template, special.bos.as_deref().unwrap_or_default(), &special.eos)?;
        Ok(Self { tokenizer, template, special })
    }

    /// A tokenizer from [`train_bpe`] with [`CHATML_TOKENS`], and the template [`CHATML`].
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when a token of the template is not in the vocabulary.
    pub fn chatml(tokenizer: Tokenizer) -> Result<Self> {
        let special = SpecialTokens {
            bos: Some(END_OF_TEXT.into()),
            eos: TURN_END.into(),
            pad: Some(END_OF_TEXT.into()),
        };
        Self::new(tokenizer, CHATML, special)
    }

    /// The tokenizer without the template.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The template.
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }

    /// The special tokens.
    pub fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// The id of a token by its exact text.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// Pieces of the vocabulary, special tokens included: one more than the largest id.
    pub fn vocab_size(&self) -> usize {
        let largest = self.tokenizer.get_vocab(true).into_values().max();
        largest.map_or(0, |id| id as usize + 1)
    }

    /// The tokens of a text in which special tokens are recognised; none is added.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the text cannot be encoded.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, false);
        Ok(encoding
            .map_err(|e| Error::Tokenizer(format!("a text could not be encoded: {e}")))?
            .get_ids()
            .to_vec())
    }

    /// The text of some tokens, special tokens left out.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the tokens cannot be decoded.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let text = self.tokenizer.decode(ids, true);
        text.map_err(|e| Error::Tokenizer(format!("tokens could not be decoded: {e}")))
    }

    /// The tokens a model is given to answer `messages`.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`] and [`Self::encode`].
    pub fn prompt(&self, messages: &[Message]) -> Result<Vec<u32>> {
        self.encode(&self.template.render(messages, Ending::OpenTurn)?)
    }

    /// A training example from a conversation. Each supervised answer includes the token that ends the turn; what the
    /// template puts after the last one is left out. Prompt and answer are encoded apart, because at inference the
    /// answer is generated after the prompt's own tokens.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the conversation has no such answer, or the template rewrites earlier turns, so that
    /// answers cannot be told apart.
    pub fn example(&self, messages: &[Message], supervision: Supervision) -> Result<Example> {
        let answers: Vec<usize> = match supervision {
            Supervision::EveryAnswer => {
                (0..messages.len()).filter(|&i| messages[i].role == Role::Assistant).collect()
            }
            Supervision::LastAnswer => messages.len().checked_sub(1).into_iter().collect(),
        };
        let (Some(_), true) = (answers.last(), answers.iter().all(|&i| messages[i].role == Role::Assistant))
        else {
            return Err(Error::Tokenizer("the conversation does not end with an assistant message".into()));
        };
        let mut done = String::new();
        let mut example = Example { ids: Vec::new(), weights: Vec::new() };
        for index in answers {
            let before = self.template.render(&messages[..index], Ending::OpenTurn)?;
            let after = self.template.render(&messages[..=index], Ending::Closed)?;
            let (Some(context), Some(answer)) = (before.strip_prefix(&done), after.strip_prefix(&before))
            else {
                return Err(Error::Tokenizer("the chat template rewrites earlier turns".into()));
            };
            // What follows the end of the turn is context for the next one.
            let end = answer.rfind(&self.special.eos).map_or(answer.len(), |at| at + self.special.eos.len());
            self.extend(&mut example, context, Part::Context)?;
            self.extend(&mut example, &answer[..end], Part::Answer)?;
            done = after[..before.len() + end].to_owned();
        }
        Ok(example)
    }

    fn extend(&self, example: &mut Example, text: &str, part: Part) -> Result<()> {
        let ids = self.encode(text)?;
        example.weights.resize(example.ids.len() + ids.len(), if part == Part::Answer { 1.0 } else { 0.0 });
        example.ids.extend(ids);
        Ok(())
    }
}

/// Whether a piece of a conversation is learned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Context,
    Answer,
}
