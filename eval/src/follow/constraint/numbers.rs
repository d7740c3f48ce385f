//! Numbers in digits: `12`, `-3`, `3.5`, `1,200`. List markers are none.

use super::text::{bare, lines};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Each more than the one before.
    Ascending,
    /// Each less than the one before.
    Descending,
}

impl Direction {
    pub(super) fn holds<T: PartialOrd>(self, before: &T, after: &T) -> bool {
        match self {
            Self::Ascending => before < after,
            Self::Descending => before > after,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }
}

static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?")
        .expect("the pattern is well formed")
});

/// The numbers of a text, in order.
pub(super) fn of(text: &str) -> Vec<f64> {
    lines(text).into_iter().flat_map(|line| of_line(bare(line))).collect()
}

fn of_line(line: &str) -> Vec<f64> {
    NUMBER
        .find_iter(line)
        .filter_map(|found| {
            let value: f64 = found.as_str().replace(',', "").parse().ok()?;
            // A dash between two numbers is a range; a sign stands behind white space or a bracket.
            let mut before = line[..found.start()].chars().rev();
            let minus = matches!(before.next(), Some('-' | '−'));
            let signed = minus && before.next().is_none_or(|c| c.is_whitespace() || c == '(');
            Some(if signed { -value } else { value })
        })
        .collect()
}

pub(super) fn ordered(text: &str, direction: Direction) -> Result<(), String> {
    let found = of(text);
    if found.len() >= 2 && found.windows(2).all(|pair| direction.holds(&pair[0], &pair[1])) {
        return Ok(());
    }
    Err(format!("the numbers are {}", listed(&found)))
}

pub(super) fn sum(text: &str, total: f64) -> Result<(), String> {
    let found = of(text);
    let sum: f64 = found.iter().sum();
    // Decimal fractions are not exact in binary.
    if found.len() >= 2 && (sum - total).abs() <= 1e-9 * total.abs().max(1.0) {
        return Ok(());
    }
    Err(format!("the numbers are {}", listed(&found)))
}

pub(super) fn range(text: &str, from: f64, to: f64) -> Result<(), String> {
    let found = of(text);
    if !found.is_empty() && found.iter().all(|n| (from..=to).contains(n)) {
        return Ok(());
    }
    Err(format!("the numbers are {}", listed(&found)))
}

fn listed(numbers: &[f64]) -> String {
    let shown: Vec<String> = numbers.iter().take(12).map(ToString::to_string).collect();
    let more = if numbers.len() > 12 { ", …" } else { "" };
    format!("[{}{more}]", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(of("$1,200 and 3.5 km; -4 °C, (-2), 3-5."), [1200.0, 3.5, -4.0, -2.0, 3.0, 5.0]);
        assert_eq!(of("1. Buy 2 eggs\n2) at 7:30"), [2.0, 7.0, 30.0]);
        assert_eq!(of("12,34"), [12.0, 34.0]);
        assert!(sum("0.1 and 0.2", 0.3).is_ok() && sum("3", 3.0).is_err());
        assert!(range("none", 0.0, 1.0).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers in proptest::collection::vec(-9999i32..9999, 1..8)) {
            let text = numbers.iter().map(|n| format!("n {n} m")).collect::<Vec<_>>().join(" ");
            let expected: Vec<f64> = numbers.iter().map(|&n| f64::from(n)).collect();
            prop_assert_eq!(of(&text), expected);
        }
    }
}
