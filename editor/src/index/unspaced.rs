//! What a text in a script without spaces is about.

use crate::text::is_unspaced;

/// What may stand around a name.
const QUOTES: [(char, char); 5] = [
    ('\u{300c}', '\u{300d}'),
    ('\u{300e}', '\u{300f}'),
    ('\u{300a}', '\u{300b}'),
    ('\u{201c}', '\u{201d}'),
    ('"', '"'),
];
/// Particles and verbs that end the leading name: Japanese, Chinese, and Korean particles, which hang on the name.
const ENDS: [&str; 20] = [
    "の", "は", "が", "を", "に", "で", "と", "的", "是", "在", "有", "位于", "于", "は、", "은 ", "는 ",
    "이 ", "가 ", "의 ", "을 ",
];
/// The most letters of a name that is read so, and the least.
const LETTERS: std::ops::RangeInclusive<usize> = 2..=16;

/// The first quoted name of a text that begins in a script without spaces, or what stands before its first particle.
/// Cheap and often wrong for long names: whoever knows the subject gives it.
pub(super) fn unspaced_subject(text: &str) -> Option<&str> {
    let text = text.trim();
    let begins = |c: char| is_unspaced(c) || QUOTES.iter().any(|(open, _)| *open == c);
    if !text.chars().next().is_some_and(begins) || !text.chars().any(is_unspaced) {
        return None;
    }
    quoted(text).or_else(|| leading(text))
}

fn quoted(text: &str) -> Option<&str> {
    let (at, open) = text.char_indices().find(|(_, c)| QUOTES.iter().any(|(open, _)| open == c))?;
    let (_, close) = QUOTES.iter().find(|(known, _)| *known == open)?;
    let inside = &text[at + open.len_utf8()..];
    fits(&inside[..inside.find(*close)?])
}

fn leading(text: &str) -> Option<&str> {
    let ends = ENDS.iter().filter_map(|end| text.find(end)).filter(|at| *at > 0);
    fits(&text[..ends.min()?])
}

fn fits(name: &str) -> Option<&str> {
    let name = name.trim();
    (LETTERS.contains(&name.chars().count()) && name.chars().any(is_unspaced)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::unspaced_subject;
    use proptest::prelude::*;

    #[test]
    fn reads_a_quoted_or_leading_name() {
        let cases = [
            ("東京の市長は佐藤花子です。", Some("東京")),
            ("「銀の土手」の著者は森田です。", Some("銀の土手")),
            ("法国的首都是里昂。", Some("法国")),
            ("大阪は日本の首都です。", Some("大阪")),
            ("서울의 시장은 김하늘이다.", Some("서울")),
            ("The capital of 日本 is Osaka.", None),
            ("的", None),
            ("", None),
        ];
        for (text, subject) in cases {
            assert_eq!(unspaced_subject(text), subject, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,40}") {
            prop_assert!(unspaced_subject(&text).is_none_or(|subject| text.contains(subject)));
        }
    }
}
