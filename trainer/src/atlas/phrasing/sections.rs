//! The format of the pattern files: `[section]` headings, one pattern a line.

use crate::atlas::{DataError, split::Split};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// One line of a pattern file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The text with its slots.
    pub text: String,
    /// Kept for the test split alone (`!`), for training alone (`+`), or free for both, where combinations decide.
    pub reserved: Option<Split>,
    /// Whether a described subject ("the country whose capital is ...") may fill it (no `~`).
    pub nests: Nesting,
}

impl Pattern {
    /// The split of two patterns joined, where a mark decides it; the test mark is the stronger one.
    #[must_use]
    pub fn marked(&self, other: &Self) -> Option<Split> {
        let marks = [self.reserved, other.reserved];
        [Split::Test, Split::Train].into_iter().find(|&split| marks.contains(&Some(split)))
    }
}

/// Whether a long, described subject reads well in a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// It does.
    Reads,
    /// It does not.
    Clumsy,
}

/// A pattern file.
#[derive(Debug)]
pub struct Sections {
    file: &'static str,
    order: Vec<String>,
    patterns: HashMap<String, Vec<Pattern>>,
}

impl Sections {
    /// Reads a pattern file. Lines that start with `# ` and empty lines are skipped; blanks are kept.
    ///
    /// # Errors
    /// A pattern before the first heading.
    pub fn parse(file: &'static str, text: &str) -> Result<Self, DataError> {
        let mut sections = Self { file, order: Vec::new(), patterns: HashMap::new() };
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with("# ") {
                continue;
            }
            if let Some(heading) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                sections.order.push(heading.to_owned());
                sections.patterns.entry(heading.to_owned()).or_default();
                continue;
            }
            let what = "a pattern stands before the first [section]";
            let patterns = sections
                .order
                .last()
                .and_then(|section| sections.patterns.get_mut(section))
                .ok_or(DataError::Line { file, line: index + 1, what })?;
            patterns.push(pattern(line));
        }
        Ok(sections)
    }

    /// Puts further patterns behind those of a section, which need not be there yet.
    pub(super) fn extend(&mut self, section: &str, patterns: Vec<Pattern>) {
        if !self.patterns.contains_key(section) {
            self.order.push(section.to_owned());
        }
        self.patterns.entry(section.to_owned()).or_default().extend(patterns);
    }

    /// Fails when a section has no pattern that the training split may use.
    ///
    /// # Errors
    /// [`DataError::Section`].
    pub fn require(&self, section: &str) -> Result<(), DataError> {
        if self.all(section).iter().any(|p| p.reserved != Some(Split::Test)) {
            return Ok(());
        }
        let split = Split::Train.as_str();
        Err(DataError::Section { file: self.file, section: section.to_owned(), split })
    }

    /// The headings, in the file's order.
    #[must_use]
    pub fn headings(&self) -> &[String] {
        &self.order
    }

    /// All patterns of a section; empty when there is no such section.
    #[must_use]
    pub fn all(&self, section: &str) -> &[Pattern] {
        self.patterns.get(section).map_or(&[], Vec::as_slice)
    }

    /// Any entry of a section, both splits alike; empty when the section is.
    pub fn pick(&self, section: &str, rng: &mut ChaCha8Rng) -> &str {
        self.all(section).choose(rng).map_or("", |p| p.text.as_str())
    }

    /// An entry that `split` may use: for training any that is not reserved; for the test a reserved one half of the
    /// time, where there is one.
    pub fn pick_for(&self, section: &str, split: Split, rng: &mut ChaCha8Rng) -> &str {
        let all = self.all(section);
        let reserved = split == Split::Test && rng.random_bool(0.5);
        let of =
            |want: bool| all.iter().filter(|p| (p.reserved == Some(Split::Test)) == want).collect::<Vec<_>>();
        let mut choices = of(reserved);
        if choices.is_empty() {
            choices = of(false);
        }
        choices.choose(rng).map_or("", |p| p.text.as_str())
    }

    /// As [`pick_for`](Self::pick_for), but the test split gets nothing but reserved entries.
    pub fn pick_apart(&self, section: &str, split: Split, rng: &mut ChaCha8Rng) -> &str {
        let choices: Vec<&Pattern> = self
            .all(section)
            .iter()
            .filter(|p| (p.reserved == Some(Split::Test)) == (split == Split::Test))
            .collect();
        choices.choose(rng).map_or("", |p| p.text.as_str())
    }
}

fn pattern(line: &str) -> Pattern {
    let (reserved, rest) = match line.strip_prefix('!') {
        Some(rest) if !rest.is_empty() => (Some(Split::Test), rest),
        _ => match line.strip_prefix('+') {
            Some(rest) => (Some(Split::Train), rest),
            None => (None, line),
        },
    };
    let (nests, rest) = match rest.strip_prefix('~') {
        Some(rest) => (Nesting::Clumsy, rest),
        None if rest.contains("{s's}") => (Nesting::Clumsy, rest),
        None => (Nesting::Reads, rest),
    };
    Pattern { text: upper_i(rest), reserved, nests }
}

/// Writes the pronoun as English does: the files keep all of a pattern in lower case. A line of one word is no
/// sentence and stays as it is.
fn upper_i(text: &str) -> String {
    if !text.contains(' ') {
        return text.to_owned();
    }
    let words: Vec<String> = text
        .split(' ')
        .map(|word| match word {
            "i" => "I".to_owned(),
            "i'd" => "I'd".to_owned(),
            "i'm" => "I'm".to_owned(),
            _ => word.to_owned(),
        })
        .collect();
    words.join(" ")
}
