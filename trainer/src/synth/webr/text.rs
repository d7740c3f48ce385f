//! What models say around what was asked for.

use std::sync::LazyLock;

/// How introductions begin, in lower case.
static PREAMBLES: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("preambles.txt").lines().collect());
/// The longest introduction, in characters: what is longer says something.
const LONGEST_PREAMBLE: usize = 120;
/// Pairs of quotation marks.
const QUOTES: [(char, char); 4] = [('"', '"'), ('“', '”'), ('«', '»'), ('\'', '\'')];

/// A text without an introduction such as "Here is the request:", and without quotation marks around all of it.
pub(super) fn bare(text: &str) -> &str {
    let mut text = text.trim();
    if let Some((first, rest)) = text.split_once('\n')
        && first.trim_end().ends_with(':')
        && first.chars().count() <= LONGEST_PREAMBLE
        && !rest.trim().is_empty()
    {
        let start = first.trim_start().to_lowercase().replace('’', "'");
        if PREAMBLES.iter().any(|preamble| start.starts_with(preamble)) {
            text = rest.trim();
        }
    }
    for (open, close) in QUOTES {
        let inner = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        if let Some(inner) = inner
            && !inner.contains([open, close])
        {
            return inner.trim();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn introductions_and_quotation_marks_around_all_go() {
        for (text, left) in [
            ("Here is the request:\n\nSum it up.", "Sum it up."),
            ("“Sum it up.”", "Sum it up."),
            ("Sure! Here’s a request that fits:\n\"Sum it up.\"", "Sum it up."),
            ("\"Yes\" and \"no\"", "\"Yes\" and \"no\""),
            ("The steps:\nOne.", "The steps:\nOne."),
            ("Here is why:", "Here is why:"),
            (" plain ", "plain"),
        ] {
            assert_eq!(bare(text), left, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_part_of_the_text(text in any::<String>()) {
            prop_assert!(text.contains(bare(&text)));
        }
    }
}
