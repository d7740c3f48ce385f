//! Where two responses differ, token by token.
//!
//! The published code compares padded sequences, prompt included, with a heuristic that changes the result from 200 tokens
//! on. Here the responses alone are compared, by Myers' exact algorithm: as many tokens as possible count as common.

use crate::tokenizer::ChatTokenizer;
use crate::{Error, Result};
use similar::algorithms::{DiffHook, NoFinishHook, myers};
use std::collections::HashSet;

/// The built-in list of words that say little by themselves, one a line; a line that begins with `#` is none.
pub const STOP_WORDS: &str = include_str!("stop_words.txt");

/// Tokens that are whole words and say little by themselves: they never count as a difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopTokens(HashSet<u32>);

impl StopTokens {
    /// The words of `list` that are one token, as they are and capitalised, after a space and without.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when a word cannot be encoded; [`Error::Settings`] when a line holds more than a word.
    pub fn new(list: &str, tokenizer: &ChatTokenizer) -> Result<Self> {
        let mut tokens = HashSet::new();
        for word in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if word.contains(char::is_whitespace) {
                return Err(Error::Settings(format!("the stop word {word:?} is several words")));
            }
            for form in [word.to_owned(), capitalised(word)] {
                for text in [format!(" {form}"), form] {
                    if let [token] = tokenizer.encode(&text)?[..] {
                        tokens.insert(token);
                    }
                }
            }
        }
        Ok(Self(tokens))
    }

    /// These tokens.
    #[must_use]
    pub fn from_tokens(tokens: impl IntoIterator<Item = u32>) -> Self {
        Self(tokens.into_iter().collect())
    }

    /// Whether the token is one of them.
    #[must_use]
    pub fn contains(&self, token: u32) -> bool {
        self.0.contains(&token)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// For every token of both responses whether the other one lacks it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Of the winning response.
    pub chosen: Vec<bool>,
    /// Of the losing response.
    pub rejected: Vec<bool>,
}

impl Difference {
    /// Compares the tokens of two responses: the tokens outside of a longest common subsequence differ, those of `stop`
    /// left out. Time grows with the length times the number of differences.
    #[must_use]
    pub fn between(chosen: &[u32], rejected: &[u32], stop: &StopTokens) -> Self {
        let mut common = Common { chosen: vec![true; chosen.len()], rejected: vec![true; rejected.len()] };
        let hook = &mut NoFinishHook::new(&mut common);
        match myers::diff(hook, rejected, 0..rejected.len(), chosen, 0..chosen.len()) {
            Ok(()) => {}
            Err(never) => match never {},
        }
        let leave_out = |differs: Vec<bool>, tokens: &[u32]| -> Vec<bool> {
            differs
                .into_iter()
                .zip(tokens)
                .map(|(differs, &token)| differs && !stop.contains(token))
                .collect()
        };
        Self { chosen: leave_out(common.chosen, chosen), rejected: leave_out(common.rejected, rejected) }
    }
}

/// Marks what both have.
struct Common {
    chosen: Vec<bool>,
    rejected: Vec<bool>,
}

impl DiffHook for Common {
    type Error = std::convert::Infallible;

    fn equal(&mut self, rejected: usize, chosen: usize, len: usize) -> Result<(), Self::Error> {
        self.rejected[rejected..rejected + len].fill(false);
        self.chosen[chosen..chosen + len].fill(false);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::words;
    use proptest::prelude::*;

    /// The length of a longest common subsequence, by the textbook's table.
    fn longest_common(a: &[u32], b: &[u32]) -> usize {
        let mut row = vec![0; b.len() + 1];
        for x in a {
            let mut diagonal = 0;
            for (j, y) in b.iter().enumerate() {
                let above = row[j + 1];
                row[j + 1] = if x == y { diagonal + 1 } else { above.max(row[j]) };
                diagonal = above;
            }
        }
        row[b.len()]
    }

    fn common(tokens: &[u32], differs: &[bool]) -> Vec<u32> {
        tokens.iter().zip(differs).filter(|(_, differs)| !**differs).map(|(token, _)| *token).collect()
    }

    proptest! {
        /// Few symbols, so that there are many ways to match; lengths beyond where heuristics set in.
        #[test]
        fn what_does_not_differ_is_a_longest_common_subsequence(
            a in prop::collection::vec(0u32..6, 0..260),
            b in prop::collection::vec(0u32..6, 0..260),
        ) {
            let difference = Difference::between(&a, &b, &StopTokens::default());
            prop_assert_eq!((difference.chosen.len(), difference.rejected.len()), (a.len(), b.len()));
            let shared = common(&a, &difference.chosen);
            prop_assert_eq!(&shared, &common(&b, &difference.rejected));
            prop_assert_eq!(shared.len(), longest_common(&a, &b));
        }

        #[test]
        fn stop_tokens_never_differ_and_others_are_as_before(
            a in prop::collection::vec(0u32..9, 0..60),
            b in prop::collection::vec(0u32..9, 0..60),
        ) {
            let plain = Difference::between(&a, &b, &StopTokens::default());
            let without = Difference::between(&a, &b, &StopTokens::from_tokens([3, 7]));
            for (tokens, plain, without) in
                [(&a, &plain.chosen, &without.chosen), (&b, &plain.rejected, &without.rejected)]
            {
                for ((token, plain), without) in tokens.iter().zip(plain).zip(without) {
                    prop_assert_eq!(*without, *plain && ![3, 7].contains(token));
                }
            }
        }

        #[test]
        fn equal_responses_do_not_differ(a in prop::collection::vec(0u32..9, 0..60)) {
            let difference = Difference::between(&a, &a, &StopTokens::default());
            prop_assert!(!difference.chosen.contains(&true) && !difference.rejected.contains(&true));
        }
    }

    #[test]
    fn a_replaced_word_is_the_difference_on_both_sides_however_long_the_text() {
        let mut rejected: Vec<u32> = (0..2000).map(|i| i % 50).collect();
        let mut chosen = rejected.clone();
        (rejected[999], chosen[999]) = (100, 101);
        chosen.insert(5, 102);
        let difference = Difference::between(&chosen, &rejected, &StopTokens::default());
        let places =
            |differs: &[bool]| -> Vec<usize> { (0..differs.len()).filter(|i| differs[*i]).collect() };
        assert_eq!(places(&difference.chosen), [5, 1000]);
        assert_eq!(places(&difference.rejected), [999]);
    }

    #[test]
    fn stop_words_of_one_token_are_found_in_each_form() {
        let tokenizer = words("The cat and the dog and the bird. The end.");
        let stop = StopTokens::new("# articles\nthe\n\nunheardof\n", &tokenizer).expect("a list");
        for text in ["the", " the", "The", " The"] {
            if let [token] = tokenizer.encode(text).expect("encodes")[..] {
                assert!(stop.contains(token), "{text:?}");
            }
        }
        assert!(stop.contains(tokenizer.id("the").expect("a common word is one piece")));
        let dog = tokenizer.encode(" dog").expect("encodes");
        assert!(!stop.is_empty() && stop.len() <= 4 && !stop.contains(dog[0]));
        assert!(matches!(StopTokens::new("of the", &tokenizer), Err(Error::Settings(_))));
        assert!(StopTokens::new(STOP_WORDS, &tokenizer).is_ok());
    }
}
