//! What follows from a subject's name: where it stands in the text, and what people shorten it to.

use super::subject::{AnchorKind, AnchorWords, MAX_ANCHOR_WORDS};
use crate::text::{Class, Token};

/// Flags the tokens of a given subject: where it stands whole, or, if it stands nowhere whole, all its words. Whole
/// first, because "Ann Weir" in "Ann Weir's father is Tom Weir" leaves "Tom Weir" to be another name.
pub(super) fn mark(tokens: &[Token], given: &[Token], anchored: &mut [bool]) {
    let mut whole = false;
    for (at, run) in tokens.windows(given.len()).enumerate() {
        if run.iter().zip(given).all(|(a, b)| a.text == b.text) {
            anchored[at..at + given.len()].fill(true);
            whole = true;
        }
    }
    if whole {
        return;
    }
    for (token, flag) in tokens.iter().zip(anchored) {
        *flag = token.class() != Class::Function && given.iter().any(|g| g.text == token.text);
    }
}

/// What people shorten a name to: the initials of its capitalised words (`UK`, `ECB`); of two to
/// [`MAX_ANCHOR_WORDS`] such words, without numbers.
pub(super) fn short_form(name: &[Token]) -> Option<AnchorWords> {
    let telling = || name.iter().filter(|t| t.is_name_like() && t.class() != Class::Function);
    let fits = (2..=MAX_ANCHOR_WORDS).contains(&telling().count());
    if !fits || name.iter().any(Token::is_numeric) {
        return None;
    }
    let initials: String = telling().filter_map(|t| t.text.chars().next()).collect();
    Some(AnchorWords { kind: AnchorKind::Short, words: vec![initials.into()], cased: true })
}
