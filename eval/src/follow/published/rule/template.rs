//! The templates of the `example` category.

use super::super::python;

/// Text with places for the answer, cut at those places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// As the reference cuts, which also takes a literal `.*` for a place.
    legacy: Vec<String>,
    /// Cut at `{answer}` only.
    strict: Vec<String>,
}

/// What may stand where the answer goes.
type Gap = fn(&str) -> bool;

impl Template {
    /// Reads the `target` of an example item; `None` when it has no place for an answer.
    pub(super) fn parse(target: &str) -> Option<Self> {
        let text = target.replace("{instruction}\n", "").replace("{{", "{").replace("}}", "}");
        let cut = |text: &str, mark: &str| text.split(mark).map(str::to_owned).collect::<Vec<_>>();
        let strict = cut(&text, "{answer}");
        let legacy = cut(&text.replace("{answer}", ".*"), ".*");
        (strict.len() > 1).then_some(Self { legacy, strict })
    }

    /// The reference's `re.fullmatch`: the answer has no line break and may be empty.
    pub(super) fn legacy(&self, text: &str) -> bool {
        fits(&self.legacy, text, |gap| !gap.contains('\n'))
    }

    /// The answer may have line breaks and must not be blank.
    pub(super) fn strict(&self, text: &str) -> bool {
        fits(&self.strict, text, |gap| !gap.chars().all(python::is_space))
    }
}

/// Whether `text` is the pieces in order with an allowed gap between each two, in linear time for gaps that are few.
///
/// Each piece is put at the first place with an allowed gap before it. No later place can do better: without line breaks
/// allowed, two places differ only when the piece has no line break either, and the earlier one leaves the same choices
/// and more; with blank gaps forbidden, an earlier place only makes the next gap longer.
fn fits(pieces: &[String], text: &str, allowed: Gap) -> bool {
    let [first, middle @ .., last] = pieces else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for piece in middle {
        let places = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        let mut found = places.filter(|at| rest[*at..].starts_with(piece.as_str()) && allowed(&rest[..*at]));
        let Some(at) = found.next() else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.strip_suffix(last.as_str()).is_some_and(allowed)
}
