//! What a run found: JSON for programs, Markdown, JUnit and one HTML page for people and pipelines.
//!
//! A [`FollowReport`] holds no time of day: two runs of the same model, suite, sampling and seed differ only in how long
//! answers took, and in what was kept from before. Two reports of the same suite are [compared](compare()) item by item.

pub mod compare;
mod figures;
mod item;
mod kinds;
mod ledger;
mod render;
#[cfg(test)]
mod tests;

pub use compare::{CompareError, Comparison, compare};
pub use figures::{Latency, Quantiles};
pub use item::{ANSWER_KEPT, Answered, ItemReport, ItemResult, KeptText};
pub use kinds::KindFailures;
pub use ledger::{Ledger, LedgerLine, LedgerRole, Price, PriceTable};

pub use crate::edit::report::ModelName;

use super::{
    FollowSuite, GroupId, ItemOutcome, Scorer, Scores,
    judge::{
        JudgeId, JudgePanel, JudgeRating, Language, PairAgreement, Reading, SeatRecord, Share, agreements,
    },
    run::RunOptions,
    score::score,
};
use amend_proto::{ModelInfo, Sampling};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, sync::Arc};

/// The version of the JSON form of [`FollowReport`].
pub const SCHEMA: &str = "amend.follow/1";

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteName {
    /// The suite's name.
    pub name: String,
    /// SHA-256 of everything in it that decides an outcome.
    pub fingerprint: String,
    /// Its language.
    pub language: Language,
    /// How many items it has.
    pub items: usize,
    /// In how many groups.
    pub groups: usize,
}

/// A judge and what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeReport {
    /// Who, and how the run went for it.
    #[serde(flatten)]
    pub seat: SeatRecord,
    /// How good it was on a calibration set, when it was the same model, revision and template.
    pub rating: Option<JudgeRating>,
}

/// Why a report says nothing of the revision that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Void {
    /// Another revision of the model went live during the run.
    Revision {
        /// The revision at the start, which the items of the report are of.
        expected: String,
        /// The one that answered then.
        found: String,
    },
    /// Another revision of a judge answered.
    Judge {
        /// Which judge.
        judge: JudgeId,
        /// Its revision at the start.
        expected: String,
        /// The one that answered then.
        found: String,
    },
}

impl std::fmt::Display for Void {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Revision { expected, found } => {
                write!(f, "the model changed from {expected} to {found} during the run")
            }
            Self::Judge { judge, expected, found } => {
                write!(f, "the judge {judge} changed from {expected} to {found} during the run")
            }
        }
    }
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FollowReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was asked.
    pub suite: SuiteName,
    /// The model and the revision that was measured.
    pub model: ModelName,
    /// What decided answers beside the revision, where the caller named it.
    pub model_state: Option<String>,
    /// How outcomes became rates.
    pub scorer: Scorer,
    /// How tokens were drawn, with the seed.
    pub sampling: Sampling,
    /// Set when the run was broken off because the model or a judge changed: the figures are those of the items before,
    /// and decide nothing.
    pub void: Option<Void>,
    /// HSR, SSR and CSL.
    pub scores: Scores,
    /// Items that got an error instead of an answer, of those asked. They are in no rate.
    pub errors: Share,
    /// Judged items with a verdict that could not be read.
    pub unparsed: Share,
    /// Judged constraints whose verdict could not be read.
    pub unparsed_constraints: Share,
    /// How long answers took.
    pub latency: Latency,
    /// Calls, tokens and cost.
    pub ledger: Ledger,
    /// Who judged; nobody where rules and code decided all.
    pub judges: Vec<JudgeReport>,
    /// [`JudgePanel::version`].
    pub judge_version: Option<String>,
    /// How far the judges of a panel agree, by pair.
    pub agreements: Vec<PairAgreement>,
    /// Which constraints were violated how often, most often first.
    pub kinds: Vec<KindFailures>,
    /// Every item that was asked, in the suite's order.
    pub items: Vec<ItemReport>,
}

/// What a run hands over.
pub(crate) struct Measured {
    pub(crate) suite: Arc<FollowSuite>,
    pub(crate) info: ModelInfo,
    pub(crate) options: RunOptions,
    pub(crate) panel: Option<JudgePanel>,
    pub(crate) seats: Vec<SeatRecord>,
    pub(crate) items: Vec<ItemReport>,
    pub(crate) void: Option<Void>,
}

impl FollowReport {
    /// Adds up: CPU work that grows with the items.
    pub(crate) fn new(measured: Measured) -> Self {
        let Measured { suite, info, options, panel, seats, items, void } = measured;
        let outcomes: Vec<ItemOutcome> =
            items.iter().filter_map(|item| Some(item.answered()?.outcome.clone())).collect();
        let readings: Vec<&[Reading]> =
            items.iter().filter_map(|item| Some(item.answered()?.readings.as_slice())).collect();
        let names: Vec<JudgeId> = seats.iter().map(|seat| seat.id.clone()).collect();
        let (unparsed, unparsed_constraints) = figures::unparsed(&items);
        Self {
            schema: SCHEMA.to_owned(),
            suite: SuiteName::of(&suite),
            model_state: options.model_state,
            scorer: options.scorer,
            sampling: options.sampling,
            void,
            scores: score(&outcomes, options.scorer),
            errors: Share::new(items.len() - outcomes.len(), items.len()),
            unparsed,
            unparsed_constraints,
            latency: Latency::of(&items),
            ledger: Ledger::of(info.id.as_str(), &seats, &items, &options.prices),
            agreements: agreements(&names, &readings),
            kinds: kinds::failures(&outcomes),
            judge_version: panel.as_ref().map(JudgePanel::version),
            judges: seats.into_iter().map(|seat| judge_report(seat, panel.as_ref())).collect(),
            model: info.into(),
            items,
        }
    }

    /// One line for each item, for the gate: its id, its group, whether every constraint is satisfied, and the share of
    /// them that is. Both are missing where there is no answer or a verdict could not be read.
    #[must_use]
    pub fn evidence_items(&self) -> Vec<(String, String, Option<bool>, Option<f64>)> {
        let row = |item: &ItemReport| {
            let outcome = item.answered().map(|answered| &answered.outcome);
            let (hard, soft) = (outcome.and_then(ItemOutcome::hard), outcome.and_then(ItemOutcome::soft));
            (item.id.clone(), item.group.to_string(), hard, soft)
        };
        self.items.iter().map(row).collect()
    }
}

impl SuiteName {
    fn of(suite: &FollowSuite) -> Self {
        Self {
            name: suite.name.clone(),
            fingerprint: suite.fingerprint.clone(),
            language: Language::of(suite),
            items: suite.items.len(),
            groups: suite.items.iter().map(|item| &item.group).collect::<HashSet<&GroupId>>().len(),
        }
    }
}

/// With the judge's rating, unless it is of another model, revision or template.
fn judge_report(seat: SeatRecord, panel: Option<&JudgePanel>) -> JudgeReport {
    let judge = panel.and_then(|panel| panel.judges().iter().find(|judge| judge.id == seat.id));
    let rating = judge.and_then(|judge| judge.rating.clone()).filter(|rating| {
        rating.model == seat.model && rating.revision == seat.revision && rating.template == seat.template
    });
    JudgeReport { seat, rating }
}
