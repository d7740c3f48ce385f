//! Constraints of parts: placement, counts, order.

use super::{
    Constraint, Countable,
    numbers::Direction,
    text::{lines, marked, paragraphs, sentences, shown, words},
};
use serde::{Deserialize, Serialize};

/// A sort of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Sentences.
    Sentence,
    /// Lines that hold something.
    Line,
    /// Runs of lines between empty ones.
    Paragraph,
    /// List items, without their markers.
    Item,
    /// Words.
    Word,
}

impl Unit {
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Sentence => "sentence",
            Self::Line => "line",
            Self::Paragraph => "paragraph",
            Self::Item => "list item",
            Self::Word => "word",
        }
    }

    pub(super) fn parts(self, text: &str) -> Vec<&str> {
        match self {
            Self::Sentence => sentences(text),
            Self::Line => lines(text),
            Self::Paragraph => paragraphs(text),
            Self::Item => {
                lines(text).into_iter().filter_map(|line| marked(line).map(|(_, item)| item)).collect()
            }
            Self::Word => words(text),
        }
    }
}

/// Which parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Which {
    /// Each of them; there is at least one.
    Every,
    /// The first.
    First,
    /// The last.
    Last,
    /// By number, from 1.
    Number(usize),
    /// Each but the first; there are at least two.
    Later,
}

impl Which {
    pub(super) fn check(self, unit: Unit, check: &Constraint, answer: &str) -> Result<(), String> {
        let parts = unit.parts(answer);
        let noun = unit.noun();
        let chosen: Vec<(usize, &str)> = match self {
            Self::Every => parts.iter().copied().enumerate().collect(),
            Self::First => parts.first().map(|p| (0, *p)).into_iter().collect(),
            Self::Last => parts.last().map(|p| (parts.len() - 1, *p)).into_iter().collect(),
            Self::Number(n) => parts.get(n.wrapping_sub(1)).map(|p| (n - 1, *p)).into_iter().collect(),
            Self::Later => parts.iter().copied().enumerate().skip(1).collect(),
        };
        if chosen.is_empty() {
            return Err(super::bound::counted(parts.len(), noun));
        }
        for (index, part) in chosen {
            check.check_prepared(part).map_err(|reason| format!("{noun} {}: {reason}", index + 1))?;
        }
        Ok(())
    }
}

impl Countable {
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Sentence => "sentence",
            Self::Line => "line",
            Self::Paragraph => "paragraph",
            Self::Character => "character",
            Self::Question => "question",
        }
    }

    fn count(self, text: &str) -> usize {
        match self {
            Self::Word => words(text).len(),
            Self::Sentence => sentences(text).len(),
            Self::Line => lines(text).len(),
            Self::Paragraph => paragraphs(text).len(),
            Self::Character => text.chars().count(),
            Self::Question => sentences(text).iter().filter(|s| ends_asking(s)).count(),
        }
    }
}

fn ends_asking(sentence: &str) -> bool {
    sentence
        .trim_end_matches(|c: char| !c.is_alphanumeric() && c != '?' && c != '!' && c != '.')
        .ends_with('?')
}

impl Constraint {
    pub(super) fn check_parts(&self, answer: &str) -> Result<(), String> {
        match self {
            Self::Count { unit, count } => count.check(unit.count(answer), unit.noun()),
            Self::Word { number, is } => word(answer, *number, is),
            Self::Acrostic { unit, letters } => acrostic(answer, *unit, letters),
            Self::Lengths { unit, direction } => lengths(answer, *unit, *direction),
            Self::Sorted { unit } => sorted(answer, *unit),
            _ => Ok(()),
        }
    }
}

fn word(answer: &str, number: isize, is: &str) -> Result<(), String> {
    let words = words(answer);
    let index = number.unsigned_abs().wrapping_sub(1);
    let found = if number < 0 { words.iter().rev().nth(index) } else { words.get(index) };
    match found {
        Some(found) if found.to_lowercase() == is.to_lowercase() => Ok(()),
        Some(found) => Err(format!("it is {}", shown(found))),
        None => Err(super::bound::counted(words.len(), "word")),
    }
}

fn acrostic(answer: &str, unit: Unit, letters: &str) -> Result<(), String> {
    let first = |part: &&str| part.chars().find(|c| c.is_alphanumeric());
    let found: String = unit.parts(answer).iter().filter_map(first).flat_map(char::to_lowercase).collect();
    if found == letters.to_lowercase() {
        Ok(())
    } else {
        Err(format!("the first letters spell {}", shown(&found)))
    }
}

fn lengths(answer: &str, unit: Unit, direction: Direction) -> Result<(), String> {
    let found: Vec<usize> = unit.parts(answer).iter().map(|part| words(part).len()).collect();
    if found.len() < 2 {
        return Err(super::bound::counted(found.len(), unit.noun()));
    }
    if found.windows(2).all(|pair| direction.holds(&pair[0], &pair[1])) {
        Ok(())
    } else {
        Err(format!("words by {}: {found:?}", unit.noun()))
    }
}

fn sorted(answer: &str, unit: Unit) -> Result<(), String> {
    let key = |part: &&str| words(part).join(" ").to_lowercase();
    let found: Vec<String> = unit.parts(answer).iter().map(key).collect();
    if found.len() < 2 {
        return Err(super::bound::counted(found.len(), unit.noun()));
    }
    match found.windows(2).find(|pair| pair[0] > pair[1]) {
        None => Ok(()),
        Some(pair) => Err(format!("{} comes before {}", shown(&pair[0]), shown(&pair[1]))),
    }
}
