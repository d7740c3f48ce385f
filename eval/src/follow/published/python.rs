//! The parts of Python that the reference scorer leans on, for numbers that equal its numbers.
//!
//! Where Python and Rust see characters differently, Python's view is kept: its white space has four separators more,
//! and its `\w` has no combining marks. (Unicode versions can still differ for letters that are a few years old.)

use regex::Regex;
use std::{iter::Peekable, str::Chars, sync::LazyLock};

/// A character of the regular expression `\w`: a letter, a number or `_`.
static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[\p{L}\p{N}_]$"));

/// Compiles a pattern of this crate.
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("patterns are constants that tests compile")
}

/// `str.isspace` of one character.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Whether the character is one of `\w`.
pub(super) fn is_word(c: char) -> bool {
    WORD.is_match(c.encode_utf8(&mut [0; 4]))
}

/// `str.split()`: runs of characters that are no white space.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// `re.search(r"\bword\b", text)` for a word that begins and ends with a letter.
pub(super) fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// `str.islower`: something is in lower case and nothing in upper or title case.
pub(super) fn is_lower(text: &str) -> bool {
    static TITLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\p{Lt}"));
    !text.chars().any(char::is_uppercase) && !TITLE.is_match(text) && text.chars().any(char::is_lowercase)
}

/// `str.isnumeric` of one character: numbers, and the Han characters that mean one (一, 百, 萬).
pub(super) fn is_numeric(c: char) -> bool {
    /// Letters with a numeric value, printed by
    /// `[chr(c) for c in range(0x110000) if chr(c).isnumeric() and unicodedata.category(chr(c))[0] != "N"]`.
    const HAN: &str = "\
        㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁参參叄四壱壹幺廾廿弌弍\
        弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零參拾兩零六陸什𠀁𠁤𠃢𠄡𠤪𠦃𠦌𠦜𠫪𠫽𠬙𢎐𢦘𣬛𦉭\
        廾\
        ";
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\p{N}$"));
    NUMBER.is_match(c.encode_utf8(&mut [0; 4])) || HAN.contains(c)
}

/// An element of a list literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    /// A string.
    Text(String),
    /// A number, `True`, `False`, `None`, `...` or a bytes string: equal to no string.
    Other,
}

/// Reads a list of plain literals, such as `['YES', "NO",]`, as `eval` and `ast.literal_eval` do: string prefixes,
/// escapes, adjacent strings and a trailing comma included. `None` for everything else: nothing is ever evaluated, so
/// where the reference runs an expression there is no value here.
pub(super) fn list(text: &str) -> Option<Vec<Literal>> {
    let mut reader = Reader { rest: text.chars().peekable() };
    reader.expect('[')?;
    let mut elements = Vec::new();
    loop {
        reader.space();
        if reader.rest.next_if_eq(&']').is_some() {
            break;
        }
        elements.push(reader.element()?);
        reader.space();
        match reader.rest.next()? {
            ',' => {}
            ']' => break,
            _ => return None,
        }
    }
    reader.space();
    reader.rest.next().is_none().then_some(elements)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    /// White space inside brackets.
    fn space(&mut self) {
        while self.rest.next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')).is_some() {}
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        self.rest.next_if_eq(&wanted).map(|_| ())
    }

    fn element(&mut self) -> Option<Literal> {
        match *self.rest.peek()? {
            '0'..='9' | '-' | '.' => self.number(),
            _ => self.strings(),
        }
    }

    /// A decimal number or `...`.
    fn number(&mut self) -> Option<Literal> {
        let mut text = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_ascii_digit() || matches!(c, '-' | '.')) {
            text.push(c);
        }
        // Python has no whole numbers with zeros in front.
        let whole = text.trim_start_matches('-');
        let zeros = whole.len() > 1 && whole.starts_with('0') && whole.bytes().all(|b| b.is_ascii_digit());
        let zeros = zeros && whole.bytes().any(|b| b != b'0');
        (!zeros && (text == "..." || text.parse::<f64>().is_ok())).then_some(Literal::Other)
    }

    /// A name of a constant, or strings that stand side by side, which are one.
    fn strings(&mut self) -> Option<Literal> {
        let mut whole: Option<Literal> = None;
        loop {
            let mut name = String::new();
            while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                name.push(c);
            }
            if !matches!(self.rest.peek(), Some('\'' | '"')) {
                return match (whole, name.as_str()) {
                    (Some(whole), "") => Some(whole),
                    (None, "True" | "False" | "None") => Some(Literal::Other),
                    _ => None,
                };
            }
            let next = self.string(&name.to_ascii_lowercase())?;
            whole = Some(match (whole, next) {
                (None, next) => next,
                (Some(Literal::Text(before)), Literal::Text(after)) => Literal::Text(before + &after),
                (Some(Literal::Other), Literal::Other) => Literal::Other,
                _ => return None,
            });
            self.space();
        }
    }

    /// One string literal, its prefix read already.
    fn string(&mut self, prefix: &str) -> Option<Literal> {
        if !matches!(prefix, "" | "r" | "u" | "b" | "f" | "rb" | "br" | "rf" | "fr") {
            return None;
        }
        let quote = self.rest.next()?;
        let mut triple = false;
        if self.rest.next_if_eq(&quote).is_some() {
            if self.rest.next_if_eq(&quote).is_none() {
                return Some(value(prefix, String::new()));
            }
            triple = true;
        }
        let mut text = String::new();
        loop {
            let c = self.rest.next()?;
            match c {
                '\\' if prefix.contains('r') => {
                    text.push(c);
                    text.push(self.rest.next()?);
                }
                '\\' => self.escape(&mut text)?,
                '\n' | '\r' if !triple => return None,
                '{' | '}' if prefix.contains('f') => return None,
                c if c == quote && !triple => return Some(value(prefix, text)),
                c => text.push(c),
            }
            if triple && text.ends_with(&String::from_iter([quote; 3])) && c == quote {
                text.truncate(text.len() - 3 * quote.len_utf8());
                return Some(value(prefix, text));
            }
        }
    }

    /// What follows a backslash. An unknown escape stays as it is.
    fn escape(&mut self, text: &mut String) -> Option<()> {
        let c = self.rest.next()?;
        let digits = match c {
            '\n' => return Some(()),
            '\\' | '\'' | '"' => return plain(text, c),
            'a' => return plain(text, '\u{7}'),
            'b' => return plain(text, '\u{8}'),
            'f' => return plain(text, '\u{c}'),
            'n' => return plain(text, '\n'),
            'r' => return plain(text, '\r'),
            't' => return plain(text, '\t'),
            'v' => return plain(text, '\u{b}'),
            '0'..='7' => return self.octal(c, text),
            'N' => return None,
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => {
                text.push('\\');
                return plain(text, other);
            }
        };
        let mut code = 0;
        for _ in 0..digits {
            code = code * 16 + self.rest.next()?.to_digit(16)?;
        }
        plain(text, char::from_u32(code)?)
    }

    fn octal(&mut self, first: char, text: &mut String) -> Option<()> {
        let mut code = first.to_digit(8)?;
        for _ in 0..2 {
            let Some(digit) = self.rest.next_if(|c| c.is_digit(8)) else { break };
            code = code * 8 + digit.to_digit(8)?;
        }
        plain(text, char::from_u32(code)?)
    }
}

fn plain(text: &mut String, c: char) -> Option<()> {
    text.push(c);
    Some(())
}

fn value(prefix: &str, text: String) -> Literal {
    if prefix.contains('b') { Literal::Other } else { Literal::Text(text) }
}

#[cfg(test)]
mod tests;
