//! From outcomes to rates: HSR, SSR and CSL by category and level, and their mean.
//!
//! FollowBench (arXiv 2310.20410, section 3.4), and the two ways to count a verdict that could not be read: see
//! [`Scorer`]. Nothing here reads files or asks models.
//!
//! # Rounding
//! [`Scores`] holds unrounded numbers. The reference writes percentages with two decimals and CSL with one, both to
//! even from the exact binary value; [`percent`] and [`levels`] give the same digits.

use super::{
    item::{Category, GroupId, Level},
    outcome::{CategoryScores, ItemOutcome, Scorer, Scores},
};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// What an item whose verdict could not be read adds to the sums of the reference.
const LEGACY_UNPARSED: f64 = -1.0;

/// Folds outcomes into rates.
///
/// Per category and level, HSR is the share of items with every constraint satisfied and SSR the mean share of
/// constraints satisfied, both in percent; an item that a rule decides counts the same in both. CSL is the number of
/// levels satisfied from level 1 on, one value a group, averaged over all groups of the category, judged and ruled ones
/// together. `overall` is the mean over the categories without weights (of those that have a value); its counts are
/// sums.
///
/// - `legacy`: an item with an unread verdict adds −1 to HSR and SSR, stays in the denominator and ends its group's
///   consecutive levels; a level that is missing ends them too. Sums run in the order of the outcomes, judged items
///   before ruled ones, so that with outcomes in file order the numbers are the reference's to the last bit.
/// - `strict`: such an item is left out of numerator and denominator, and counted; a group with such an item, or
///   without one of its levels, has no CSL. It is left out even when an earlier level had failed already: keeping only
///   those groups would keep the short ones and pull the mean down.
#[must_use]
pub fn score(outcomes: &[ItemOutcome], scorer: Scorer) -> Scores {
    let mut by_category: BTreeMap<Category, Vec<&ItemOutcome>> = BTreeMap::new();
    for outcome in outcomes {
        by_category.entry(outcome.category).or_default().push(outcome);
    }
    let categories: BTreeMap<_, _> =
        by_category.into_iter().map(|(category, items)| (category, score_category(&items, scorer))).collect();
    let overall = mean(categories.values());
    Scores { scorer, categories, overall }
}

/// A percentage with the reference's two decimals; `-` where nothing was scored.
#[must_use]
pub fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// A CSL with the reference's one decimal; `-` where nothing was scored.
#[must_use]
pub fn levels(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}

/// Sums of one level of one category.
#[derive(Default, Clone, Copy)]
struct Sums {
    /// Items in the denominator.
    items: usize,
    /// Items satisfied; can be below zero under `legacy`.
    hard: f64,
    /// Shares of the judged items, in order.
    judged: f64,
    /// Shares of the ruled items, which are whole numbers.
    ruled: f64,
}

impl Sums {
    fn add(&mut self, outcome: &ItemOutcome, hard: f64, soft: f64) {
        self.items += 1;
        self.hard += hard;
        // A rule decides an item as a whole. At level 1 a judged item looks the same, and its share is whole too.
        if outcome.constraints.len() == 1 {
            self.ruled += soft;
        } else {
            self.judged += soft;
        }
    }

    fn rate(&self, sum: f64) -> Option<f64> {
        (self.items > 0).then(|| sum / self.items as f64 * 100.0)
    }
}

fn score_category(outcomes: &[&ItemOutcome], scorer: Scorer) -> CategoryScores {
    let mut sums = [Sums::default(); 5];
    let mut unparsed = 0;
    for outcome in outcomes {
        let level = &mut sums[outcome.level.index()];
        match (outcome.hard(), outcome.soft(), scorer) {
            (Some(hard), Some(soft), _) => level.add(outcome, f64::from(u8::from(hard)), soft),
            (_, _, Scorer::Legacy) => {
                unparsed += 1;
                level.add(outcome, LEGACY_UNPARSED, LEGACY_UNPARSED);
            }
            (_, _, Scorer::Strict) => unparsed += 1,
        }
    }
    CategoryScores {
        hsr: sums.map(|level| level.rate(level.hard)),
        ssr: sums.map(|level| level.rate(level.judged + level.ruled)),
        csl: consecutive(outcomes, scorer),
        items: sums.map(|level| level.items),
        unparsed,
    }
}

/// What is known of one level of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Satisfied,
    Violated,
    Unparsed,
    Missing,
}

fn consecutive(outcomes: &[&ItemOutcome], scorer: Scorer) -> Option<f64> {
    let mut groups: BTreeMap<&GroupId, [Seen; 5]> = BTreeMap::new();
    for outcome in outcomes {
        let group = groups.entry(&outcome.group).or_insert([Seen::Missing; 5]);
        group[outcome.level.index()] = match outcome.hard() {
            Some(true) => Seen::Satisfied,
            Some(false) => Seen::Violated,
            None => Seen::Unparsed,
        };
    }
    let known = |group: &&[Seen; 5]| {
        scorer == Scorer::Legacy || !group.iter().any(|seen| matches!(seen, Seen::Unparsed | Seen::Missing))
    };
    let runs: Vec<usize> = groups
        .values()
        .filter(known)
        .map(|group| group.iter().take_while(|seen| **seen == Seen::Satisfied).count())
        .collect();
    (!runs.is_empty()).then(|| runs.iter().sum::<usize>() as f64 / runs.len() as f64)
}

fn mean<'a>(categories: impl Iterator<Item = &'a CategoryScores> + Clone) -> CategoryScores {
    let average = |pick: &dyn Fn(&CategoryScores) -> Option<f64>| {
        let values: Vec<f64> = categories.clone().filter_map(pick).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    CategoryScores {
        hsr: Level::ALL.map(|level| average(&|scores| scores.hsr[level.index()])),
        ssr: Level::ALL.map(|level| average(&|scores| scores.ssr[level.index()])),
        csl: average(&|scores| scores.csl),
        items: Level::ALL.map(|level| categories.clone().map(|scores| scores.items[level.index()]).sum()),
        unparsed: categories.clone().map(|scores| scores.unparsed).sum(),
    }
}
