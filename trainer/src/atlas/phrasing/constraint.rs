//! Output constraints: steps that are applied to the answer in the order in which they are stated.

use super::Grammar;
use crate::atlas::{names::capital, split::Split};
use rand::{Rng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// One step that the answer goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// All letters in upper case.
    Upper,
    /// All letters in lower case.
    Lower,
    /// Said twice, parted by ", ".
    Twice,
    /// In `"double quotes"`.
    Quotes,
    /// In `[square brackets]`.
    Square,
    /// In `(round brackets)`.
    Round,
    /// In `<tag>`s.
    Tag(String),
    /// With this text in front.
    Prefix(String),
    /// With this text behind.
    Suffix(String),
}

impl Step {
    /// The section of its wordings and the literal that fills them.
    fn wording(&self) -> (&'static str, &str) {
        match self {
            Self::Upper => ("upper", ""),
            Self::Lower => ("lower", ""),
            Self::Twice => ("twice", ""),
            Self::Quotes => ("quotes", ""),
            Self::Square => ("square", ""),
            Self::Round => ("round", ""),
            Self::Tag(x) => ("tag", x),
            Self::Prefix(x) => ("prefix", x),
            Self::Suffix(x) => ("suffix", x),
        }
    }
}

/// What `steps` make of an answer.
#[must_use]
pub fn apply(steps: &[Step], answer: &str) -> String {
    steps.iter().fold(answer.to_owned(), |text, step| match step {
        Step::Upper => text.to_uppercase(),
        Step::Lower => text.to_lowercase(),
        Step::Twice => format!("{text}, {text}"),
        Step::Quotes => format!("\"{text}\""),
        Step::Square => format!("[{text}]"),
        Step::Round => format!("({text})"),
        Step::Tag(x) => format!("<{x}>{text}</{x}>"),
        Step::Prefix(x) => format!("{x}{text}"),
        Step::Suffix(x) => format!("{text}{x}"),
    })
}

/// `level` different steps: letter case first, then repetition, then whatever is put around, in any order. The order
/// keeps long answers rare and never changes the letters of a prefix.
pub fn sample(grammar: &Grammar, level: usize, rng: &mut ChaCha8Rng) -> Vec<Step> {
    let literal = |section: &str, rng: &mut ChaCha8Rng| grammar.constraints.pick(section, rng).to_owned();
    let mut around = vec![
        Step::Quotes,
        Step::Square,
        Step::Round,
        Step::Tag(literal("tag literals", rng)),
        Step::Prefix(literal("prefix literals", rng)),
        Step::Suffix(literal("suffix literals", rng)),
    ];
    around.shuffle(rng);
    let case = if rng.random_bool(0.5) { Step::Upper } else { Step::Lower };
    let mut steps = Vec::new();
    if rng.random_bool(if level == 1 { 0.25 } else { 0.6 }) {
        steps.push(case);
    }
    if steps.len() < level && rng.random_bool(if level == 1 { 0.12 } else { 0.25 }) {
        steps.push(Step::Twice);
    }
    while steps.len() < level {
        let Some(step) = around.pop() else { break };
        steps.push(step);
    }
    steps
}

/// The question with its constraints, in an order that is stated.
pub fn request(grammar: &Grammar, question: &str, steps: &[Step], place: (Split, &mut ChaCha8Rng)) -> String {
    let (split, rng) = place;
    let wordings: Vec<String> = steps
        .iter()
        .map(|step| {
            let (section, literal) = step.wording();
            grammar.constraints.pick_for(section, split, rng).replace("{x}", literal)
        })
        .collect();
    let Some((first, rest)) = wordings.split_first() else { return question.to_owned() };
    let section = match (rest.is_empty(), rng.random_bool(0.2)) {
        (true, true) => "join front",
        (true, false) => "join one",
        (false, _) => "join more",
    };
    let pattern = grammar.constraints.pick_for(section, split, rng);
    let numbered: Vec<String> = wordings.iter().enumerate().map(|(i, w)| format!("{}) {w}", i + 1)).collect();
    let filled = |text: &str| {
        text.replace("{rest}", &rest.join(", then "))
            .replace("{commas}", &rest.join(", "))
            .replace("{numbered}", &numbered.join(", "))
            .replace("{1}", first)
    };
    // The literals may hold braces of no slot, the question may not: it goes in last.
    match pattern.strip_prefix("{q} ") {
        Some(tail) => format!("{question} {}", capital(&filled(tail))),
        None => capital(&filled(pattern)).replace("{q}", question),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use std::collections::HashSet;

    #[test]
    fn steps_apply_in_order() {
        let steps = [
            Step::Upper,
            Step::Twice,
            Step::Quotes,
            Step::Prefix("A: ".to_owned()),
            Step::Tag("b".to_owned()),
        ];
        assert_eq!(apply(&steps, "Paris"), "<b>A: \"PARIS, PARIS\"</b>");
        assert_eq!(
            apply(&[Step::Lower, Step::Square, Step::Suffix(".".to_owned()), Step::Round], "Rome"),
            "([rome].)"
        );
    }

    #[test]
    fn a_level_is_the_number_of_different_steps() {
        let grammar = Grammar::load().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for level in 1..=5 {
            for _ in 0..200 {
                let steps = sample(&grammar, level, &mut rng);
                let kinds: HashSet<_> = steps.iter().map(std::mem::discriminant).collect();
                assert_eq!((steps.len(), kinds.len()), (level, level), "{steps:?}");
            }
        }
    }
}
