//! Two reports of the same suite, item by item: "format level 4 broke", with the items.

mod interval;
mod render;
#[cfg(test)]
mod tests;

use super::{FollowReport, ItemReport, KeptText, ModelName, SuiteName, Void};
use crate::follow::{Category, Level, Scorer, Verdict};
use interval::Paired;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The version of the JSON form of [`Comparison`].
pub const SCHEMA: &str = "amend.follow-comparison/1";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    Before,
    /// The second.
    After,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Before => "first",
            Self::After => "second",
        })
    }
}

/// Why two reports cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// They are of different suites.
    #[error(
        "failed to compare: the first report is of {before}, the second of {after}; only reports of the same suite with the same fingerprint can be compared"
    )]
    Suite {
        /// Name and fingerprint of the first.
        before: String,
        /// Those of the second.
        after: String,
    },
    /// They were scored differently.
    #[error(
        "failed to compare: the first report was scored {before:?}, the second {after:?}; score both alike"
    )]
    Scorer {
        /// The first.
        before: Scorer,
        /// The second.
        after: Scorer,
    },
    /// They were judged differently.
    #[error(
        "failed to compare: the reports were judged by different judges, models, templates or settings; have both judged alike"
    )]
    Judges,
    /// One of them decides nothing.
    #[error("failed to compare: the {side} report is void: {why}")]
    Void {
        /// Which.
        side: Side,
        /// Why.
        why: Void,
    },
}

/// Whether a cell moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The whole 95 % interval of the difference lies below 0.
    Broke,
    /// The whole interval lies above 0.
    Improved,
    /// Items changed, and it may be chance.
    Unclear,
    /// No item changed.
    Same,
}

/// An item that is satisfied in one report and not in the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemChange {
    /// The item.
    pub id: String,
    /// What was asked.
    pub instruction: KeptText,
    /// The constraints that are violated in the report that does not satisfy it, with the reason where code gave one.
    pub violated: Vec<String>,
    /// The answer of the first report.
    pub before: KeptText,
    /// The answer of the second.
    pub after: KeptText,
}

/// One category at one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellChange {
    /// The category.
    pub category: Category,
    /// The level.
    pub level: Level,
    /// Whether it moved.
    pub change: Change,
    /// Items that both reports decided.
    pub items: usize,
    /// Items that one of them did not: no answer, or a verdict that could not be read.
    pub left_out: usize,
    /// Satisfied in the first.
    pub before: usize,
    /// Satisfied in the second.
    pub after: usize,
    /// Percentage points that the rate of satisfied items moved.
    pub hsr_delta: Option<f64>,
    /// Its 95 % interval (Newcombe 1998, method 10). A cell has one item a group, so that items are independent.
    pub interval: [f64; 2],
    /// Percentage points that the mean share of satisfied constraints moved.
    pub ssr_delta: Option<f64>,
    /// Satisfied before, not after.
    pub lost: Vec<ItemChange>,
    /// Satisfied after, not before.
    pub gained: Vec<ItemChange>,
}

/// CSL of one category, as the reports have it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CslChange {
    /// The category; nothing for the mean over all.
    pub category: Option<Category>,
    /// In the first.
    pub before: Option<f64>,
    /// In the second.
    pub after: Option<f64>,
}

/// Two reports of one suite.
///
/// Each cell has an interval of its own, and none is corrected for their number: of thirty cells in which nothing
/// happened one or two may be said to have moved. The gate decides; this shows where to look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was asked.
    pub suite: SuiteName,
    /// How outcomes became rates.
    pub scorer: Scorer,
    /// The model of the first.
    pub before: ModelName,
    /// The model of the second.
    pub after: ModelName,
    /// What else differs between the runs, for people.
    pub notes: Vec<String>,
    /// Items that both reports decided.
    pub items: usize,
    /// Items that one of them did not.
    pub left_out: usize,
    /// Items that went from satisfied to violated.
    pub lost: usize,
    /// Items that went from violated to satisfied.
    pub gained: usize,
    /// By category and level.
    pub cells: Vec<CellChange>,
    /// By category, then the mean.
    pub csl: Vec<CslChange>,
}

/// Compares two reports.
///
/// # Errors
/// [`CompareError`] when they are of different suites, scorers or judges, or one of them is void.
pub fn compare(before: &FollowReport, after: &FollowReport) -> Result<Comparison, CompareError> {
    check(before, after)?;
    let others: HashMap<&str, &ItemReport> =
        after.items.iter().map(|item| (item.id.as_str(), item)).collect();
    let mut cells: BTreeMap<(Category, Level), Vec<Pair<'_>>> = BTreeMap::new();
    for item in &before.items {
        let pair = (item, others.get(item.id.as_str()).copied());
        cells.entry((item.category, item.level)).or_default().push(pair);
    }
    let cells: Vec<CellChange> = cells.into_iter().map(|(place, pairs)| cell(place, &pairs)).collect();
    let sum = |count: fn(&CellChange) -> usize| cells.iter().map(count).sum();
    Ok(Comparison {
        schema: SCHEMA.to_owned(),
        suite: before.suite.clone(),
        scorer: before.scorer,
        before: before.model.clone(),
        after: after.model.clone(),
        notes: notes(before, after),
        items: sum(|cell| cell.items),
        left_out: sum(|cell| cell.left_out),
        lost: sum(|cell| cell.lost.len()),
        gained: sum(|cell| cell.gained.len()),
        csl: csl(before, after),
        cells,
    })
}

