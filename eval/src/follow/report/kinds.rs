//! Which kinds of constraints are violated.

use crate::follow::{ItemOutcome, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most kinds that a report keeps.
const KINDS_KEPT: usize = 40;

/// How one kind of constraint fared. Constraints are of one kind when their descriptions differ only in numbers and in
/// what stands in quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindFailures {
    /// The description, with `#` for numbers and `…` for what is quoted: "at most # words".
    pub kind: String,
    /// How often it was checked.
    pub checked: usize,
    /// How often it was violated.
    pub violated: usize,
    /// How often its verdict could not be read.
    pub unparsed: usize,
}

/// Those that were violated or not read, most violations first, at most [`KINDS_KEPT`].
pub(super) fn failures(outcomes: &[ItemOutcome]) -> Vec<KindFailures> {
    let mut kinds: BTreeMap<String, KindFailures> = BTreeMap::new();
    for constraint in outcomes.iter().flat_map(|outcome| &outcome.constraints) {
        let kind = kind_of(&constraint.constraint);
        let entry = kinds.entry(kind.clone());
        let count = entry.or_insert(KindFailures { kind, checked: 0, violated: 0, unparsed: 0 });
        count.checked += 1;
        count.violated += usize::from(constraint.verdict == Verdict::Violated);
        count.unparsed += usize::from(constraint.verdict == Verdict::Unparsed);
    }
    let mut kinds: Vec<_> = kinds.into_values().filter(|kind| kind.violated + kind.unparsed > 0).collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse((kind.violated, kind.unparsed)));
    kinds.truncate(KINDS_KEPT);
    kinds
}

/// The description without its numbers and quoted texts. The place of a judged constraint is all that is known of it, and
/// stays.
fn kind_of(description: &str) -> String {
    if description.strip_prefix("constraint ").is_some_and(|place| place.parse::<u8>().is_ok()) {
        return format!("judged {description}");
    }
    let (mut kind, mut close, mut in_number) = (String::new(), None, false);
    for c in description.chars() {
        match (close, c) {
            (Some(end), c) if c == end => {
                close = None;
                kind.push(c);
            }
            (Some(_), _) => {}
            (None, '"' | '“' | '`' | '«') => {
                close = Some(match c {
                    '“' => '”',
                    '«' => '»',
                    same => same,
                });
                kind.push(c);
                kind.push('…');
            }
            (None, c) if c.is_ascii_digit() => {
                if !in_number {
                    kind.push('#');
                }
            }
            (None, c) => kind.push(c),
        }
        in_number = close.is_none() && c.is_ascii_digit();
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_kind_is_a_description_without_its_particulars() {
        let kinds = [
            ("at most 40 words", "at most # words"),
            ("the word \"rain\" 12 times", "the word \"…\" # times"),
            ("begins with “A 1”", "begins with “…”"),
            ("ends with `x", "ends with `…"),
            ("constraint 3", "judged constraint 3"),
            ("the published rule", "the published rule"),
        ];
        for (description, kind) in kinds {
            assert_eq!(kind_of(description), kind);
        }
    }

    proptest! {
        #[test]
        fn numbers_do_not_make_kinds(a in 0u32.., b in 0u32..) {
            prop_assert_eq!(kind_of(&format!("{a} to {b} words")), kind_of("1 to 2 words"));
        }
    }
}
