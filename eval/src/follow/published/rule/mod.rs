//! What the published evaluation checks by rule.

mod legacy;
mod strict;
mod template;
#[cfg(test)]
mod tests;

use super::{
    edition::Edition,
    python::{Literal, list},
};
use crate::follow::{item::Level, outcome::Scorer};
use std::fmt;
use template::Template;

/// A rule that the reference has for an item: of its source, of format groups 22 and 30, or of the `example` category.
///
/// Constraints are cumulative: a rule of level 3 checks the first three. [`Scorer::Legacy`] decides as the reference
/// does, defects included; [`Scorer::Strict`] takes white space off both ends of the answer and mends what is wrong:
///
/// | rule | legacy | strict |
/// |---|---|---|
/// | sentences | a piece of white space or quotes counts; so do both halves of `2.5` and `Mr. Fox` | pieces with a letter or digit; decimals, titles and initials do not split |
/// | words of the text | split at single spaces | runs of characters that are no white space |
/// | punctuation | ASCII (and a few Chinese marks) | Unicode punctuation too |
/// | WIKIEVENTS | every line is right, one line is enough | also at least as many different events as the level asks |
/// | gsm_8k | `$1,200` is `$1`, `$14.50` passes for `$14` | amounts, by value |
/// | BBH_logical | `(B)` only | also `（B）` |
/// | self_made_space | `4th floor` is in `14th floor` | not after a digit |
/// | arxiv | begins with the letters `We` (`West`) | with the word |
/// | format 22 | a number marker is a sentence, and the ending is a fourth paragraph of over 20 words: levels 4 and 5 cannot be met | markers and ending are no sentences; three paragraphs |
/// | format 30 | looks for words in `-ly`; order of the constraints is not that of the instructions | words in `ly`; order of the instructions; markers are no sentences |
/// | example | no line breaks in the answer, but nothing at all passes | line breaks, but not nothing |
/// | Chinese edition | "at most 15" excludes 15; 一 is an Arabic numeral; gigaword 5 wants 在, which the instruction forbids | as the instructions say |
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    edition: Edition,
    level: Level,
    kind: Kind,
}

/// What a rule checks, with its target.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// `E2E`, `text_editing`: the text is the target.
    Equals(String),
    /// `WIKIEVENTS`: the lines of the text are lines of the target.
    Events(String),
    /// `CONLL2003`: the text is one of these.
    OneOf(Vec<String>),
    /// `BBH_logical`: the last option named is the target.
    LastOption(String),
    /// `BBH_time`: the last date is the target.
    LastDate(String),
    /// `self_made_space`: the target is in the text.
    Contains(String),
    /// `gsm_8k`: the last amount of dollars is the target.
    LastAmount(String),
    /// A summary of one published text.
    Summary(Summary),
    /// Format group 22.
    Paragraphs,
    /// Format group 30.
    Points,
    /// `example`: the text fits a template.
    Template(Template),
}

/// The texts to be summarised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summary {
    CnnDailymail,
    Xsum,
    Samsum,
    Gigaword,
    Arxiv,
}

/// A target that its rule cannot use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// `CONLL2003` wants a list literal of strings.
    #[error("the target of CONLL2003 has to be a list of strings like ['Bonn', 'France'], not {0:?}")]
    NoList(String),
    /// A template without a place for the answer.
    #[error("the target of an example has to contain {{answer}}, and {0:?} does not")]
    NoAnswer(String),
    /// An amount that is none.
    #[error("the target of gsm_8k has to be an amount like $14 or 14美元, not {0:?}")]
    NoAmount(String),
}

