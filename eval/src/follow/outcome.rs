//! What became of the items, and the three rates.

use super::item::{Category, GroupId, Level};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was found of one constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The answer meets it.
    Satisfied,
    /// It does not.
    Violated,
    /// No judge gave a verdict that could be read.
    Unparsed,
}

/// One constraint of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstraintOutcome {
    /// The constraint, for people: "at most 40 words", or `constraint 3` where only the judge knows it.
    pub constraint: String,
    /// What was found.
    pub verdict: Verdict,
    /// Why, where code can say: "52 words".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of one item. An item whose generation failed has no outcome here; reports count it apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOutcome {
    /// Of which group.
    pub group: GroupId,
    /// Of which category.
    pub category: Category,
    /// Of which level.
    pub level: Level,
    /// One for an item that a rule decides; otherwise one for each constraint, oldest first.
    pub constraints: Vec<ConstraintOutcome>,
}

impl ItemOutcome {
    /// Whether every constraint is satisfied; `None` when one that matters was not read.
    #[must_use]
    pub fn hard(&self) -> Option<bool> {
        let mut hard = true;
        for constraint in &self.constraints {
            match constraint.verdict {
                Verdict::Satisfied => {}
                Verdict::Violated => hard = false,
                Verdict::Unparsed => return None,
            }
        }
        Some(hard && !self.constraints.is_empty())
    }

    /// The share of constraints satisfied; `None` when one was not read.
    #[must_use]
    pub fn soft(&self) -> Option<f64> {
        self.hard()?;
        let satisfied = self.constraints.iter().filter(|c| c.verdict == Verdict::Satisfied).count();
        Some(satisfied as f64 / self.constraints.len().max(1) as f64)
    }
}

/// How outcomes become rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scorer {
    /// The numbers of the reference scorer, defects included: an unparsed verdict counts −1.
    Legacy,
    /// The defects mended: an item with an unparsed verdict counts nowhere and is reported.
    Strict,
}

/// One category's rates. Percentages, 0 to 100; `None` where nothing could be scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryScores {
    /// Hard satisfaction rate by level: items with every constraint satisfied.
    pub hsr: [Option<f64>; 5],
    /// Soft satisfaction rate by level: mean share of constraints satisfied.
    pub ssr: [Option<f64>; 5],
    /// Consecutive satisfied levels from level 1 on, mean over groups, 0 to 5.
    pub csl: Option<f64>,
    /// Items scored, by level.
    pub items: [usize; 5],
    /// Items left out because a verdict could not be read (`strict`) or counted −1 (`legacy`).
    pub unparsed: usize,
}

/// All rates of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// How they were computed.
    pub scorer: Scorer,
    /// By category; only those that the suite has.
    pub categories: BTreeMap<Category, CategoryScores>,
    /// The mean over the categories, without weights.
    pub overall: CategoryScores,
}
