//! Words, letters, literals.

use super::{
    Constraint,
    text::{mentions, sentences, shown, words},
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Letter case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// No small letter.
    Upper,
    /// No capital letter.
    Lower,
    /// Every word begins with a capital letter or a digit.
    Title,
    /// Every sentence begins with a capital letter or a digit, and no word is in capitals throughout but single letters.
    Sentence,
}

/// How every sentence ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// `?`
    Question,
    /// `!`
    Exclamation,
    /// `.`
    Statement,
}

impl Mood {
    pub(super) fn mark(self) -> char {
        match self {
            Self::Question => '?',
            Self::Exclamation => '!',
            Self::Statement => '.',
        }
    }
}

/// A grammatical person, by its English pronouns and possessives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// I, me, my, mine, myself, we, us, our, ours, ourselves
    First,
    /// you, your, yours, yourself, yourselves
    Second,
    /// he, him, his, himself, she, her, hers, herself, they, them, their, theirs, themselves
    Third,
}

impl Person {
    fn pronouns(self) -> &'static [&'static str] {
        match self {
            Self::First => &["i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves"],
            Self::Second => &["you", "your", "yours", "yourself", "yourselves"],
            Self::Third => &[
                "he",
                "him",
                "his",
                "himself",
                "she",
                "her",
                "hers",
                "herself",
                "they",
                "them",
                "their",
                "theirs",
                "themselves",
            ],
        }
    }
}

/// Words in front of `'s` that make it short for "is", "has" or "us".
const SHORT_S: [&str; 11] =
    ["it", "that", "he", "she", "what", "there", "here", "let", "who", "where", "how"];

fn contraction(word: &str) -> bool {
    let lower = word.to_lowercase();
    let short = ["n't", "'re", "'ve", "'ll", "'m", "'d"].iter().any(|end| lower.ends_with(end));
    short || lower.strip_suffix("'s").is_some_and(|stem| SHORT_S.contains(&stem))
}

fn fail_if(found: Option<String>) -> Result<(), String> {
    found.map_or(Ok(()), Err)
}