fn check(before: &FollowReport, after: &FollowReport) -> Result<(), CompareError> {
    if before.suite.fingerprint != after.suite.fingerprint {
        let name = |report: &FollowReport| format!("{} ({})", report.suite.name, report.suite.fingerprint);
        return Err(CompareError::Suite { before: name(before), after: name(after) });
    }
    if before.scorer != after.scorer {
        return Err(CompareError::Scorer { before: before.scorer, after: after.scorer });
    }
    // A suite that needs no judge does not mind who would have judged.
    let judged = |report: &FollowReport| report.unparsed.of > 0;
    if before.judge_version != after.judge_version && (judged(before) || judged(after)) {
        return Err(CompareError::Judges);
    }
    for (side, report) in [(Side::Before, before), (Side::After, after)] {
        if let Some(why) = report.void.clone() {
            return Err(CompareError::Void { side, why });
        }
    }
    Ok(())
}

fn notes(before: &FollowReport, after: &FollowReport) -> Vec<String> {
    let mut notes = Vec::new();
    if before.sampling != after.sampling {
        notes.push("the runs drew tokens differently (sampling settings or seed)".to_owned());
    }
    if before.model_state != after.model_state {
        notes.push("the state beside the model's revision differs".to_owned());
    }
    if before.errors.count + after.errors.count > 0 {
        let (one, other) = (before.errors.count, after.errors.count);
        notes.push(format!("items without an answer: {one} in the first report, {other} in the second"));
    }
    notes
}

/// An item in the first report, and in the second.
type Pair<'a> = (&'a ItemReport, Option<&'a ItemReport>);

fn cell((category, level): (Category, Level), pairs: &[Pair<'_>]) -> CellChange {
    let mut counts = Paired::default();
    let (mut lost, mut gained, mut soft) = (Vec::new(), Vec::new(), 0.0);
    for (before, after) in pairs {
        let Some((after, held, holds)) = after.and_then(|after| Some((after, before.hard()?, after.hard()?)))
        else {
            continue;
        };
        counts.add(held, holds);
        soft += share(after) - share(before);
        match (held, holds) {
            (true, false) => lost.push(item_change(before, after, after)),
            (false, true) => gained.push(item_change(before, after, before)),
            _ => {}
        }
    }
    let items = counts.items();
    let points = |sum: f64| (items > 0).then(|| 100.0 * sum / items as f64);
    let interval = counts.interval();
    let change = match interval {
        _ if lost.is_empty() && gained.is_empty() => Change::Same,
        [_, high] if high < 0.0 => Change::Broke,
        [low, _] if low > 0.0 => Change::Improved,
        _ => Change::Unclear,
    };
    CellChange {
        category,
        level,
        change,
        items,
        left_out: pairs.len() - items,
        before: counts.before(),
        after: counts.after(),
        hsr_delta: points(counts.after() as f64 - counts.before() as f64),
        interval: interval.map(|end| 100.0 * end),
        ssr_delta: points(soft),
        lost,
        gained,
    }
}

fn share(item: &ItemReport) -> f64 {
    item.answered().and_then(|answered| answered.outcome.soft()).unwrap_or(0.0)
}

fn item_change(before: &ItemReport, after: &ItemReport, violating: &ItemReport) -> ItemChange {
    let answer = |item: &ItemReport| {
        item.answered().map_or_else(|| KeptText::new(""), |answered| answered.answer.clone())
    };
    let constraints = violating.answered().map_or(&[][..], |answered| &answered.outcome.constraints);
    let violated = constraints.iter().filter(|one| one.verdict == Verdict::Violated).map(|one| {
        let reason = one.reason.as_ref().map(|reason| format!(" ({reason})"));
        format!("{}{}", one.constraint, reason.unwrap_or_default())
    });
    ItemChange {
        id: before.id.clone(),
        instruction: before.instruction.clone(),
        violated: violated.collect(),
        before: answer(before),
        after: answer(after),
    }
}

fn csl(before: &FollowReport, after: &FollowReport) -> Vec<CslChange> {
    let of =
        |report: &FollowReport, category| report.scores.categories.get(&category).and_then(|one| one.csl);
    let by_category = before.scores.categories.keys().map(|category| CslChange {
        category: Some(*category),
        before: of(before, *category),
        after: of(after, *category),
    });
    let (one, other) = (before.scores.overall.csl, after.scores.overall.csl);
    by_category.chain([CslChange { category: None, before: one, after: other }]).collect()
}