impl Rule {
    /// The rule of a source, if it has one. `example` items have [`Rule::example`] whatever their source is.
    ///
    /// # Errors
    /// [`InvalidTarget`] when the rule cannot use the target.
    pub fn of_source(
        source: &str,
        target: &str,
        level: Level,
        edition: Edition,
    ) -> Result<Option<Self>, InvalidTarget> {
        let kind = match source {
            "E2E" | "text_editing" => Kind::Equals(target.to_owned()),
            "WIKIEVENTS" => Kind::Events(target.to_owned()),
            "CONLL2003" => Kind::OneOf(strings(target)?),
            "BBH_logical" => Kind::LastOption(target.to_owned()),
            "BBH_time" => Kind::LastDate(target.to_owned()),
            "self_made_space" => Kind::Contains(target.to_owned()),
            "gsm_8k" if strict::last_amount(target, edition).is_none() => {
                return Err(InvalidTarget::NoAmount(target.to_owned()));
            }
            "gsm_8k" => Kind::LastAmount(target.to_owned()),
            "cnn_dailymail" => Kind::Summary(Summary::CnnDailymail),
            "xsum" => Kind::Summary(Summary::Xsum),
            "samsum" => Kind::Summary(Summary::Samsum),
            "gigaword" => Kind::Summary(Summary::Gigaword),
            "arxiv" => Kind::Summary(Summary::Arxiv),
            _ => return Ok(None),
        };
        Ok(Some(Self { edition, level, kind }))
    }

    /// The rule of a group of the format category, if it has one: 22, and in the English edition 30.
    #[must_use]
    pub fn of_format_group(example_id: u64, level: Level, edition: Edition) -> Option<Self> {
        let kind = match (example_id, edition) {
            (22, _) => Kind::Paragraphs,
            (30, Edition::English) => Kind::Points,
            _ => return None,
        };
        Some(Self { edition, level, kind })
    }

    /// The rule of the `example` category: the answer fits the template, which is the target without the line
    /// `{instruction}`, with `{{` and `}}` for braces and `{answer}` for the answer.
    ///
    /// # Errors
    /// [`InvalidTarget::NoAnswer`].
    pub fn example(target: &str, level: Level, edition: Edition) -> Result<Self, InvalidTarget> {
        let template = Template::parse(target).ok_or_else(|| InvalidTarget::NoAnswer(target.to_owned()))?;
        Ok(Self { edition, level, kind: Kind::Template(template) })
    }

    /// Whether the answer satisfies the rule, with the reference's defects or without.
    #[must_use]
    pub fn satisfied(&self, answer: &str, scorer: Scorer) -> bool {
        match scorer {
            Scorer::Legacy => legacy::satisfied(self, answer),
            Scorer::Strict => strict::satisfied(self, answer.trim()),
        }
    }
}

/// The rule for people: "rule of xsum, level 3".
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.kind {
            Kind::Equals(_) => "equal to the target",
            Kind::Events(_) => "WIKIEVENTS",
            Kind::OneOf(_) => "CONLL2003",
            Kind::LastOption(_) => "BBH_logical",
            Kind::LastDate(_) => "BBH_time",
            Kind::Contains(_) => "self_made_space",
            Kind::LastAmount(_) => "gsm_8k",
            Kind::Summary(Summary::CnnDailymail) => "cnn_dailymail",
            Kind::Summary(Summary::Xsum) => "xsum",
            Kind::Summary(Summary::Samsum) => "samsum",
            Kind::Summary(Summary::Gigaword) => "gigaword",
            Kind::Summary(Summary::Arxiv) => "arxiv",
            Kind::Paragraphs => "format group 22",
            Kind::Points => "format group 30",
            Kind::Template(_) => "template of the examples",
        };
        write!(f, "rule: {name}, level {}", self.level)
    }
}

fn strings(target: &str) -> Result<Vec<String>, InvalidTarget> {
    let no_list = || InvalidTarget::NoList(target.to_owned());
    let elements = list(target).ok_or_else(no_list)?;
    let texts = elements.into_iter().map(|element| match element {
        Literal::Text(text) => Ok(text),
        Literal::Other => Err(no_list()),
    });
    texts.collect()
}
