//! What a text is made of: folded words with the little that the original spelling tells about each.

mod fold;
mod lexicon;
mod stem;
mod word;

pub(crate) use fold::{fold, is_bigram_script as is_unspaced, is_ignorable, is_mark};
pub(crate) use lexicon::{Class, Groups, RelationMention, lexicon};
pub(crate) use stem::stem;
pub(crate) use word::Word;

use fold::is_bigram_script;

/// What stands between a word and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// White space, a hyphen, an ampersand or a quotation mark: the words may be one name.
    Joint,
    /// A comma, colon, bracket or other mark inside a sentence.
    Break,
    /// The beginning of the text, or a full stop, question mark or line end: a capital here tells nothing.
    Start,
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// No upper-case letter, or a script or number that has none.
    Lower,
    /// At least one upper-case letter.
    Capital,
    /// Two or more letters, all upper case.
    Upper,
}

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Folded spelling: compatibility forms, case and accents removed.
    pub(crate) text: Word,
    pub(crate) case: Case,
    pub(crate) gap: Gap,
    /// It was followed by an apostrophe that makes it a possessor (`France's`, `James'`).
    pub(crate) possessive: bool,
    /// A question mark follows.
    pub(crate) asks: bool,
    /// How much it tells; asked for again and again.
    class: Class,
}

impl Token {
    /// A folded word written in capitals only is never a function word (`US`, `WHO`).
    pub(crate) fn class(&self) -> Class {
        self.class
    }

    pub(crate) fn is_numeric(&self) -> bool {
        self.text.chars().all(|c| c.is_numeric() || c == '.' || c == ',')
    }

    /// A capital that the position does not explain.
    pub(crate) fn is_name_like(&self) -> bool {
        self.case != Case::Lower
    }
}

/// Splits a text into words.
///
/// A word is a run of letters, marks and digits. Apostrophes inside it are dropped (`O'Brien` is `obrien`), a
/// possessive ending is cut off, hyphens separate, points and commas between digits and points in `U.S.A.` do not.
/// Runs of Han, Kana, Hangul, Thai, Lao, Khmer and Myanmar letters, which are written without spaces or with endings
/// attached, become overlapping pairs of letters.
pub(crate) fn tokenise(text: &str) -> Vec<Token> {
    // Words of English have six bytes with the space behind.
    let mut scanner = Scanner { tokens: Vec::with_capacity(text.len() / 6 + 1), gap: Gap::Start };
    let mut chars = text.char_indices().peekable();
    while let Some(&(start, c)) = chars.peek() {
        if !is_word(c) {
            scanner.between(c);
            chars.next();
            continue;
        }
        let bigrams = is_bigram_script(c);
        let mut end = start;
        while let Some(&(at, c)) = chars.peek() {
            let inside = match is_word(c) {
                true => is_bigram_script(c) == bigrams || is_mark(c),
                false => !bigrams && joins(c, &text[start..at], &text[at + c.len_utf8()..]),
            };
            if !inside {
                break;
            }
            end = at + c.len_utf8();
            chars.next();
        }
        match bigrams {
            true => scanner.pairs(&text[start..end]),
            false => scanner.word(&text[start..end]),
        }
    }
    scanner.tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || is_ignorable(c)
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{02bc}' | '\u{ff07}')
}

/// Whether a mark between two word characters belongs to the word.
fn joins(mark: char, before: &str, after: &str) -> bool {
    let Some(previous) = before.chars().next_back() else { return false };
    let next = after.chars().next();
    match mark {
        _ if is_apostrophe(mark) => next.is_some_and(char::is_alphanumeric),
        '.' if previous.is_alphabetic() => {
            let letters = before.rsplit('.').next().is_some_and(|piece| piece.chars().count() == 1);
            letters && next.is_some_and(char::is_alphabetic)
                || letters && before.contains('.') && !next.is_some_and(is_word)
        }
        '.' | ',' => previous.is_numeric() && next.is_some_and(char::is_numeric),
        '+' | '#' => previous.is_alphabetic() && !next.is_some_and(is_word) || previous == '+' && mark == '+',
        _ => false,
    }
}

struct Scanner {
    tokens: Vec<Token>,
    gap: Gap,
}

