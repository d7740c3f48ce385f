//! Decontamination: nothing that a gate asks may be learned from.

use serde::{Deserialize, Serialize};

/// A suite that training data is held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardedSuite {
    /// Its name.
    pub name: String,
    /// Names its content.
    pub fingerprint: String,
    /// Its items.
    pub items: usize,
}

/// What a text shares with a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// The suite.
    pub suite: String,
    /// The item.
    pub item: String,
    /// How: a run of words, or the similarity.
    pub how: String,
}

/// What was left out because a suite asks the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The instruction or the row.
    pub id: String,
    /// What it shares.
    #[serde(flatten)]
    pub overlap: Overlap,
}

/// Names of what was left out that are kept; the others are counted.
const NAMED: usize = 1000;

/// All that was left out because a suite asks the same: how much, and the first of it by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Removals {
    /// How much.
    pub count: u64,
    /// The first thousand.
    pub first: Vec<Removed>,
}

impl Removals {
    /// Adds one.
    pub fn push(&mut self, removed: Removed) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(removed);
        }
    }
}

impl FromIterator<Removed> for Removals {
    fn from_iter<T: IntoIterator<Item = Removed>>(all: T) -> Self {
        let mut removals = Self::default();
        all.into_iter().for_each(|removed| removals.push(removed));
        removals
    }
}

/// As it is read: cards of before name all.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Counted { count: u64, first: Vec<Removed> },
    All(Vec<Removed>),
}

impl From<Written> for Removals {
    fn from(written: Written) -> Self {
        match written {
            Written::Counted { count, first } => Self { count, first },
            Written::All(all) => all.into_iter().collect(),
        }
    }
}

/// Knows what the gates ask.
pub trait SuiteGuard: Send + Sync {
    /// The suites.
    fn suites(&self) -> Vec<GuardedSuite>;

    /// From what on a text overlaps, in words, for the data card.
    fn rule(&self) -> String;

    /// What a text shares with one of them.
    fn overlap(&self, text: &str) -> Option<Overlap>;
}

/// Guards nothing, and its data card says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unguarded;

impl SuiteGuard for Unguarded {
    fn suites(&self) -> Vec<GuardedSuite> {
        Vec::new()
    }

    fn rule(&self) -> String {
        "nothing was looked at".to_owned()
    }

    fn overlap(&self, _: &str) -> Option<Overlap> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_left_out_is_counted_and_the_first_are_named() {
        let removed = |n: usize| Removed {
            id: n.to_string(),
            overlap: Overlap { suite: "s".into(), item: "i".into(), how: "13 words".into() },
        };
        let all: Removals = (0..NAMED + 5).map(removed).collect();
        assert_eq!((all.count, all.first.len()), (NAMED as u64 + 5, NAMED));
        let json = serde_json::to_value(&all).expect("JSON");
        assert_eq!(serde_json::from_value::<Removals>(json).expect("reads"), all);
        let before = json!([{"id": "1", "suite": "s", "item": "i", "how": "13 words"}]);
        let read: Removals = serde_json::from_value(before).expect("reads");
        assert_eq!((read.count, read.first.as_slice()), (1, &[removed(1)][..]));
    }
}
