//! How many.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A bound on a count, ends included. In files: `{ exactly = 3 }`, `{ between = [3, 5] }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Bound {
    /// This many.
    Exactly(usize),
    /// This many or fewer.
    AtMost(usize),
    /// This many or more.
    AtLeast(usize),
    /// From the first to the second.
    Between(usize, usize),
}

impl Bound {
    /// The least and the greatest count that are allowed.
    #[must_use]
    pub fn ends(self) -> (usize, usize) {
        match self {
            Self::Exactly(n) => (n, n),
            Self::AtMost(n) => (0, n),
            Self::AtLeast(n) => (n, usize::MAX),
            Self::Between(from, to) => (from, to),
        }
    }

    /// Whether a count lies within.
    #[must_use]
    pub fn holds(self, count: usize) -> bool {
        let (from, to) = self.ends();
        (from..=to).contains(&count)
    }

    /// Fails with "7 words" when the count of `noun` lies outside.
    pub(super) fn check(self, count: usize, noun: &str) -> Result<(), String> {
        if self.holds(count) { Ok(()) } else { Err(counted(count, noun)) }
    }

    /// "at most 40 words".
    pub(super) fn of(self, noun: &str) -> String {
        let last = match self {
            Self::Exactly(n) | Self::AtMost(n) | Self::AtLeast(n) | Self::Between(_, n) => n,
        };
        format!("{self} {}", if last == 1 { noun.to_owned() } else { format!("{noun}s") })
    }

    /// What is wrong with the bound itself, if anything.
    pub(super) fn fault(self) -> Option<String> {
        let (from, to) = self.ends();
        if from > to {
            return Some(format!("`between = [{from}, {to}]` allows nothing"));
        }
        (from == 0 && to == usize::MAX).then(|| "`at_least = 0` allows everything".to_owned())
    }

    /// How the two stand to each other, `self` being the later one.
    pub(super) fn against(self, earlier: Self) -> Relation {
        let ((low, high), (from, to)) = (self.ends(), earlier.ends());
        if high < from || low > to {
            Relation::Contradicts
        } else if low <= from && high >= to {
            Relation::AddsNothing
        } else {
            Relation::Narrows
        }
    }
}

/// What a later bound does to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// No count meets both.
    Contradicts,
    /// Whatever meets the earlier one meets it.
    AddsNothing,
    /// It forbids something more.
    Narrows,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(n) => write!(f, "exactly {n}"),
            Self::AtMost(n) => write!(f, "at most {n}"),
            Self::AtLeast(n) => write!(f, "at least {n}"),
            Self::Between(from, to) => write!(f, "{from} to {to}"),
        }
    }
}

/// "1 word", "2 words".
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_include_their_ends() {
        assert!(Bound::Between(2, 4).holds(2) && Bound::Between(2, 4).holds(4));
        assert!(!Bound::Between(2, 4).holds(5) && !Bound::AtMost(3).holds(4) && !Bound::AtLeast(3).holds(2));
        assert_eq!(Bound::Exactly(1).of("line"), "exactly 1 line");
        assert_eq!(Bound::Between(1, 3).of("line"), "1 to 3 lines");
        assert!(Bound::Between(3, 2).fault().is_some() && Bound::AtLeast(0).fault().is_some());
    }

    fn bound() -> impl Strategy<Value = Bound> {
        (0usize..6, 0usize..6, 0..4).prop_map(|(a, b, which)| match which {
            0 => Bound::Exactly(a),
            1 => Bound::AtMost(a),
            2 => Bound::AtLeast(a),
            _ => Bound::Between(a.min(b), a.max(b)),
        })
    }

    proptest! {
        #[test]
        fn relations_are_what_counting_says(later in bound(), earlier in bound()) {
            let both = (0..20).filter(|&n| later.holds(n) && earlier.holds(n)).count();
            let before = (0..20).filter(|&n| earlier.holds(n)).count();
            let expected = if both == 0 {
                Relation::Contradicts
            } else if both == before {
                Relation::AddsNothing
            } else {
                Relation::Narrows
            };
            prop_assert_eq!(later.against(earlier), expected);
        }
    }
}
