//! What is wrong with a constraint by itself, or next to an earlier one of its group.
//!
//! The proof that constraints can be met together is a witness; this finds the plain mistakes and names them.

use super::{Case, Constraint, Layered, Step, bound::Relation, template, text::mentions};

/// Two constraints that do not belong in one group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    /// No answer meets both.
    #[error("it contradicts: {0}")]
    Contradicts(String),
    /// Every answer that meets the earlier one meets it.
    #[error("it adds nothing to: {0}")]
    AddsNothing(String),
}

impl Constraint {
    /// What is wrong with the constraint by itself.
    ///
    /// # Errors
    /// The fault, for who writes suites.
    pub fn validate(&self) -> Result<(), String> {
        let bound = match self {
            Self::Count { count, .. }
            | Self::Include { count, .. }
            | Self::IncludeSome { count, .. }
            | Self::CharacterCount { count, .. }
            | Self::Initial { count, .. }
            | Self::NumberCount { count }
            | Self::Parts { count, .. }
            | Self::Emphasis { count, .. }
            | Self::WordLength { letters: count }
            | Self::Table { rows: count, .. }
            | Self::List { items: count, .. } => Some(count),
            _ => None,
        };
        if let Some(fault) = bound.and_then(|bound| bound.fault()) {
            return Err(fault);
        }
        let texts: &[String] = match self {
            Self::Include { terms, .. }
            | Self::IncludeSome { terms, .. }
            | Self::Exclude { terms }
            | Self::Order { terms } => terms,
            Self::Headings { titles, .. } => titles,
            Self::Fields { keys } => keys,
            Self::Choice { answers } => answers,
            _ => return self.validate_single(),
        };
        if texts.is_empty() || texts.iter().any(|text| text.trim() != text || text.is_empty()) {
            return Err("its list has no text, or one that is empty or has white space around it".to_owned());
        }
        Ok(())
    }

    fn validate_single(&self) -> Result<(), String> {
        let empty = |what: &str| Err(format!("`{what}` is empty or nothing but white space"));
        match self {
            Self::Within { check, .. } => match &**check {
                Self::Within { .. } => Err("`within` inside `within` is not supported".to_owned()),
                inner => inner.validate(),
            },
            Self::Template { form } => template::compile(form).map(|_| ()),
            Self::StartsWith { text } if text.trim_start() != text || text.is_empty() => empty("text"),
            Self::EndsWith { text } if text.trim_end() != text || text.is_empty() => empty("text"),
            Self::WithoutCharacters { characters } if characters.is_empty() => empty("characters"),
            Self::Acrostic { letters, .. } if letters.trim().is_empty() => empty("letters"),
            Self::NoEnding { ending } if ending.trim().is_empty() => empty("ending"),
            Self::Parts { separator, .. } if separator.trim().is_empty() => empty("separator"),
            Self::Word { number: 0, .. } => {
                Err("words are numbered from 1, or from -1 at the end".to_owned())
            }
            Self::NumberRange { from, to } if from > to => Err(format!("from {from} to {to} allows nothing")),
            Self::Headings { level, .. } if !(1..=6).contains(level) => {
                Err("headings have levels 1 to 6".to_owned())
            }
            Self::Table { header: Some(header), columns, .. } if header.len() != *columns => {
                Err(format!("{} column names for {columns} columns", header.len()))
            }
            Self::Step(layered) => layered.validate(),
            _ => Ok(()),
        }
    }

    /// How this constraint clashes with an earlier one of its group, as far as that can be seen without an answer.
    #[must_use]
    pub fn clash(&self, earlier: &Self) -> Option<Clash> {
        let contradicts = || Some(Clash::Contradicts(earlier.describe()));
        let nothing = || Some(Clash::AddsNothing(earlier.describe()));
        let related = |relation| match relation {
            Relation::Contradicts => contradicts(),
            Relation::AddsNothing => nothing(),
            Relation::Narrows => None,
        };
        if self == earlier {
            return nothing();
        }
        match (self, earlier) {
            (Self::Count { unit, count }, Self::Count { unit: of, count: before }) if unit == of => {
                related(count.against(*before))
            }
            (Self::NumberCount { count }, Self::NumberCount { count: before }) => {
                related(count.against(*before))
            }
            (Self::WordLength { letters }, Self::WordLength { letters: before }) => {
                related(letters.against(*before))
            }
            (Self::Parts { separator, count }, Self::Parts { separator: of, count: before })
                if separator == of =>
            {
                related(count.against(*before))
            }
            (
                Self::Within { unit, which, check },
                Self::Within { unit: of, which: which_before, check: check_before },
            ) if (unit, which) == (of, which_before) => check.clash(check_before),
            (Self::Language { language: a }, Self::Language { language: b }) if a != b => contradicts(),
            (Self::Casing { case: a }, Self::Casing { case: b })
                if matches!((a, b), (Case::Upper, Case::Lower) | (Case::Lower, Case::Upper)) =>
            {
                contradicts()
            }
            _ => {
                let clash = |a: &Self, b: &Self| a.demanded().iter().any(|text| b.forbids(text));
                if clash(self, earlier) || clash(earlier, self) { contradicts() } else { None }
            }
        }
    }

    /// Texts without which no answer meets the constraint.
    fn demanded(&self) -> Vec<&str> {
        match self {
            Self::Include { terms, count } if count.ends().0 > 0 => {
                terms.iter().map(String::as_str).collect()
            }
            Self::Order { terms } => terms.iter().map(String::as_str).collect(),
            Self::StartsWith { text } | Self::EndsWith { text } => vec![text],
            Self::Word { is, .. } => vec![is],
            Self::Headings { titles: keys, .. } | Self::Fields { keys } => {
                keys.iter().map(String::as_str).collect()
            }
            Self::Within { check, .. } => check.demanded(),
            _ => Vec::new(),
        }
    }

    /// Whether no answer that holds a text meets the constraint.
    fn forbids(&self, text: &str) -> bool {
        match self {
            Self::Exclude { terms } => terms.iter().any(|term| !mentions(text, term).is_empty()),
            Self::WithoutCharacters { characters } => {
                let lower = characters.to_lowercase();
                text.to_lowercase().chars().any(|c| lower.contains(c))
            }
            _ => false,
        }
    }
}

impl Layered {
    fn validate(&self) -> Result<(), String> {
        if self.at >= self.steps.len() {
            return Err(format!("step {} of {}", self.at + 1, self.steps.len()));
        }
        if self.core.trim() != self.core || self.core.is_empty() {
            return Err("`core` is empty or has white space around it".to_owned());
        }
        if !self.steps.is_sorted_by_key(Step::rank) {
            return Err(
                "a case comes first and `twice` next, before the steps that put something around".to_owned()
            );
        }
        let same = |(i, step): (usize, &Step)| {
            self.steps[..i].iter().any(|s| std::mem::discriminant(s) == std::mem::discriminant(step))
        };
        let cases = self.steps.iter().filter(|step| step.rank() == 0).count();
        if cases > 1 || self.steps.iter().enumerate().any(same) {
            return Err(
                "a sort of step comes twice: it could not be told which of them is missing".to_owned()
            );
        }
        Ok(())
    }
}
