//! What was spent, and what may be.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// The most that a run may spend, over all its starts. Nothing bounds what is not given.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Tokens of prompts and answers together.
    pub tokens: Option<u64>,
    /// Money, in the currency of the prices.
    pub money: Option<f64>,
}

/// What was spent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Answers that came.
    pub requests: u64,
    /// Tokens of their prompts.
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    pub answer_tokens: u64,
    /// Money, in the currency of the prices.
    pub money: f64,
}

impl Spent {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.prompt_tokens += other.prompt_tokens;
        self.answer_tokens += other.answer_tokens;
        self.money += other.money;
    }
}

/// There is not enough left for the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLittle;

/// What is left does not do.
enum Short {
    /// Others may leave more of what is put aside for them.
    ForNow,
    /// Nobody can.
    ForGood,
}

/// Sums of prices are off by less.
const ROUNDING: f64 = 1e-12;

#[derive(Debug, Default)]
struct State {
    by_role: BTreeMap<String, Spent>,
    total: Spent,
    /// Put aside for requests that are under way: tokens and money.
    reserved: (u64, f64),
}

/// Counts what is spent. A request is begun only when what it may cost at most, its prompt being estimated, is left.
#[derive(Debug)]
pub struct Ledger {
    budget: Budget,
    state: Mutex<State>,
    /// Something that was put aside is free again.
    freed: Notify,
}

/// What is put aside for a request: tokens and money. Free again when it is dropped.
pub(super) struct Aside<'a> {
    ledger: &'a Ledger,
    most: (u64, f64),
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        let mut state = self.ledger.state();
        state.reserved.0 = state.reserved.0.saturating_sub(self.most.0);
        state.reserved.1 = (state.reserved.1 - self.most.1).max(0.0);
        drop(state);
        self.ledger.freed.notify_waiters();
    }
}

impl Ledger {
    /// Nothing is spent yet.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self { budget, state: Mutex::default(), freed: Notify::new() }
    }

    /// What was spent in all.
    #[must_use]
    pub fn total(&self) -> Spent {
        self.state().total
    }

    /// What was spent by each role.
    #[must_use]
    pub fn by_role(&self) -> BTreeMap<String, Spent> {
        self.state().by_role.clone()
    }

    /// Puts aside what a request may cost at most; where others under way have taken what is left, once it is known what
    /// they cost.
    pub(super) async fn put_aside(&self, most: (u64, f64)) -> Result<Aside<'_>, TooLittle> {
        loop {
            let mut freed = pin!(self.freed.notified());
            // Before the look, so that nothing is missed between it and the wait.
            freed.as_mut().enable();
            match self.reserve(most) {
                Ok(()) => return Ok(Aside { ledger: self, most }),
                Err(Short::ForNow) => freed.await,
                Err(Short::ForGood) => return Err(TooLittle),
            }
        }
    }

    fn reserve(&self, (tokens, money): (u64, f64)) -> Result<(), Short> {
        let mut state = self.state();
        let (aside, dear_aside) = state.reserved;
        let spent = state.total.prompt_tokens + state.total.answer_tokens;
        let fits = |tokens: u64, money: f64| {
            self.budget.tokens.is_none_or(|most| spent + tokens <= most)
                && self.budget.money.is_none_or(|most| state.total.money + money <= most + ROUNDING)
        };
        if !fits(tokens, money) {
            return Err(Short::ForGood);
        }
        if !fits(aside + tokens, dear_aside + money) {
            return Err(Short::ForNow);
        }
        state.reserved = (aside + tokens, dear_aside + money);
        Ok(())
    }

    /// Books what an answer cost.
    pub(super) fn book(&self, role: &str, spent: Spent) {
        let mut state = self.state();
        state.total.add(spent);
        state.by_role.entry(role.to_owned()).or_default().add(spent);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
