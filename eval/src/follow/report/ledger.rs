//! What a run took: calls, tokens, money.

use super::ItemReport;
use crate::follow::judge::{JudgeId, Reading, SeatRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a million tokens cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of prompts.
    pub prompt: f64,
    /// Of what is generated.
    pub completion: f64,
}

/// Prices by model id. What has none has no cost in the ledger.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    /// The money: `USD`.
    pub currency: String,
    /// By model id.
    pub per_million: BTreeMap<String, Price>,
}

/// For what a model was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerRole {
    /// It was measured.
    Model,
    /// It judged.
    Judge(JudgeId),
}

/// What one model took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// For what.
    pub role: LedgerRole,
    /// The model's id.
    pub model: String,
    /// Calls made, failed ones among them.
    pub calls: u64,
    /// Answers that were kept from before and needed no call.
    pub cached: u64,
    /// Tokens of the prompts of calls that were answered.
    pub prompt_tokens: u64,
    /// Tokens that were generated.
    pub completion_tokens: u64,
    /// What these tokens cost, where the model has a price.
    pub cost: Option<f64>,
}

/// What a run took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The money of the costs.
    pub currency: String,
    /// The measured model first, then the judges.
    pub lines: Vec<LedgerLine>,
    /// The sum of all costs; nothing when a model that was called has no price.
    pub total: Option<f64>,
}

impl Ledger {
    pub(super) fn of(model: &str, seats: &[SeatRecord], items: &[ItemReport], prices: &PriceTable) -> Self {
        let mut lines = vec![model_line(model, items)];
        lines.extend(seats.iter().map(|seat| judge_line(seat, items)));
        for line in &mut lines {
            let price = prices.per_million.get(&line.model);
            line.cost = price.map(|price| {
                let (prompt, completion) = (line.prompt_tokens as f64, line.completion_tokens as f64);
                (prompt * price.prompt + completion * price.completion) / 1e6
            });
        }
        let billed = lines.iter().filter(|line| line.calls > 0);
        let total = billed.map(|line| line.cost).sum();
        Self { currency: prices.currency.clone(), lines, total }
    }
}

fn model_line(model: &str, items: &[ItemReport]) -> LedgerLine {
    let called = || items.iter().filter_map(ItemReport::answered).filter(|one| !one.cached());
    let calls = |item: &ItemReport| match &item.result {
        super::ItemResult::Answered(one) => u64::from(one.calls),
        super::ItemResult::Failed { calls, .. } => u64::from(*calls),
    };
    LedgerLine {
        role: LedgerRole::Model,
        model: model.to_owned(),
        calls: items.iter().map(calls).sum(),
        cached: items.iter().filter_map(ItemReport::answered).filter(|one| one.cached()).count() as u64,
        prompt_tokens: called().map(|one| u64::from(one.prompt_tokens)).sum(),
        completion_tokens: called().map(|one| u64::from(one.completion_tokens)).sum(),
        cost: None,
    }
}

fn judge_line(seat: &SeatRecord, items: &[ItemReport]) -> LedgerLine {
    let readings = || {
        let all = items.iter().filter_map(ItemReport::answered).flat_map(|one| &one.readings);
        all.filter(|reading: &&Reading| reading.judge == seat.id)
    };
    LedgerLine {
        role: LedgerRole::Judge(seat.id.clone()),
        model: seat.model.clone(),
        calls: readings().map(|reading| u64::from(reading.calls)).sum(),
        cached: readings().map(|reading| u64::from(reading.cached)).sum(),
        prompt_tokens: readings().map(|reading| reading.prompt_tokens).sum(),
        completion_tokens: readings().map(|reading| reading.completion_tokens).sum(),
        cost: None,
    }
}
