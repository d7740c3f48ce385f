//! [`Budget`]: how many tokens edits may take up in front of a question.

use amend_proto::ChatModel;
use std::{fmt, sync::Arc};

/// The part of a model's context that edits may take up: one in so many tokens.
const CONTEXT_SHARE: usize = 4;
/// So many bytes are counted as a token for a model that cannot count. Tokenizers of language models take three to four
/// bytes of English to a token and more than two of nearly all other text.
const BYTES_OF_A_TOKEN: usize = 2;

/// How many tokens edits may take up in front of one question: what is configured
/// ([`ScopePolicy::max_tokens`](crate::ScopePolicy::max_tokens)), and no more than a quarter of the model's context.
///
/// The rule: edits in scope are taken in the order of their score, the best first. One that does not fit into what is left
/// is dropped, and a worse one that does fit is still taken, so one long edit does not keep out the others; only what states
/// something of the same subject and relation, as far as can be read from it, is dropped with it, so that an older statement never stands for the newer one
/// that had no room. Counted are the
/// tokens of the edits' texts by the model's own tokenizer; the template's headings are the same for every question and
/// not counted.
#[derive(Debug)]
pub struct Budget<'a> {
    left: usize,
    counter: Option<&'a Counter>,
}

impl<'a> Budget<'a> {
    /// At most `most` tokens, for this model.
    pub(crate) fn new(most: usize, counter: Option<&'a Counter>) -> Self {
        let context = counter.map_or(0, |counter| counter.0.info().context_length);
        // A model that is not loaded yet says 0.
        let share = if context == 0 { usize::MAX } else { context / CONTEXT_SHARE };
        Self { left: most.min(share), counter }
    }

    /// Takes room for an edit's text, if there is enough.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        let counted = self.counter.and_then(|counter| counter.0.count_tokens(text));
        let tokens = counted.unwrap_or(text.len().div_ceil(BYTES_OF_A_TOKEN));
        match self.left.checked_sub(tokens) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// The model whose tokens count.
#[derive(Clone)]
pub(crate) struct Counter(pub(crate) Arc<dyn ChatModel>);

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.0.info().id).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::testing::ScriptedModel;

    #[test]
    fn a_long_one_does_not_keep_out_the_others() {
        let counter = Counter(Arc::new(ScriptedModel::echo()));
        let mut budget = Budget::new(5, Some(&counter));
        assert!(budget.take("three words here"));
        assert!(!budget.take("three more words"));
        assert!(budget.take("two words"));
        assert!(!budget.take("one"));
    }

    #[test]
    fn no_more_than_a_quarter_of_the_context() {
        // The scripted model has a context of 4,096 words.
        let counter = Counter(Arc::new(ScriptedModel::echo()));
        let mut budget = Budget::new(100_000, Some(&counter));
        assert!(budget.take(&"a ".repeat(1024)));
        assert!(!budget.take("a"));
    }

    #[test]
    fn without_a_model_bytes_count() {
        let mut budget = Budget::new(3, None);
        assert!(budget.take("abcde"));
        assert!(!budget.take("f"));
    }
}
