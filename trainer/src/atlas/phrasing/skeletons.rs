//! The split of every whole pattern, decided by its words, so that two patterns that read alike share a split.

use super::Pattern;
use crate::atlas::split::Split;
use std::collections::HashMap;

/// Whole patterns (a frame and a core joined, slots open) and their splits.
#[derive(Debug, Default)]
pub struct Skeletons {
    splits: HashMap<String, Split>,
}

impl Skeletons {
    /// Decides the split of every joined pair: `!` on a part keeps all that reads like it for the test, `+` for
    /// training; what has no mark goes by its hash, `test_percent` of it to the test.
    pub(super) fn decide<'a>(
        pairs: impl Iterator<Item = (String, &'a Pattern, &'a Pattern)>,
        test_percent: u64,
    ) -> Self {
        let mut marks: HashMap<String, Option<Split>> = HashMap::new();
        for (text, one, other) in pairs {
            let mark = marks.entry(key(&text)).or_default();
            *mark = match (*mark, one.marked(other)) {
                // The test mark is the stronger one: whatever has a part that is never trained is never trained.
                (Some(Split::Test), _) | (_, Some(Split::Test)) => Some(Split::Test),
                (Some(Split::Train), _) | (_, Some(Split::Train)) => Some(Split::Train),
                (None, None) => None,
            };
        }
        let decided = |(text, mark): (String, Option<Split>)| {
            let split = mark.unwrap_or_else(|| Split::of(&text, test_percent));
            (text, split)
        };
        Self { splits: marks.into_iter().map(decided).collect() }
    }

    /// The split of a joined pattern; none when it was not among those that were decided.
    #[must_use]
    pub fn of(&self, text: &str) -> Option<Split> {
        self.splits.get(&key(text)).copied()
    }
}

/// Letter case and final punctuation are what slips change: patterns that differ in them alone are one.
fn key(text: &str) -> String {
    text.trim_end_matches(['?', '.', '!']).to_lowercase()
}