impl Constraint {
    pub(super) fn check_literal(&self, answer: &str) -> Result<(), String> {
        match self {
            Self::StartsWith { text } if !answer.starts_with(text.as_str()) => {
                let start: String = answer.chars().take(text.chars().count().max(12)).collect();
                Err(format!("it starts with {}", shown(&start)))
            }
            Self::EndsWith { text } if !answer.ends_with(text.as_str()) => {
                let skip = answer.chars().count().saturating_sub(text.chars().count().max(12));
                Err(format!("it ends with {}", shown(&answer.chars().skip(skip).collect::<String>())))
            }
            Self::Choice { answers } if !answers.iter().any(|a| a == answer) => {
                Err(format!("it is {}", shown(answer)))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_lexical(&self, answer: &str) -> Result<(), String> {
        match self {
            Self::Casing { case } => casing(answer, *case),
            Self::Include { terms, count } => fail_if(terms.iter().find_map(|term| {
                let found = mentions(answer, term).len();
                (!count.holds(found)).then(|| format!("{} {found} times", shown(term)))
            })),
            Self::IncludeSome { terms, count } => {
                let found: Vec<&String> = terms.iter().filter(|t| !mentions(answer, t).is_empty()).collect();
                if count.holds(found.len()) {
                    Ok(())
                } else {
                    Err(format!("{} of them: {found:?}", found.len()))
                }
            }
            Self::Exclude { terms } => fail_if(
                terms
                    .iter()
                    .find(|term| !mentions(answer, term).is_empty())
                    .map(|t| format!("it has {}", shown(t))),
            ),
            Self::Order { terms } => order(answer, terms),
            Self::WithoutCharacters { characters } => {
                let lower = characters.to_lowercase();
                let found = answer.chars().find(|c| c.to_lowercase().all(|l| lower.contains(l)));
                fail_if(found.map(|c| format!("it has {c:?}")))
            }
            Self::CharacterCount { character, count } => {
                let wanted: Vec<char> = character.to_lowercase().collect();
                let found = answer.chars().filter(|c| c.to_lowercase().eq(wanted.iter().copied())).count();
                if count.holds(found) { Ok(()) } else { Err(format!("{found} times")) }
            }
            Self::Sentences { mood } => fail_if(
                sentences(answer)
                    .into_iter()
                    .find(|s| !s.trim_end_matches(['"', '\'', ')', ']', '*', '_']).ends_with(mood.mark()))
                    .map(|s| format!("a sentence is {}", shown(s))),
            ),
            _ => self.check_words(answer),
        }
    }

    fn check_words(&self, answer: &str) -> Result<(), String> {
        let words = words(answer);
        if words.is_empty() {
            return Err("there is no word".to_owned());
        }
        let first_that = |bad: &dyn Fn(&str) -> bool| {
            fail_if(
                words.iter().copied().find(|word| bad(word)).map(|word| format!("it has {}", shown(word))),
            )
        };
        match self {
            Self::SameEnds {} => {
                let (first, last) = (words[0].to_lowercase(), words[words.len() - 1].to_lowercase());
                if words.len() > 1 && first == last {
                    return Ok(());
                }
                Err(format!("first {}, last {}, {} in all", shown(&first), shown(&last), words.len()))
            }
            Self::WordLength { letters } => {
                first_that(&|w| !letters.holds(w.chars().filter(|c| c.is_alphanumeric()).count()))
            }
            Self::Initial { letter, count } => {
                let begins =
                    |w: &&&str| w.chars().next().is_some_and(|c| c.to_lowercase().eq(letter.to_lowercase()));
                count.check(words.iter().filter(begins).count(), "word")
            }
            Self::NoRepeats { shortest } => {
                let mut seen: HashMap<String, usize> = HashMap::new();
                for word in &words {
                    if word.chars().count() >= *shortest {
                        *seen.entry(word.to_lowercase()).or_default() += 1;
                    }
                }
                let most = seen.into_iter().filter(|(_, n)| *n > 1).max();
                fail_if(most.map(|(word, n)| format!("{} {n} times", shown(&word))))
            }
            Self::NoEnding { ending } => first_that(&|w| w.to_lowercase().ends_with(&ending.to_lowercase())),
            Self::NoContractions {} => first_that(&contraction),
            Self::NoPronouns { persons } => first_that(&|w| {
                let lower = w.to_lowercase();
                let stem = lower.split('\'').next().unwrap_or("");
                persons.iter().any(|person| person.pronouns().contains(&stem))
            }),
            _ => Ok(()),
        }
    }
}

fn casing(answer: &str, case: Case) -> Result<(), String> {
    if !answer.chars().any(char::is_alphabetic) {
        return Err("there is no letter".to_owned());
    }
    let begins_small =
        |part: &str| part.chars().find(|c| c.is_alphanumeric()).is_some_and(char::is_lowercase);
    let shouted = |w: &str| w.chars().filter(|c| c.is_alphabetic()).count() > 1 && w.to_uppercase() == w;
    let bad = match case {
        Case::Upper => words(answer).into_iter().find(|w| w.chars().any(char::is_lowercase)),
        Case::Lower => words(answer).into_iter().find(|w| w.chars().any(char::is_uppercase)),
        Case::Title => words(answer).into_iter().find(|w| begins_small(w)),
        Case::Sentence => {
            let small = sentences(answer).into_iter().find(|s| begins_small(s));
            small.or_else(|| words(answer).into_iter().find(|w| shouted(w)))
        }
    };
    fail_if(bad.map(|part| format!("it has {}", shown(part))))
}

fn order(answer: &str, terms: &[String]) -> Result<(), String> {
    let mut last = None;
    for term in terms {
        let Some(at) = mentions(answer, term).first().copied() else {
            return Err(format!("{} is missing", shown(term)));
        };
        if last.is_some_and(|before| before >= at) {
            return Err(format!("{} comes too early", shown(term)));
        }
        last = Some(at);
    }
    Ok(())
}
