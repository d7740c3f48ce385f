//! The rows as tokens, epoch after epoch, each in another order.

use super::row::DataRow;
use crate::atlas::split::hash;
use crate::decoder::Example;
use crate::sft::RowSource;
use crate::tokenizer::{ChatTokenizer, Supervision};
use crate::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::sync::Mutex;

/// Tokenised rows. Row `index` is a pure function of the rows, the seed and `index`.
#[derive(Debug)]
pub(super) struct TokenRows {
    examples: Vec<Example>,
    too_long: usize,
    seed: u64,
    /// An epoch and its order; neighbouring indices need the same.
    order: Mutex<Option<(u64, Vec<u32>)>>,
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
        Ok(Self { examples, too_long, seed, order: Mutex::new(None) })
    }

    /// Rows of an epoch.
    pub(super) fn len(&self) -> usize {
        self.examples.len()
    }

    /// Rows left out.
    pub(super) fn too_long(&self) -> usize {
        self.too_long
    }

    fn place(&self, index: u64) -> usize {
        let count = self.examples.len() as u64;
        let epoch = index / count;
        let mut order = self.order.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let places = match &mut *order {
            Some((of, places)) if *of == epoch => places,
            other => {
                let mut places: Vec<u32> = (0..count as u32).collect();
                let stream = hash(format!("{} epoch {epoch}", self.seed).as_bytes());
                places.shuffle(&mut ChaCha8Rng::seed_from_u64(stream));
                &mut other.insert((epoch, places)).1
            }
        };
        places[(index % count) as usize] as usize
    }
}

impl RowSource for TokenRows {
    fn row(&self, index: u64) -> Result<Example> {
        Ok(self.examples[self.place(index)].clone())
    }
}
