//! What a referee said, read.

use serde::{Deserialize, Serialize};

/// The lowest and the highest score.
const SCALE: std::ops::RangeInclusive<f64> = 1.0..=10.0;

/// The scores of two answers, 1 to 10, in the order in which they were shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Of the first.
    pub first: f64,
    /// Of the second.
    pub second: f64,
}

impl Scores {
    /// Reads the last two lines that say something: `Answer 1: 7` and `Answer 2: 8.5`, in any case, perhaps with `/10`, with
    /// another noun, or the numbers alone. Anything else is no verdict: it is not guessed at.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines =
            text.lines().rev().map(str::trim).filter(|line| line.chars().any(char::is_alphanumeric));
        let (second, first) = (lines.next()?, lines.next()?);
        Some(Self { first: score(first, "1")?, second: score(second, "2")? })
    }

    /// The mean of two verdicts on the same answers, the second given with the answers the other way round. What the referee
    /// gives to a place, it gives to both answers.
    #[must_use]
    pub fn averaged(self, swapped: Self) -> Self {
        Self { first: (self.first + swapped.second) / 2.0, second: (self.second + swapped.first) / 2.0 }
    }
}

/// The score in a line about the answer of this number.
fn score(line: &str, number: &str) -> Option<f64> {
    let plain: String = line.chars().filter(|c| !matches!(c, '*' | '_' | '`' | '#')).collect();
    let said = match plain.rsplit_once([':', '=']) {
        Some((about, said)) => {
            let words: Vec<&str> = about.split_whitespace().collect();
            // `Answer 1`, `Assistant 1's score`: about the other answer it is not this one's.
            let other = words.iter().any(|word| {
                let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
                !digits.is_empty() && digits != number
            });
            if other {
                return None;
            }
            said.to_owned()
        }
        None => plain,
    };
    let said = said.trim().trim_end_matches('.').trim();
    let said = said.strip_suffix("/10").or_else(|| said.strip_suffix("/ 10")).unwrap_or(said).trim();
    let score: f64 = said.parse().ok()?;
    SCALE.contains(&score).then_some(score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scores(first: f64, second: f64) -> Option<Scores> {
        Some(Scores { first, second })
    }

    #[test]
    fn the_last_two_lines_are_the_verdict() {
        for (text, found) in [
            ("The first is wrong.\nAnswer 1: 3\nAnswer 2: 9", scores(3.0, 9.0)),
            ("**Answer 1:** 7.5/10\n\n**Answer 2:** 8 / 10.\n---\n", scores(7.5, 8.0)),
            ("assistant 1's score = 2\nassistant 2's score = 10", scores(2.0, 10.0)),
            ("Both do.\n6\n6", scores(6.0, 6.0)),
            ("Answer 2: 9\nAnswer 1: 3", None),
            ("Answer 1: 0\nAnswer 2: 9", None),
            ("Answer 1: 11\nAnswer 2: 9", None),
            ("Answer 1: NaN\nAnswer 2: 9", None),
            ("Answer 1: good\nAnswer 2: better", None),
            ("Answer 1: 3, Answer 2: 4", None),
            ("9", None),
            ("", None),
            ("Answer 1: 3\nAnswer 2: 9\nI hope this helps!", None),
        ] {
            assert_eq!(Scores::parse(text), found, "{text:?}");
        }
    }

    #[test]
    fn what_is_given_to_a_place_is_given_to_both() {
        // The first place is worth two points to this referee.
        let (one, other) = (Scores { first: 8.0, second: 6.0 }, Scores { first: 8.0, second: 6.0 });
        assert_eq!(one.averaged(other), Scores { first: 7.0, second: 7.0 });
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Some(Scores { first, second }) = Scores::parse(&text) {
                prop_assert!(SCALE.contains(&first) && SCALE.contains(&second));
            }
        }

        #[test]
        fn what_was_asked_for_is_read(explained in "[a-zA-Z .\n]{0,80}", first in 10u8..=100, second in 10u8..=100) {
            let (first, second) = (f64::from(first) / 10.0, f64::from(second) / 10.0);
            let text = format!("{explained}\nAnswer 1: {first}\nAnswer 2: {second}\n");
            prop_assert_eq!(Scores::parse(&text), scores(first, second));
        }
    }
}
