//! Differences between two models, group by group, in strata that weigh the same.

use std::collections::BTreeMap;

/// The groups of one category.
#[derive(Debug, Clone, PartialEq)]
pub struct Stratum {
    /// For each group the mean over its items of candidate − live, −1 to 1.
    pub groups: Vec<f64>,
}

/// What a comparison rests on: the mean of the strata's means is estimated.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    strata: Vec<Stratum>,
    /// What one item less or more changes in its group: the smallest difference that a group can show.
    grain: f64,
}

impl Differences {
    /// Of items `(stratum, group, candidate − live)`; an item that one of the two has no value for is left out before.
    #[must_use]
    pub fn of<'a>(items: impl IntoIterator<Item = (&'a str, &'a str, f64)>) -> Self {
        let mut strata: BTreeMap<&str, BTreeMap<&str, (f64, usize)>> = BTreeMap::new();
        for (stratum, group, difference) in items {
            let (sum, count) = strata.entry(stratum).or_default().entry(group).or_default();
            *sum += difference;
            *count += 1;
        }
        let largest = strata.values().flat_map(BTreeMap::values).map(|(_, count)| *count).max();
        let means = |groups: BTreeMap<&str, (f64, usize)>| Stratum {
            groups: groups.into_values().map(|(sum, count)| sum / count as f64).collect(),
        };
        Self { strata: strata.into_values().map(means).collect(), grain: 1.0 / largest.unwrap_or(1) as f64 }
    }

    /// The strata.
    #[must_use]
    pub fn strata(&self) -> &[Stratum] {
        &self.strata
    }

    /// Groups in all.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.strata.iter().map(|stratum| stratum.groups.len()).sum()
    }

    /// The mean of the strata's means.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        estimate(self.strata.iter().map(|stratum| stratum.groups.as_slice()))
    }

    /// Its standard error: √(Σ s²/n) / C over the C strata, with s² the variance of a stratum's groups and one that differs
    /// by a single item.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        standard_error(self.strata.iter().map(|stratum| stratum.groups.as_slice()), self.grain)
    }

    /// The standard error with half a group gained and half a group lost, ±1, added to the spread (Agresti & Min 2005),
    /// shared by the strata so that it weighs the same however many they are.
    #[must_use]
    pub fn guarded_error(&self) -> f64 {
        let grain = (self.strata.len().max(1) as f64).recip().sqrt();
        standard_error(self.strata.iter().map(|stratum| stratum.groups.as_slice()), grain)
    }

    /// Groups less strata: the degrees of freedom of the standard error, at least 1.
    #[must_use]
    pub fn freedom(&self) -> usize {
        self.groups().saturating_sub(self.strata.len()).max(1)
    }

    pub(super) fn grain(&self) -> f64 {
        self.grain
    }
}

pub(super) fn estimate<'a>(strata: impl Iterator<Item = &'a [f64]>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0_f64);
    for groups in strata {
        sum += mean(groups);
        count += 1.0;
    }
    sum / count.max(1.0)
}

/// The standard error of the mean of `C` strata's means, √(Σ s²/n) / C, with s² the sample variance of a stratum's groups to
/// which one group is added that differs by `grain`: without that, groups that happen to agree would prove that no group
/// ever differs.
pub(super) fn standard_error<'a>(strata: impl Iterator<Item = &'a [f64]>, grain: f64) -> f64 {
    let (mut variance, mut count) = (0.0, 0.0_f64);
    for groups in strata {
        let (n, mean) = (groups.len() as f64, mean(groups));
        let squares: f64 = groups.iter().map(|d| (d - mean).powi(2)).sum();
        variance += (squares + grain * grain) / (n - 1.0).max(1.0) / n.max(1.0);
        count += 1.0;
    }
    variance.sqrt() / count.max(1.0)
}

fn mean(groups: &[f64]) -> f64 {
    groups.iter().sum::<f64>() / (groups.len() as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_fold_into_groups_and_groups_into_strata() {
        let items = [
            ("format", "1", -1.0),
            ("format", "1", 0.0),
            ("format", "2", 0.0),
            ("format", "2", 0.0),
            ("style", "1", 1.0),
        ];
        let differences = Differences::of(items);
        assert_eq!(differences.groups(), 3);
        // (mean(-0.5, 0) + 1) / 2
        assert!((differences.estimate() - 0.375).abs() < 1e-12);
        // format: squares 0.125 and grain 0.25 in 1 * 2; style: grain 0.25 in 1 * 1
        let expected = ((0.125 + 0.25) / 2.0 + 0.25_f64).sqrt() / 2.0;
        assert!((differences.standard_error() - expected).abs() < 1e-12);
    }
}
