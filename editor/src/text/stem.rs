//! A light stemmer: enough that `boils` meets `boiling` and `directed` meets `director`.

/// The part of an English word that its common endings share. Words of other languages pass through it unharmed in
/// the sense that matters: equal words stay equal.
pub(crate) fn stem(word: &str) -> &str {
    if !word.is_ascii() || word.len() < 4 || word.bytes().any(|b| b.is_ascii_digit()) {
        return word;
    }
    let singular = match word {
        _ if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") => word,
        _ => word
            .strip_suffix("es")
            .filter(|w| w.ends_with(['s', 'x', 'z', 'h', 'i']))
            .unwrap_or_else(|| cut(word, "s", 3)),
    };
    let mut root = singular;
    for ending in ["ing", "ion", "ed", "er", "or"] {
        let shorter = cut(singular, ending, 3);
        if shorter.len() < singular.len() {
            root = shorter;
            break;
        }
    }
    let root = cut(root, "e", 3);
    let bytes = root.as_bytes();
    match bytes {
        [.., a, b] if root.len() < singular.len() && root.len() > 3 && a == b && !b"ls".contains(b) => {
            &root[..root.len() - 1]
        }
        [.., b'y'] if root.len() > 3 => cut(root, "y", 3),
        [.., b'i'] if root.len() > 3 => cut(root, "i", 3),
        _ => root,
    }
}

/// `word` without `ending`, if at least `least` letters are left.
fn cut<'a>(word: &'a str, ending: &str, least: usize) -> &'a str {
    match word.strip_suffix(ending) {
        Some(shorter) if shorter.len() >= least => shorter,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn related_forms_meet() {
        for (a, b) in [
            ("boils", "boiling"),
            ("director", "directed"),
            ("directs", "director"),
            ("founder", "founded"),
            ("runs", "running"),
            ("located", "location"),
            ("currency", "currencies"),
            ("company", "companies"),
            ("employer", "employed"),
            ("price", "prices"),
            ("wives", "wives"),
            ("boxes", "box"),
        ] {
            assert_eq!(stem(a), stem(b), "{a} and {b}");
        }
    }

    #[test]
    fn different_words_stay_apart() {
        for (a, b) in
            [("capital", "capitol"), ("president", "precedent"), ("motto", "mother"), ("boss", "bos")]
        {
            assert_ne!(stem(a), stem(b), "{a} and {b}");
        }
    }
}
