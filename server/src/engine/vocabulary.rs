//! What the tokens of a model stand for.

use mistralrs::llguidance::toktrie::TokEnv;
use std::collections::HashSet;

/// What the tokens of a model stand for.
#[derive(Clone)]
pub(super) struct Vocabulary {
    env: TokEnv,
    /// Control tokens: they shape the conversation and are no text.
    control: HashSet<u32>,
    /// The tokens that end an answer.
    end: Vec<u32>,
}

/// Whether control tokens are text as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlTokens {
    /// They have no text.
    Hidden,
    /// They are written out: a tool call begins with one in some models.
    Written,
}

impl Vocabulary {
    pub(super) fn new(env: TokEnv, control: HashSet<u32>, end: Vec<u32>) -> Self {
        Self { env, control, end }
    }

    /// Whether this token ends an answer.
    pub(super) fn is_end(&self, token: u32) -> bool {
        self.end.contains(&token)
    }

    /// Some token that ends an answer, if the model has one.
    pub(super) fn any_end(&self) -> Option<u32> {
        self.end.first().copied()
    }

    /// The bytes that a token adds to the text; may be part of a character.
    pub(super) fn bytes(&self, token: u32, control: ControlTokens) -> Vec<u8> {
        let hidden = control == ControlTokens::Hidden && self.control.contains(&token);
        if hidden || self.is_end(token) { Vec::new() } else { self.name(token) }
    }

    /// The bytes by which log-probabilities name a token: control tokens are written out.
    pub(super) fn name(&self, token: u32) -> Vec<u8> {
        let trie = self.env.tok_trie();
        if (token as usize) >= trie.vocab_size() || trie.token(token).is_empty() {
            return Vec::new();
        }
        trie.decode_ext(&[token], true)
    }

    /// The most bytes that one token can stand for.
    pub(super) fn longest(&self) -> usize {
        self.env.tok_trie().max_token_len().max(1)
    }
}