impl Scanner {
    fn between(&mut self, c: char) {
        let end = match c {
            '.' => !self.tokens.last().is_some_and(is_abbreviation),
            '?' | '!' | '\n' | '\u{3002}' | '\u{ff1f}' | '\u{61f}' => true,
            _ => false,
        };
        if matches!(c, '?' | '\u{ff1f}' | '\u{61f}')
            && let Some(last) = self.tokens.last_mut()
        {
            last.asks = true;
        }
        if is_apostrophe(c)
            && self.gap == Gap::Joint
            && let Some(last) = self.tokens.last_mut()
            && last.text.ends_with('s')
        {
            last.possessive = true;
        }
        self.gap = match self.gap {
            _ if end => Gap::Start,
            Gap::Joint
                if !(c.is_whitespace()
                    || is_apostrophe(c)
                    || matches!(c, '.' | '-' | '‐' | '‑' | '–' | '&' | '"' | '“' | '”' | '/')) =>
            {
                Gap::Break
            }
            gap => gap,
        };
    }

    fn word(&mut self, word: &str) {
        let mut folded = fold(word);
        let possessive = word.chars().rev().nth(1).is_some_and(is_apostrophe) && folded.ends_with('s');
        if possessive {
            folded.pop();
        }
        let upper = word.chars().filter(|c| c.is_uppercase()).count();
        let letters = word.chars().filter(|c| c.is_alphabetic()).count() - usize::from(possessive);
        let case = match upper {
            0 => Case::Lower,
            _ if upper >= 2 && upper == letters => Case::Upper,
            _ => Case::Capital,
        };
        self.push(folded, case, possessive);
    }

    fn pairs(&mut self, run: &str) {
        let folded: Vec<char> = fold(run).chars().collect();
        if folded.len() == 1 {
            self.push(folded.into_iter().collect(), Case::Lower, false);
            return;
        }
        for pair in folded.windows(2) {
            self.push(pair.iter().collect(), Case::Lower, false);
        }
    }

    fn push(&mut self, text: Word, case: Case, possessive: bool) {
        if text.is_empty() {
            return;
        }
        let class = match lexicon().class(&text) {
            Class::Function if case == Case::Upper => Class::Content,
            class => class,
        };
        self.tokens.push(Token { text, case, gap: self.gap, possessive, asks: false, class });
        self.gap = Gap::Joint;
    }
}

/// `St.`, `J.`, `Inc.`: the point after these does not end a sentence.
fn is_abbreviation(token: &Token) -> bool {
    let long = ["inc", "ltd", "mrs", "prof", "gen", "sen", "gov", "rep"];
    token.case == Case::Capital && (token.text.len() <= 2 || long.contains(&token.text.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        tokenise(text).into_iter().map(|t| t.text.to_string()).collect()
    }

    #[test]
    fn folds_case_accents_and_compatibility_forms() {
        assert_eq!(words("Malmö ＦＲＡＮＣＥ Łódź Straße"), ["malmo", "france", "lodz", "strasse"]);
        assert_eq!(words("Cafe\u{301} café"), ["cafe", "cafe"]);
    }

    #[test]
    fn cuts_possessives_and_hyphens() {
        let tokens = tokenise("France's Bourbon-Parma James' O'Brien");
        assert_eq!(
            words("France's Bourbon-Parma James' O'Brien"),
            ["france", "bourbon", "parma", "james", "obrien"]
        );
        let possessive: Vec<bool> = tokens.iter().map(|t| t.possessive).collect();
        assert_eq!(possessive, [true, false, false, true, false]);
    }

    #[test]
    fn keeps_numbers_initialisms_and_language_names_whole() {
        assert_eq!(words("JS 7.62, U.S.A. and C++."), ["js", "7.62", "usa", "and", "c++"]);
        assert_eq!(tokenise("U.S. aid")[0].class(), Class::Content);
        assert_eq!(tokenise("tell us")[1].class(), Class::Function);
    }

    #[test]
    fn knows_where_sentences_begin() {
        let gaps: Vec<Gap> = tokenise("St. Louis, then. Next").into_iter().map(|t| t.gap).collect();
        assert_eq!(gaps, [Gap::Start, Gap::Joint, Gap::Break, Gap::Start]);
    }

    #[test]
    fn pairs_letters_of_scripts_without_spaces() {
        assert_eq!(words("東京の首都"), ["東京", "京の", "の首", "首都"]);
        assert_eq!(words("Paris東京"), ["paris", "東京"]);
    }

    proptest! {
        #[test]
        fn any_text_splits(text in "\\PC*") {
            for token in tokenise(&text) {
                prop_assert!(!token.text.is_empty());
                prop_assert!(!token.text.chars().any(char::is_whitespace));
            }
        }

        #[test]
        fn folding_twice_changes_nothing(text in "\\PC*") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
