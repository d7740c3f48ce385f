//! How an answer is divided.
//!
//! These rules decide counts, so they are part of what a suite measures:
//!
//! - An answer is read without white space around it, in Unicode's composed form (NFC), with `\r\n` as one line break
//!   and curly quotation marks and apostrophes as straight ones.
//! - A *line* is what stands between line breaks, if anything but white space does. A *paragraph* is a run of lines
//!   without an empty line between them.
//! - A *list marker* (`- `, `* `, `+ `, `• `, `1. `, `1) `, `a) `) at the start of a line, the `#` of a heading and the
//!   `|` of a table are layout: no words, and not part of a sentence.
//! - A *word* is a run without white space and long dashes (—) that has a letter or a digit: `well-known` and `3.5` are
//!   one word each, `&` and `–` none. Punctuation around it does not belong to it.
//! - A *sentence* ends at `.`, `!` or `?` (also several, with closing quotes or brackets behind them) before white space,
//!   and at every line break. It does not end after a single capital letter (`J. Verne`, but after `I.` it does) nor
//!   after an abbreviation that wants a word behind it (`Dr.`, `e.g.`); after `…`, `...`, `etc.`, `a.m.` and `p.m.` only
//!   when the next word has a capital. A decimal point stands before no white space and so ends nothing. What has
//!   neither letter nor digit is no sentence.

use unicode_normalization::UnicodeNormalization;

/// Abbreviations behind which a sentence goes on.
const OPEN: [&str; 15] = [
    "mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "e.g.", "i.e.", "vs.", "fig.", "approx.", "ca.", "cf.",
    "gen.", "capt.",
];
/// Abbreviations behind which a sentence ends when a capital follows.
const EITHER: [&str; 5] = ["etc.", "a.m.", "p.m.", "u.s.", "u.k."];

/// An answer as the checks read it; see the module.
pub(super) fn prepare(answer: &str) -> String {
    let composed: String = answer
        .nfc()
        .filter(|&c| c != '\u{feff}')
        .map(|c| match c {
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{201c}' | '\u{201d}' => '"',
            '\u{a0}' => ' ',
            other => other,
        })
        .collect();
    composed.replace("\r\n", "\n").trim().to_owned()
}

/// Lines that hold something, without the white space around them.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// Runs of lines between empty ones.
pub(super) fn paragraphs(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut run: Option<(usize, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            found.extend(run.take());
        } else {
            run = Some((run.map_or(at, |(from, _)| from), at + line.len()));
        }
        at += line.len();
    }
    found.extend(run);
    found.into_iter().map(|(from, to)| text[from..to].trim()).collect()
}

/// What a list item is marked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Dash,
    Star,
    Plus,
    Bullet,
    /// `3.` or `3)`
    Number(usize),
    /// `c)`
    Letter(char),
}

/// The marker at the start of a line and what follows it.
pub(super) fn marked(line: &str) -> Option<(Mark, &str)> {
    let line = line.trim_start();
    let (mark, rest) = line.split_once(char::is_whitespace)?;
    let mark = match mark {
        "-" => Mark::Dash,
        "*" => Mark::Star,
        "+" => Mark::Plus,
        "•" => Mark::Bullet,
        other => {
            let body = other.strip_suffix(')').or_else(|| other.strip_suffix('.'))?;
            let mut chars = body.chars();
            match (chars.next(), chars.next()) {
                (Some(letter), None) if letter.is_ascii_alphabetic() && other.ends_with(')') => {
                    Mark::Letter(letter)
                }
                // A year at the start of a line, "1969. Then ...", is no marker.
                _ if body.len() <= 3 && body.bytes().all(|b| b.is_ascii_digit()) => {
                    Mark::Number(body.parse().ok()?)
                }
                _ => return None,
            }
        }
    };
    Some((mark, rest.trim()))
}

/// A line without its layout.
pub(super) fn bare(line: &str) -> &str {
    let line = line.trim();
    let line = line.trim_start_matches('#').trim_start();
    marked(line).map_or(line, |(_, rest)| rest)
}

/// The pieces of text that are words, punctuation included.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    lines(text)
        .into_iter()
        .flat_map(|line| bare(line).split(|c: char| c.is_whitespace() || c == '—'))
        .filter(|piece| piece.chars().any(char::is_alphanumeric))
}

/// Words, without the punctuation around them.
pub(super) fn words(text: &str) -> Vec<&str> {
    pieces(text).map(|piece| piece.trim_matches(|c: char| !c.is_alphanumeric())).collect()
}

/// Sentences, with their final punctuation.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in lines(text) {
        split_line(bare(line), &mut found);
    }
    found.retain(|sentence: &&str| sentence.chars().any(char::is_alphanumeric));
    found
}

fn split_line<'t>(line: &'t str, found: &mut Vec<&'t str>) {
    let mut from = 0;
    let mut at = 0;
    while let Some(length) = line[at..].find(char::is_whitespace) {
        let end = at + length;
        let rest = line[end..].trim_start();
        let piece = line[from..end].rsplit(char::is_whitespace).next().unwrap_or("");
        if ends_sentence(piece, rest) {
            found.push(line[from..end].trim());
            from = line.len() - rest.len();
        }
        at = line.len() - rest.len();
    }
    found.push(line[from..].trim());
}

