//! Generated answers against expected ones.

use crate::data::Gold;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Words that say nothing in an English answer; taken off before comparing, as SQuAD's script does.
const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// How an answer compares with the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerScore {
    /// It is the expected one, after [normalisation](normalise).
    pub exact: bool,
    /// The expected one stands in it, as whole words, after normalisation.
    pub contains: bool,
}

/// A text's words without what does not matter: compatibility forms (NFKC) and letter case are levelled, punctuation
/// and symbols become spaces, apostrophes inside of words go, articles go, words are joined by single spaces.
///
/// A text of nothing else (an answer "The", or "?") is kept as its trimmed self.
#[must_use]
pub fn normalise(text: &str) -> String {
    let plain = level(text);
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !ARTICLES.contains(word)).collect();
    match words.is_empty() {
        true => text.trim().to_lowercase(),
        false => words.join(" "),
    }
}

/// The words of a text as [`normalise`] levels them, articles kept.
pub(crate) fn words(text: &str) -> Vec<String> {
    level(text).split_whitespace().map(str::to_owned).collect()
}

/// Case, compatibility forms and punctuation are levelled.
fn level(text: &str) -> String {
    text.nfkc()
        .filter(|c| !matches!(c, '\'' | '’' | 'ʼ'))
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_alphanumeric() || is_mark(c) { c } else { ' ' })
        .collect()
}

/// Whether a character belongs to the letter before it, as the vowel signs of Hindi or Thai do.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Whether words of the character's script stand without spaces between them.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// How many words and signs a text has, letters of a script without spaces counted one by one: what its number of tokens
/// can be reckoned from.
#[must_use]
pub fn word_count(text: &str) -> usize {
    let (mut count, mut in_word) = (0, false);
    for c in text.chars() {
        let joined = (c.is_alphanumeric() || is_mark(c)) && !is_unspaced(c);
        let inside = joined && in_word;
        count += usize::from(!inside && !c.is_whitespace());
        in_word = joined;
    }
    count
}

/// Whether a word can end between these two characters of a normalised text.
fn is_boundary(inside: Option<char>, outside: Option<char>) -> bool {
    match (inside, outside) {
        (_, None | Some(' ')) => true,
        (inside, Some(outside)) => is_unspaced(outside) || inside.is_some_and(is_unspaced),
    }
}

/// Whether the normalised `part` stands in the normalised `whole` as whole words.
fn contains_words(whole: &str, part: &str) -> bool {
    whole.match_indices(part).any(|(at, _)| {
        let (before, after) = (&whole[..at], &whole[at + part.len()..]);
        is_boundary(part.chars().next(), before.chars().next_back())
            && is_boundary(part.chars().next_back(), after.chars().next())
    })
}

/// Compares an answer with every name of every expected one; the best counts.
#[must_use]
pub fn judge(answer: &str, gold: &Gold) -> AnswerScore {
    let answer = normalise(answer);
    let mut score = AnswerScore { exact: false, contains: false };
    for name in gold.names().map(normalise) {
        score.exact |= answer == name;
        score.contains |= contains_words(&answer, &name);
    }
    score
}

/// Whether what is expected stands in an answer, as whole words, after [normalisation](normalise) of both.
#[must_use]
pub fn holds(answer: &str, expected: &str) -> bool {
    contains_words(&normalise(answer), &normalise(expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gold(names: &[&str]) -> Gold {
        Gold::new(vec![names.iter().map(|name| (*name).to_owned()).collect()]).unwrap()
    }

    // Golden texts from SQuAD's rule (lower-case, no punctuation, no articles, single spaces), in Python:
    //   def n(s):
    //       s = "".join(" " if c in string.punctuation.replace("'", "") else c for c in s.lower()).replace("'", "")
    //       return " ".join(re.sub(r"\b(a|an|the)\b", " ", s).split())
    //   n("The U.S.S.R."), n("  an  Apple-pie's   end!"), n("Athens")
    #[test]
    fn normalises_as_squad_does() {
        assert_eq!(normalise("The U.S.S.R."), "u s s r");
        assert_eq!(normalise("  an  Apple-pie's   end!"), "apple pies end");
        assert_eq!(normalise("Athens"), "athens");
        assert_eq!(normalise("Ｔａｒｎ ﬁeld"), "tarn field", "full-width letters and ligatures");
        assert_eq!(normalise("The"), "the", "an answer of articles stays comparable");
        assert_eq!(normalise("हिन्दी"), "हिन्दी", "vowel signs are no punctuation");
    }

    #[test]
    fn words_and_signs_are_counted() {
        assert_eq!(word_count("He led the firm, from 1990 (he said)."), 12);
        assert_eq!((word_count(" \n"), word_count("東京です"), word_count("हिन्दी भाषा")), (0, 4, 2));
    }

    #[test]
    fn exact_and_contained_answers_are_told_apart() {
        let score = |answer: &str, names: &[&str]| {
            let AnswerScore { exact, contains } = judge(answer, &gold(names));
            (exact, contains)
        };
        assert_eq!(score("Mara Voss.", &["mara voss"]), (true, true));
        assert_eq!(score("It is led by Mara Voss, since May.", &["Mara Voss"]), (false, true));
        assert_eq!(score("Osk", &["Port Osk", "the Osk"]), (true, true));
        assert_eq!(score("She is Iranian.", &["Iran"]), (false, false));
        assert_eq!(score("She left Iran, an Iranian said.", &["Iran"]), (false, true));
        assert_eq!(score("首都は東京です。", &["東京"]), (false, true));
        assert_eq!(score("", &["Tarn"]), (false, false));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in ".{0,40}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn an_answer_contains_itself(before in "[a-z ]{0,10}", name in "[a-z]{3,8}( [a-z]{3,8})?", after in "[a-z ]{0,10}") {
            let told = judge(&format!("{before} {name}. {after}"), &gold(&[&name]));
            prop_assert!(told.contains);
            prop_assert!(judge(&name, &gold(&[&name])).exact);
        }
    }
}
