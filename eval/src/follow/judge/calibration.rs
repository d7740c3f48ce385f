//! Answers of which it is known what they meet.

use crate::follow::{Category, Check, GroupId, Item, Level};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

const SHIPPED: &str = include_str!("calibration.jsonl");

/// One answer with the verdicts that a judge should give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationItem {
    /// Unique within the set.
    pub id: String,
    /// What kind of constraints are added.
    pub category: Category,
    /// The instruction without constraints.
    pub base: String,
    /// The constraints, one for each level: each version of the instruction is the one before with a space and the next
    /// of these.
    pub added: Vec<String>,
    /// What was answered.
    pub answer: String,
    /// Whether the answer meets each of the constraints.
    pub verdicts: Vec<bool>,
}

impl CalibrationItem {
    /// As a judge is asked about it.
    fn item(&self) -> Option<Item> {
        let level = u8::try_from(self.added.len()).ok().and_then(|level| Level::new(level).ok())?;
        let mut path = vec![self.base.clone()];
        for added in &self.added {
            path.push(format!("{} {added}", path[path.len() - 1]));
        }
        let group = GroupId::new(self.category, &self.id);
        Some(Item { group, category: self.category, level, path, check: Check::Judge })
    }
}

/// Why a calibration set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// A line is no item.
    #[error("failed to read the calibration set: line {line}: {reason}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// There is nothing in it.
    #[error("failed to read the calibration set: it has no items")]
    Empty,
}

/// Answers with known verdicts, to rate judges with.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationSet {
    items: Vec<(CalibrationItem, Item)>,
    fingerprint: String,
}

impl CalibrationSet {
    /// The one in the source tree, `eval/src/follow/judge/calibration.jsonl`: English, all six categories, levels 1 to 5.
    /// Its verdicts can be counted or are plain to see.
    #[must_use]
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("the set in the source tree is tested")
    }

    /// Reads a set: one [`CalibrationItem`] a line, as JSON.
    ///
    /// # Errors
    /// [`CalibrationError`] with the line where something is wrong: no JSON, an unknown field, not one to five
    /// constraints, another number of verdicts, an id for the second time.
    pub fn parse(text: &str) -> Result<Self, CalibrationError> {
        let mut seen = HashSet::new();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let items: Result<Vec<_>, _> = lines
            .map(|(index, line)| {
                read(line, &mut seen).map_err(|reason| CalibrationError::Line { line: index + 1, reason })
            })
            .collect();
        let items = items?;
        if items.is_empty() {
            return Err(CalibrationError::Empty);
        }
        let fingerprint = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { items, fingerprint })
    }

    /// SHA-256 of the set's text, hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What it holds.
    pub fn items(&self) -> impl ExactSizeIterator<Item = &CalibrationItem> {
        self.items.iter().map(|(known, _)| known)
    }

    pub(super) fn asked(&self) -> &[(CalibrationItem, Item)] {
        &self.items
    }
}

fn read(line: &str, seen: &mut HashSet<String>) -> Result<(CalibrationItem, Item), String> {
    let known: CalibrationItem = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let count = known.added.len();
    let item = known.item().ok_or_else(|| format!("{:?} has {count} constraints, not 1 to 5", known.id))?;
    if known.verdicts.len() != count {
        return Err(format!("{:?} has {} verdicts on {count} constraints", known.id, known.verdicts.len()));
    }
    match seen.insert(known.id.clone()) {
        true => Ok((known, item)),
        false => Err(format!("the id {:?} occurs twice; ids must be unique", known.id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shipped_set_covers_what_it_must() {
        let set = CalibrationSet::shipped();
        assert!(set.items().len() >= 40);
        for category in Category::ALL {
            assert!(set.items().filter(|item| item.category == category).count() >= 6, "{category}");
        }
        for level in 1..=5 {
            assert!(set.items().filter(|item| item.added.len() == level).count() >= 5, "{level}");
        }
        let verdicts: Vec<bool> = set.items().flat_map(|item| item.verdicts.clone()).collect();
        let violated = verdicts.iter().filter(|verdict| !**verdict).count() as f64 / verdicts.len() as f64;
        assert!(
            (0.3..0.6).contains(&violated),
            "a judge that always says the same must not look good: {violated}"
        );
        let first = &set.asked()[0].1;
        assert_eq!(first.path.len(), usize::from(first.level.get()) + 1);
        assert!(first.path.windows(2).all(|pair| pair[1].starts_with(&pair[0])));
    }

    /// Verdicts that can be counted are counted here, by other code than the one that wrote them down: none.
    #[test]
    fn countable_verdicts_are_right() {
        let number = |text: &str| text.split_whitespace().find_map(|word| word.parse::<usize>().ok());
        let quoted = |text: &str| text.split('"').nth(1).map(str::to_lowercase);
        let mut counted = 0;
        for item in CalibrationSet::shipped().items() {
            for (constraint, expected) in item.added.iter().zip(&item.verdicts) {
                let words = item.answer.split_whitespace().count();
                let answer = item.answer.to_lowercase();
                let found = match constraint.as_str() {
                    c if c.starts_with("Use at most ") && c.ends_with(" words.") => {
                        words <= number(c).unwrap()
                    }
                    c if c.starts_with("Use at least ") && c.ends_with(" words.") => {
                        words >= number(c).unwrap()
                    }
                    c if c.starts_with("Use exactly ") && c.ends_with(" words.") => {
                        words == number(c).unwrap()
                    }
                    c if c.starts_with("Mention the word \"") => answer.contains(&quoted(c).unwrap()),
                    c if c.starts_with("Do not use the word \"") => !answer.contains(&quoted(c).unwrap()),
                    c if c.starts_with("Write exactly ") && c.ends_with(" lines.") => {
                        item.answer.lines().count() == number(c).unwrap()
                    }
                    "Write everything in lower case." => item.answer == answer,
                    "Write everything in capital letters." => item.answer == item.answer.to_uppercase(),
                    "End with a question mark." => answer.ends_with('?'),
                    "End with an exclamation mark." => answer.ends_with('!'),
                    "Use no commas." => !answer.contains(','),
                    "Use no digits." => !answer.contains(|c: char| c.is_ascii_digit()),
                    _ => continue,
                };
                counted += 1;
                assert_eq!(found, *expected, "{}: {constraint}", item.id);
            }
        }
        assert!(counted >= 40, "{counted}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let line = |id: &str, added: usize, verdicts: usize| {
            serde_json::json!({
                "id": id, "category": "style", "base": "b", "answer": "a",
                "added": vec!["c"; added], "verdicts": vec![true; verdicts],
            })
            .to_string()
        };
        let wrong = [
            (String::new(), "it has no items"),
            ("{".to_owned(), "line 1"),
            (format!("{}\n{}", line("a", 1, 1), line("a", 2, 2)), "line 2: the id \"a\" occurs twice"),
            (line("a", 2, 1), "1 verdicts on 2 constraints"),
            (line("a", 6, 6), "6 constraints, not 1 to 5"),
            (line("a", 0, 0), "0 constraints, not 1 to 5"),
            (line("a", 1, 1).replace("\"base\"", "\"bass\""), "unknown field `bass`"),
        ];
        for (text, expected) in wrong {
            let error = CalibrationSet::parse(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_set_or_an_error(text in ".{0,200}") {
            let _ = CalibrationSet::parse(&text);
        }
    }
}