/// Whether a piece before white space is the last of its sentence.
fn ends_sentence(piece: &str, rest: &str) -> bool {
    let core = piece.trim_end_matches(['"', '\'', ')', ']', '*', '_', '»']);
    if !core.ends_with(['.', '!', '?', '…']) {
        return false;
    }
    let capital = || rest.chars().find(|c| c.is_alphanumeric()).is_some_and(|c| !c.is_lowercase());
    let word = core.trim_start_matches(|c: char| !c.is_alphanumeric());
    let lower = word.to_lowercase();
    let single = word.strip_suffix('.').is_some_and(|w| w.chars().count() == 1 && w != "I" && is_capital(w));
    if OPEN.contains(&lower.as_str()) || single {
        return false;
    }
    if EITHER.contains(&lower.as_str()) || core.ends_with('…') || core.ends_with("...") {
        return capital();
    }
    true
}

fn is_capital(text: &str) -> bool {
    text.chars().all(char::is_uppercase)
}

/// How often a word or phrase stands in a text: in any case, between characters that are no letter and no digit.
pub(super) fn mentions(text: &str, term: &str) -> Vec<usize> {
    let (text, term) = (text.to_lowercase(), term.to_lowercase());
    let inside = |c: Option<char>, edge: Option<char>| {
        c.is_some_and(char::is_alphanumeric) && edge.is_some_and(char::is_alphanumeric)
    };
    text.match_indices(&term)
        .filter(|(at, found)| {
            !found.is_empty()
                && !inside(text[..*at].chars().next_back(), found.chars().next())
                && !inside(text[at + found.len()..].chars().next(), found.chars().next_back())
        })
        .map(|(at, _)| at)
        .collect()
}

/// At most 60 characters of a text, on one line, for a reason.
pub(super) fn shown(text: &str) -> String {
    let line = text.replace('\n', "⏎");
    if line.chars().count() <= 60 {
        return format!("\"{line}\"");
    }
    format!("\"{}…\"", line.chars().take(60).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sentences_end_where_they_should() {
        let count = |text: &str| sentences(&prepare(text)).len();
        assert_eq!(count("One. Two! Three?\n"), 3);
        assert_eq!(count("Dr. Oh met J. Verne at 3.5 km, e.g. at sea."), 1);
        assert_eq!(count("It was I. We left."), 2);
        assert_eq!(count("Wait... no. Wait... Now."), 3);
        assert_eq!(count("Wait… no. Wait… Now."), 3);
        assert_eq!(count("We meet at 5 p.m. and eat. We meet at 5 p.m. Then we eat."), 3);
        assert_eq!(count("\"Stop!\" He ran. (Far.) Away"), 4);
        assert_eq!(count("# Title\n\n1. First thing\n2. Second. Third.\n---\n"), 4);
        assert_eq!(count("Really?! Yes."), 2);
        assert_eq!(count("  \n \t "), 0);
    }

    #[test]
    fn words_are_runs_with_a_letter_or_a_digit() {
        let text = "- A well-known \u{201c}truth\u{201d} — 3.5 & more – yes—no\n1. end.";
        assert_eq!(words(&prepare(text)), ["A", "well-known", "truth", "3.5", "more", "yes", "no", "end"]);
        assert_eq!(words("1969. Then"), ["1969", "Then"]);
        assert!(words("--- * | |").is_empty());
    }

    #[test]
    fn paragraphs_are_parted_by_empty_lines() {
        assert_eq!(paragraphs("a\nb\n\n \nc\n"), ["a\nb", "c"]);
        assert!(paragraphs("\n\n").is_empty());
        assert_eq!(lines("a\n\n b \n"), ["a", "b"]);
    }

    #[test]
    fn markers_are_read() {
        assert_eq!(marked("- x y"), Some((Mark::Dash, "x y")));
        assert_eq!(marked("12) x"), Some((Mark::Number(12), "x")));
        assert_eq!(marked("b) x"), Some((Mark::Letter('b'), "x")));
        assert_eq!(marked("a. x"), None);
        assert_eq!(marked("-x"), None);
        assert_eq!(marked("1969. Then"), None);
    }

    #[test]
    fn mentions_are_whole_words_in_any_case() {
        assert_eq!(mentions("Oak, oaks and an OAK-tree", "oak").len(), 2);
        assert_eq!(mentions("over and out. Over", "over and out"), [0]);
        assert_eq!(mentions("C++ and c++", "C++").len(), 2);
        assert!(mentions("anything", "").is_empty());
    }

    proptest! {
        #[test]
        fn another_word_is_one_more_word(text in "[a-zé .,!?\n-]{0,60}") {
            let text = prepare(&text);
            let (word, line) = (format!("{text} word"), format!("{text}\nWord."));
            prop_assert_eq!(words(&word).len(), words(&text).len() + 1);
            prop_assert_eq!(sentences(&line).len(), sentences(&text).len() + 1);
        }

        #[test]
        fn nothing_panics_and_parts_come_from_the_text(text in "\\PC{0,40}(\n\\PC{0,20}){0,3}") {
            let text = prepare(&text);
            for part in sentences(&text).into_iter().chain(paragraphs(&text)).chain(words(&text)) {
                prop_assert!(text.contains(part));
            }
            mentions(&text, "a b");
        }
    }
}
