//! Folding: spellings that a reader takes for the same word become the same string.

use super::Word;
use unicode_normalization::UnicodeNormalization;

/// Characters that are not seen: those that Unicode 16 lists as `Default_Ignorable_Code_Point`, such as zero-width spaces
/// and joiners, direction marks, soft hyphens, fillers, tags and variation selectors.
pub(crate) fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Combining marks that `char::is_alphanumeric` leaves out: accents, vowel signs, viramas.
pub(crate) fn is_mark(c: char) -> bool {
    !c.is_ascii() && unicode_normalization::char::is_combining_mark(c)
}

/// Scripts whose words are not separated by spaces, or (Hangul) carry their particles attached.
pub(crate) fn is_bigram_script(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
            | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3130}'..='\u{318f}'
            | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}'
            | '\u{ff66}'..='\u{ff9d}' | '\u{20000}'..='\u{3ffff}'
    )
}

/// Lower case, compatibility-decomposed, without Latin, Greek and Cyrillic accents, letters and digits only.
///
/// Marks of other scripts stay: there they are vowels. What Unicode does not decompose but readers equate is listed
/// below. Points and commas between digits stay, and `+` and `#` at the end of a word.
pub(crate) fn fold(word: &str) -> Word {
    if word.is_ascii() {
        let mut folded = Word::with_capacity(word.len());
        for c in word.chars().filter(|c| keeps(*c)) {
            folded.push(c.to_ascii_lowercase());
        }
        return if folded.contains(['.', ',']) { folded.to_string().pointless().into() } else { folded };
    }
    let mut folded = String::with_capacity(word.len());
    for c in word.nfkd() {
        if ('\u{300}'..='\u{36f}').contains(&c) || is_ignorable(c) {
            continue;
        }
        for c in c.to_lowercase() {
            match plain(c) {
                Some(text) => folded.push_str(text),
                None if ('\u{300}'..='\u{36f}').contains(&c) => {}
                None if keeps(c) || is_mark(c) => folded.push(c),
                None => {}
            }
        }
    }
    folded.pointless().nfc().collect()
}

fn keeps(c: char) -> bool {
    // Told apart first because almost all are.
    c.is_ascii_alphanumeric() || c.is_alphanumeric() || matches!(c, '.' | ',' | '+' | '#')
}

trait Pointless {
    fn pointless(self) -> Self;
}

impl Pointless for String {
    /// Drops the points of `u.s.a.`; those of `7.62` stay.
    fn pointless(mut self) -> Self {
        if !self.contains(['.', ',']) {
            return self;
        }
        if self.contains(|c: char| c.is_alphabetic()) {
            self.retain(|c| c != '.' && c != ',');
        }
        let kept = self.trim_matches(['.', ',']).len();
        if kept != self.len() {
            self = self.trim_matches(['.', ',']).to_owned();
        }
        self
    }
}

fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        'ħ' => "h",
        'ŧ' => "t",
        'ς' => "σ",
        _ => return None,
    })
}
