//! Patterns read backwards. All texts here are in ASCII lower case, so that byte offsets agree with the original's.

use std::ops::Range;

/// A pattern with one slot: what stands before it and behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Around {
    before: String,
    behind: String,
    possessive: Possessive,
}

/// Whether the slot holds a name or its possessive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Possessive {
    No,
    Yes,
}

impl Around {
    /// Reads a pattern whose slot is one of `slots`; none when it has no such slot. Final punctuation is dropped, as
    /// [`trim_marks`] drops it from what is matched.
    pub(super) fn parse(pattern: &str, slots: &[&str]) -> Option<Self> {
        let pattern = pattern.to_ascii_lowercase();
        let pattern = trim_marks(&pattern);
        let slot = slots.iter().find(|slot| pattern.contains(**slot))?;
        let (before, behind) = pattern.split_once(*slot)?;
        let possessive = if *slot == "{s's}" { Possessive::Yes } else { Possessive::No };
        Some(Self { before: before.to_owned(), behind: behind.to_owned(), possessive })
    }

    /// What fills the slot in `text`.
    pub(super) fn slot<'t>(&self, text: &'t str) -> Option<&'t str> {
        let inner = text.strip_prefix(self.before.as_str())?.strip_suffix(self.behind.as_str())?;
        let inner = match self.possessive {
            Possessive::No => inner,
            Possessive::Yes => unpossessive(inner)?,
        };
        (!inner.trim().is_empty()).then_some(inner)
    }

    /// How many letters of the pattern are its own: of two readings the one with more is meant.
    pub(super) fn weight(&self) -> usize {
        self.before.len() + self.behind.len() + if self.possessive == Possessive::Yes { 2 } else { 0 }
    }

    /// The pattern's own words.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.before.split(' ').chain(self.behind.split(' '))
    }

    /// The same without a leading "the ", if there is one.
    pub(super) fn without_article(&self) -> Self {
        let before = self.before.strip_prefix("the ").unwrap_or(&self.before);
        Self { before: before.to_owned(), ..self.clone() }
    }
}

/// The name of a possessive; none when it is not one.
fn unpossessive(text: &str) -> Option<&str> {
    text.strip_suffix("'s").or_else(|| text.strip_suffix('\'').filter(|name| name.ends_with('s')))
}

/// Without final punctuation.
pub(super) fn trim_marks(text: &str) -> &str {
    text.trim_end_matches(['?', '.', '!'])
}

/// Without a leading article.
pub(super) fn trim_article(name: &str) -> &str {
    match name.get(..4) {
        Some(head) if head.eq_ignore_ascii_case("the ") => &name[4..],
        _ => name,
    }
}

/// A statement pattern: three literals around two slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Between {
    literals: [String; 3],
    first: Slot,
    possessive: Possessive,
}

/// Which slot comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Subject,
    Object,
}

/// Where subject and object stand in a text, as byte ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub subject: Range<usize>,
    pub object: Range<usize>,
}

impl Between {
    /// Reads a pattern with `{s}` or `{s's}` and `{o}`; none when one of them is missing.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let pattern = pattern.to_ascii_lowercase();
        let (slot, possessive) = match pattern.contains("{s's}") {
            true => ("{s's}", Possessive::Yes),
            false => ("{s}", Possessive::No),
        };
        let (subject, object) = (pattern.find(slot)?, pattern.find("{o}")?);
        let (first, one, two) =
            if subject < object { (Slot::Subject, slot, "{o}") } else { (Slot::Object, "{o}", slot) };
        let (head, rest) = pattern.split_once(one)?;
        let (middle, tail) = rest.split_once(two)?;
        Some(Self { literals: [head.to_owned(), middle.to_owned(), tail.to_owned()], first, possessive })
    }

    /// How many letters are the pattern's own.
    pub(super) fn weight(&self) -> usize {
        self.literals.iter().map(String::len).sum::<usize>()
            + if self.possessive == Possessive::Yes { 2 } else { 0 }
    }

    /// All the ways in which `text` is this pattern filled.
    pub(super) fn find(&self, text: &str) -> Vec<Found> {
        let [head, middle, tail] = &self.literals;
        let Some(inner) = text.strip_prefix(head.as_str()).and_then(|t| t.strip_suffix(tail.as_str())) else {
            return Vec::new();
        };
        let start = head.len();
        inner
            .match_indices(middle.as_str())
            .filter_map(|(at, _)| {
                let one = start..start + at;
                let two = start + at + middle.len()..start + inner.len();
                let (subject, object) = match self.first {
                    Slot::Subject => (one, two),
                    Slot::Object => (two, one),
                };
                let subject = match self.possessive {
                    Possessive::No => subject,
                    Possessive::Yes => {
                        let name = unpossessive(text.get(subject.clone())?)?;
                        subject.start..subject.start + name.len()
                    }
                };
                (!subject.is_empty() && !object.is_empty()).then_some(Found { subject, object })
            })
            .collect()
    }
}

/// Whether typing `meant` with one inner letter dropped, or two swapped, gives `typed`.
pub(super) fn is_slip(typed: &str, meant: &str) -> bool {
    let (typed, meant) = (typed.as_bytes(), meant.as_bytes());
    if meant.len() < 5 || typed.first() != meant.first() || typed == meant {
        return false;
    }
    let same = typed.iter().zip(meant).take_while(|(a, b)| a == b).count();
    if typed.len() + 1 == meant.len() {
        return typed[same..] == meant[same + 1..];
    }
    typed.len() == meant.len()
        && same + 1 < meant.len()
        && (typed[same], typed[same + 1]) == (meant[same + 1], meant[same])
        && typed[same + 2..] == meant[same + 2..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_possessives_and_plain_slots() {
        let capital = Around::parse("{s's} capital?", &["{s's}", "{s}"]).unwrap();
        assert_eq!(capital.slot("france's capital"), Some("france"));
        assert_eq!(capital.slot("cyprus' capital"), Some("cyprus"));
        assert_eq!(capital.slot("the capital"), None);
        let of = Around::parse("the capital of {s}", &["{s's}", "{s}"]).unwrap();
        assert_eq!(of.slot("the capital of chad"), Some("chad"));
        assert_eq!(of.without_article().slot("capital of chad"), Some("chad"));
    }

    #[test]
    fn finds_both_slots_in_either_order() {
        let text = "lyon is the capital of france";
        let found = Between::parse("{o} is the capital of {s}").unwrap().find(text);
        assert_eq!(found.len(), 1);
        assert_eq!((&text[found[0].subject.clone()], &text[found[0].object.clone()]), ("france", "lyon"));
        assert!(Between::parse("{s} is in {o}").unwrap().find(text).is_empty());
    }

    #[test]
    fn knows_a_slip_from_another_word() {
        assert!(is_slip("capitla", "capital"));
        assert!(is_slip("captal", "capital"));
        assert!(is_slip("whihc", "which"));
        for other in ["capital", "apital", "continent", "capitals", "cpaitla"] {
            assert!(!is_slip(other, "capital"), "{other}");
        }
    }
}
