//! Preferences as tokens.

use super::difference::{Difference, StopTokens};
use crate::tokenizer::{ChatTokenizer, Supervision};
use crate::{Error, Result};
use amend_proto::Message;
use serde::{Deserialize, Serialize};

/// Two answers to one conversation, of which one is better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferencePair {
    /// The conversation; its last message is not the assistant's.
    pub prompt: Vec<Message>,
    /// The better answer.
    pub chosen: String,
    /// The worse answer.
    pub rejected: String,
}

/// How long pairs may be, in tokens. A longer prompt loses its beginning, a longer response its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    /// Prompt and one response.
    pub max_tokens: usize,
    /// The prompt; what it leaves is the response's.
    pub max_prompt_tokens: usize,
}

impl Default for Lengths {
    /// Those of the paper.
    fn default() -> Self {
        Self { max_tokens: 2048, max_prompt_tokens: 1800 }
    }
}

impl Lengths {
    /// Checks that they leave room for a response.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        if self.max_prompt_tokens == 0 || self.max_prompt_tokens >= self.max_tokens {
            return Err(Error::Settings(format!(
                "max_prompt_tokens must be at least 1 and less than max_tokens, not {} of {}",
                self.max_prompt_tokens, self.max_tokens
            )));
        }
        Ok(())
    }
}

impl Lengths {
    /// For a model that takes so many tokens; when that is less, prompt and whole shrink in proportion.
    #[must_use]
    pub fn within(self, most: usize) -> Self {
        match self.max_tokens > most {
            false => self,
            true => Self {
                max_tokens: most,
                max_prompt_tokens: (self.max_prompt_tokens * most / self.max_tokens).max(1),
            },
        }
    }
}

/// What became of the pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairCounts {
    /// Pairs that can be learned from.
    pub kept: usize,
    /// Kept pairs whose prompt lost its beginning.
    pub cut_prompts: usize,
    /// Kept pairs of which a response lost its end.
    pub cut_responses: usize,
    /// Left out: a response is empty.
    pub empty: usize,
    /// Left out: the responses are the same tokens.
    pub equal: usize,
    /// Left out: what remains of both responses after cutting is the same.
    pub equal_when_cut: usize,
}

/// A pair as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenPair {
    /// At least one token.
    pub(super) prompt: Vec<u32>,
    pub(super) chosen: Vec<u32>,
    pub(super) rejected: Vec<u32>,
    pub(super) difference: Difference,
}

impl TokenPair {
    /// Tokens of both sequences, the prompt in each.
    pub(super) fn tokens(&self) -> usize {
        2 * self.prompt.len() + self.chosen.len() + self.rejected.len()
    }
}

/// Turns pairs into tokens.
pub(super) struct PairReader<'a> {
    pub(super) tokenizer: &'a ChatTokenizer,
    pub(super) lengths: Lengths,
    pub(super) stop: &'a StopTokens,
}

