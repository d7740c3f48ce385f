//! Texts to tokens.

use thiserror::Error;

/// The most tokens of an instruction that is compared, about 50 kB of text. Two such texts take about 25 to 50 ms
/// (32,768 tokens, measured: 0.4 to 0.8 s); the time grows with the product of the lengths, so there has to be an end.
pub const MAX_TOKENS: usize = 8_192;

/// A text has more than [`MAX_TOKENS`] tokens and was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the instruction has {tokens} tokens; at most {MAX_TOKENS} are compared: shorten it or leave it out")]
pub struct TooLong {
    /// How many it has.
    pub tokens: usize,
}

/// The tokens of a text as `rouge_score` 0.1.2 makes them with `use_stemmer=False`: the text in lower case, cut into the
/// longest runs of a–z and 0–9. Everything else, letters of other scripts and with accents among them, separates.
#[must_use]
pub fn tokens(text: &str) -> Vec<String> {
    let (mut tokens, mut token) = (Vec::new(), String::new());
    // By characters, because some that are not ASCII have ASCII in lower case: İ gives i with a dot above, the kelvin k.
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            token.push(c);
        } else if !token.is_empty() {
            tokens.push(std::mem::take(&mut token));
        }
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    tokens
}

/// The tokens of a text that is short enough.
///
/// # Errors
/// [`TooLong`].
pub(super) fn bounded(text: &str) -> Result<Vec<String>, TooLong> {
    let tokens = tokens(text);
    match tokens.len() {
        0..=MAX_TOKENS => Ok(tokens),
        _ => Err(TooLong { tokens: tokens.len() }),
    }
}
