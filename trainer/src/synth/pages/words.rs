//! What the quality rules count.

use rustc_hash::FxHashSet;

/// Counts over a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// What stands between blanks; a Chinese, Japanese, Thai, Lao, Khmer or Burmese character is a word of its own.
    pub(super) words: usize,
    /// Characters of all words.
    pub(super) letters_of_words: usize,
    /// Words with a letter.
    pub(super) lettered: usize,
    /// Words with two or more letters that have an upper and a lower case.
    pub(super) cased: usize,
    /// Those of them without a lower-case letter.
    pub(super) capitals: usize,
    /// `#`, `…` and `...`.
    pub(super) symbols: usize,
    /// Lines that are not empty.
    pub(super) lines: usize,
    pub(super) bullets: usize,
    pub(super) ellipses: usize,
    /// Lines that an earlier line equals.
    pub(super) repeated: usize,
    /// Different stop words.
    pub(super) stop_words: usize,
}

/// Whether a language is written without spaces between words.
pub(super) fn is_spaceless(code: &str) -> bool {
    matches!(code, "cmn" | "jpn" | "tha" | "khm" | "mya" | "lao")
}

fn is_word_alone(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

impl Counts {
    pub(super) fn of(paragraphs: &[String], stop_words: &[String]) -> Self {
        let mut counts = Self::default();
        let mut lines = FxHashSet::default();
        let mut met = FxHashSet::default();
        for line in paragraphs.iter().flat_map(|p| p.lines()).map(str::trim).filter(|line| !line.is_empty()) {
            counts.lines += 1;
            counts.bullets += usize::from(line.starts_with(['-', '*', '•', '‣', '▪', '●', '·']));
            counts.ellipses += usize::from(line.ends_with('…') || line.ends_with("..."));
            counts.repeated += usize::from(!lines.insert(line));
            counts.symbols += line.matches(['#', '…']).count() + line.matches("...").count();
            for word in line.split_whitespace() {
                counts.word(word);
                if met.len() < stop_words.len() {
                    let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
                    met.extend(stop_words.iter().position(|stop| bare == *stop));
                }
            }
        }
        counts.stop_words = met.len();
        counts
    }

    fn word(&mut self, word: &str) {
        // A list's own mark is no word of the text.
        if matches!(word, "-" | "|" | "•" | "*") {
            return;
        }
        let alone = word.chars().filter(|c| is_word_alone(*c)).count();
        self.words += alone.max(1);
        self.letters_of_words += word.chars().count();
        self.lettered += if word.chars().any(char::is_alphabetic) { alone.max(1) } else { 0 };
        let upper = word.chars().filter(|c| c.is_uppercase()).count();
        let lower = word.chars().filter(|c| c.is_lowercase()).count();
        self.cased += usize::from(upper + lower >= 2);
        self.capitals += usize::from(upper >= 2 && lower == 0);
    }
}
