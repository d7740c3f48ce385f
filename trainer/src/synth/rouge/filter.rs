//! What is new enough.

use super::pool::Pool;
use super::tokens::TooLong;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The verdict on one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it is new enough; then it has joined the pool.
    pub kept: bool,
    /// The highest ROUGE-L F1 with a member of the pool at that time, from 0 to 1. 0 when the pool was empty or no member
    /// shared a token.
    pub max_rouge: f64,
    /// The text of the member with that score, of equals the one that joined first. Nothing when the score is 0.
    pub nearest: Option<Arc<str>>,
}

/// Keeps instructions that are not too much like known ones and like those it has kept before.
#[derive(Debug)]
pub struct Filter {
    max_rouge: f64,
    pool: Pool,
}

impl Filter {
    /// A filter that keeps what has no F1 above `max_rouge` (Lion: 0.7) with any known instruction.
    ///
    /// # Errors
    /// [`Error::Settings`] unless 0 ≤ `max_rouge` ≤ 1; [`Error::Data`] when a known instruction is too long, naming it.
    pub fn new<T: AsRef<str>>(max_rouge: f64, known: impl IntoIterator<Item = T>) -> Result<Self> {
        if !(0.0..=1.0).contains(&max_rouge) {
            return Err(Error::Settings(format!("the highest ROUGE-L must be from 0 to 1, not {max_rouge}")));
        }
        let mut pool = Pool::default();
        for (place, text) in known.into_iter().enumerate() {
            let named = |e: TooLong| Error::Data(format!("known instruction {}: {e}", place + 1));
            pool.add(text.as_ref()).map_err(named)?;
        }
        Ok(Self { max_rouge, pool })
    }

    /// Decides on a candidate; when it is kept, later ones are held against it too. A candidate without tokens is kept,
    /// as comparing decides: it is like nothing.
    ///
    /// # Errors
    /// [`TooLong`]: it was compared with nothing and has not joined.
    pub fn decide(&mut self, text: &str) -> Result<Decision, TooLong> {
        let nearest = self.pool.nearest(text)?;
        let max_rouge = nearest.map_or(0.0, |nearest| nearest.rouge);
        let kept = max_rouge <= self.max_rouge;
        let nearest = nearest.and_then(|nearest| self.pool.text(nearest.member)).cloned();
        if kept {
            self.pool.add(text)?;
        }
        Ok(Decision { kept, max_rouge, nearest })
    }

    /// The known and the kept, in this order.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}
