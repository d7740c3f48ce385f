//! What may be wrong with what a model said.

use super::pages::{Language, language_of};
use std::sync::LazyLock;

/// How refusals begin, in lower case.
static REFUSALS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("refusals.txt").lines().collect());
/// From this confidence on a text is in another language, not in a language that was not recognised.
const SURE: f64 = 0.8;

/// Whether a text refuses instead of answering.
pub(super) fn refuses(text: &str) -> bool {
    let start: String =
        text.trim_start().chars().take(40).collect::<String>().to_lowercase().replace('’', "'");
    REFUSALS.iter().any(|refusal| start.starts_with(refusal))
}

/// Whether a text is surely in another language than what it answers.
pub(super) fn other_language(asked: Option<&Language>, text: &str) -> bool {
    let (Some(asked), Some(said)) = (asked, language_of(&[text.to_owned()])) else { return false };
    asked.code != said.code && asked.confidence.min(said.confidence) >= SURE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_refusal_is_told_from_an_answer() {
        for text in ["I’m sorry, but I can't do that.", "As an AI, I …", " I cannot say."] {
            assert!(refuses(text), "{text}");
        }
        for text in ["Sorry, what is the capital of Peru?", "I cane chairs.", ""] {
            assert!(!refuses(text), "{text}");
        }
    }

    #[test]
    fn another_language_is_told_where_both_are_sure() {
        let asked = ["Could you please describe in two or three sentences how bread is baked at home \
                      by most people who have the time for it?"
            .to_owned()];
        let asked = language_of(&asked);
        assert!(asked.is_some());
        let german =
            "Das Brot wird aus Mehl, Wasser und Hefe geknetet, ruht eine Weile und kommt dann in den Ofen.";
        let english =
            "The dough is made of flour, water and yeast, rests for a while, and then goes into the oven.";
        assert!(other_language(asked.as_ref(), german));
        assert!(!other_language(asked.as_ref(), english));
        assert!(!other_language(asked.as_ref(), "Tarn.") && !other_language(None, german));
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at(text in any::<String>()) {
            refuses(&text);
            other_language(language_of(std::slice::from_ref(&text)).as_ref(), &text);
        }
    }
}