impl PairReader<'_> {
    /// The pairs that can be learned from, in their order, and what became of the others.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the chat template refuses a conversation; [`Error::Data`] when a prompt has no tokens.
    pub(super) fn read(&self, pairs: &[PreferencePair]) -> Result<(Vec<TokenPair>, PairCounts)> {
        let (mut kept, mut counts) = (Vec::with_capacity(pairs.len()), PairCounts::default());
        for (number, pair) in pairs.iter().enumerate() {
            let read = self.pair(pair, &mut counts);
            kept.extend(read.map_err(|error| match error {
                Error::Data(text) => Error::Data(format!("pair {}: {text}", number + 1)),
                Error::Tokenizer(text) => Error::Tokenizer(format!("pair {}: {text}", number + 1)),
                other => other,
            })?);
        }
        counts.kept = kept.len();
        Ok((kept, counts))
    }

    fn pair(&self, pair: &PreferencePair, counts: &mut PairCounts) -> Result<Option<TokenPair>> {
        if pair.chosen.trim().is_empty() || pair.rejected.trim().is_empty() {
            counts.empty += 1;
            return Ok(None);
        }
        let (mut prompt, mut chosen) = self.sides(&pair.prompt, &pair.chosen)?;
        let (again, mut rejected) = self.sides(&pair.prompt, &pair.rejected)?;
        if prompt != again {
            return Err(Error::Data(
                "the chat template writes the prompt in another way before each answer".into(),
            ));
        }
        if prompt.is_empty() {
            return Err(Error::Data("the prompt has no tokens".into()));
        }
        if chosen == rejected {
            counts.equal += 1;
            return Ok(None);
        }
        let over = prompt.len().saturating_sub(self.lengths.max_prompt_tokens);
        prompt.drain(..over);
        let room = self.lengths.max_tokens.saturating_sub(prompt.len()).max(1);
        let too_long = chosen.len().max(rejected.len()) > room;
        chosen.truncate(room);
        rejected.truncate(room);
        if chosen == rejected {
            counts.equal_when_cut += 1;
            return Ok(None);
        }
        counts.cut_prompts += usize::from(over > 0);
        counts.cut_responses += usize::from(too_long);
        let difference = Difference::between(&chosen, &rejected, self.stop);
        Ok(Some(TokenPair { prompt, chosen, rejected, difference }))
    }

    /// The tokens of the prompt and of an answer with the token that ends its turn.
    fn sides(&self, prompt: &[Message], answer: &str) -> Result<(Vec<u32>, Vec<u32>)> {
        let conversation = [prompt, &[Message::assistant(answer)]].concat();
        let mut example = self.tokenizer.example(&conversation, Supervision::LastAnswer)?;
        let answer = example.weights.iter().position(|weight| *weight > 0.0).unwrap_or(example.ids.len());
        let response = example.ids.split_off(answer);
        Ok((example.ids, response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::words;

    fn pair(prompt: &str, chosen: &str, rejected: &str) -> PreferencePair {
        let prompt = vec![Message::user(prompt)];
        PreferencePair { prompt, chosen: chosen.into(), rejected: rejected.into() }
    }

    #[test]
    fn pairs_are_cut_counted_and_left_out() {
        let tokenizer = words("one two three four five six seven eight nine ten");
        let read = |lengths, pairs: &[PreferencePair]| {
            let reader = PairReader { tokenizer: &tokenizer, lengths, stop: &StopTokens::default() };
            reader.read(pairs).expect("reads")
        };
        let all = [
            pair("one", "two three", "two four"),
            pair("one", "", "two"),
            pair("one", "two", "  "),
            pair("one", "two", "two"),
        ];
        let (kept, counts) = read(Lengths::default(), &all);
        assert_eq!((counts.kept, counts.empty, counts.equal, counts.cut_prompts), (1, 2, 1, 0));
        let end = tokenizer.id(crate::tokenizer::TURN_END).expect("a token");
        let (whole, prompt) = (&kept[0], tokenizer.prompt(&all[0].prompt).expect("a prompt"));
        assert_eq!(whole.prompt, prompt);
        assert_eq!(whole.chosen.last(), Some(&end));
        assert_eq!(tokenizer.decode(&whole.chosen).expect("decodes"), "two three");
        assert_eq!(whole.difference.chosen.iter().filter(|d| **d).count(), 1);
        assert_eq!(whole.tokens(), 2 * prompt.len() + 8);

        // Room for two tokens: "two" and the space, which both have.
        let short = Lengths { max_tokens: 7, max_prompt_tokens: 5 };
        let (kept, counts) = read(short, &[all[0].clone(), pair("one", "six two", "ten two")]);
        assert_eq!(
            (counts.kept, counts.equal_when_cut, counts.cut_prompts, counts.cut_responses),
            (1, 1, 1, 1)
        );
        assert_eq!(kept[0].prompt, prompt[prompt.len() - 5..], "the beginning is cut off");
        assert_eq!(tokenizer.decode(&kept[0].chosen).expect("decodes"), "six ");
    }

    #[test]
    fn lengths_must_leave_room() {
        for (max_tokens, max_prompt_tokens) in [(5, 5), (5, 0), (0, 0)] {
            let lengths = Lengths { max_tokens, max_prompt_tokens };
            assert!(matches!(lengths.validate(), Err(Error::Settings(_))));
        }
        assert!(Lengths::default().validate().is_ok());
        assert_eq!(Lengths::default().within(512), Lengths { max_tokens: 512, max_prompt_tokens: 450 });
        assert_eq!(Lengths::default().within(4096), Lengths::default());
        assert!(Lengths::default().within(2).validate().is_ok());
    }

    #[test]
    fn the_number_of_a_bad_pair_is_named() {
        let tokenizer = words("one two");
        let reader =
            PairReader { tokenizer: &tokenizer, lengths: Lengths::default(), stop: &StopTokens::default() };
        let refusal = "{% if messages|length > 2 %}{{ raise_exception('too many') }}{% endif %}";
        let own = format!("{refusal}{}", tokenizer.template().source());
        let strict = ChatTokenizer::new(tokenizer.tokenizer().clone(), &own, tokenizer.special().clone());
        let strict = strict.expect("a tokenizer");
        let reader = PairReader { tokenizer: &strict, ..reader };
        let two = PreferencePair {
            prompt: vec![Message::user("one"), Message::user("two")],
            ..pair("one", "two", "one")
        };
        let error = reader.read(&[pair("one", "two", "one"), two]).expect_err("refused");
        assert!(error.to_string().contains("pair 2"), "{error}");
    }
}
