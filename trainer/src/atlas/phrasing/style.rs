//! Ways to say an answer.

use super::{Grammar, Pattern};

/// One way: `The answer is {o}.`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style<'a> {
    before: &'a str,
    behind: &'a str,
}

impl<'a> Style<'a> {
    /// The answer and nothing else.
    pub const BARE: Style<'static> = Style { before: "", behind: "" };

    fn parse(pattern: &'a Pattern) -> Option<Self> {
        let (before, behind) = pattern.text.split_once("{o}")?;
        Some(Self { before, behind })
    }

    /// An answer, said in this way.
    #[must_use]
    pub fn say(self, answer: &str) -> String {
        format!("{}{answer}{}", self.before, self.behind)
    }

    /// Whether a text says something in this way, whatever its letter case and whatever stands around it.
    fn is_in(self, lower: &str) -> bool {
        let (before, behind) = (self.before.to_lowercase(), self.behind.to_lowercase());
        lower.find(&before).is_some_and(|at| lower[at + before.len()..].contains(&behind))
    }

    /// Letters of its own.
    fn weight(self) -> usize {
        self.before.len() + self.behind.len()
    }
}

/// All ways.
#[derive(Debug, Clone)]
pub struct Styles<'a>(Vec<Style<'a>>);

impl<'a> Styles<'a> {
    /// As the file lists them, [`Style::BARE`] first.
    #[must_use]
    pub fn all(&self) -> &[Style<'a>] {
        &self.0
    }

    /// The way in which a text says what it says: of those that fit the one with the most words of its own.
    #[must_use]
    pub fn of(&self, text: &str) -> Style<'a> {
        let lower = text.to_lowercase();
        let fitting = self.0.iter().copied().filter(|style| style.is_in(&lower));
        fitting.max_by_key(|style| style.weight()).unwrap_or(Style::BARE)
    }
}

impl Grammar {
    /// Ways to say an answer.
    #[must_use]
    pub fn styles(&self) -> Styles<'_> {
        Styles(self.answers.all("style").iter().filter_map(Style::parse).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_of_saying_is_found_in_any_case_and_company() {
        let grammar = Grammar::load().unwrap();
        let styles = grammar.styles();
        assert_eq!(styles.all()[0], Style::BARE);
        let fillers = grammar.answers.all("filler");
        for &style in styles.all() {
            assert_eq!(styles.of(&style.say("Lyon")), style);
            assert_eq!(styles.of(&format!("<b>{}, x</b>", style.say("Lyon").to_uppercase())), style);
            for filler in fillers {
                assert_eq!(
                    styles.of(&format!("{} {} {}", filler.text, style.say("Lyon"), filler.text)),
                    style
                );
            }
        }
    }
}
