//! The rows as tokens, epoch after epoch, each in another order.

use super::row::DataRow;
use crate::decoder::Example;
use crate::order::EpochOrder;
use crate::sft::RowSource;
use crate::tokenizer::{ChatTokenizer, Supervision};
use crate::{Error, Result};

/// Tokenised rows. Row `index` is a pure function of the rows, the seed and `index`.
#[derive(Debug)]
pub(super) struct TokenRows {
    examples: Vec<Example>,
    too_long: usize,
    order: EpochOrder,
}

impl TokenRows {
    /// Tokenises; rows of more than `max_tokens` tokens are left out.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the chat template refuses a row; [`Error::Data`] when no row is left.
    pub(super) fn new(
        rows: &[DataRow],
        tokenizer: &ChatTokenizer,
        (max_tokens, context_weight): (usize, f32),
        seed: u64,
    ) -> Result<Self> {
        let mut examples = Vec::with_capacity(rows.len());
        for row in rows {
            let example = tokenizer.example(&row.messages, Supervision::EveryAnswer)?;
            if example.ids.len() <= max_tokens {
                examples.push(match context_weight > 0.0 {
                    true => example.with_context(context_weight),
                    false => example,
                });
            }
        }
        if examples.is_empty() {
            return Err(Error::Data(format!(
                "all of {} rows are longer than {max_tokens} tokens; raise max_tokens",
                rows.len()
            )));
        }
        let too_long = rows.len() - examples.len();
        let order = EpochOrder::new(examples.len(), seed);
        Ok(Self { examples, too_long, order })
    }

    /// Rows of an epoch.
    pub(super) fn len(&self) -> usize {
        self.examples.len()
    }

    /// Rows left out.
    pub(super) fn too_long(&self) -> usize {
        self.too_long
    }
}

impl RowSource for TokenRows {
    fn row(&self, index: u64) -> Result<Example> {
        Ok(self.examples[self.order.place(index)].clone())
    }
}
