//! Forms with slots.
//!
//! Everything in a form stands for itself but the slots: `{text}` is a run of characters without a line break, `{word}` a
//! run without white space, `{number}` digits with an optional fraction, `{upper}` and `{lower}` one word of capital or
//! small letters, `{a|b|c}` one of these. `{{` and `}}` are braces.

use super::text::shown;
use regex::{Regex, RegexBuilder};

/// The expression that a whole answer must match.
///
/// # Errors
/// What is wrong with the form, and where.
pub(super) fn compile(form: &str) -> Result<Regex, String> {
    let mut pattern = String::from(r"\A");
    let mut rest = form;
    while let Some(at) = rest.find(['{', '}']) {
        pattern.push_str(&regex::escape(&rest[..at]));
        let tail = &rest[at..];
        if tail.starts_with("{{") || tail.starts_with("}}") {
            pattern.push_str(&regex::escape(&tail[..1]));
            rest = &tail[2..];
            continue;
        }
        let (slot, after) =
            tail.strip_prefix('{').and_then(|inside| inside.split_once('}')).ok_or_else(|| {
                format!("the form has a brace that is not closed or not opened: {}", shown(tail))
            })?;
        pattern.push_str(&slot_pattern(slot)?);
        rest = after;
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push_str(r"\z");
    RegexBuilder::new(&pattern).size_limit(1 << 20).build().map_err(|e| format!("the form is too large: {e}"))
}

fn slot_pattern(slot: &str) -> Result<String, String> {
    Ok(match slot {
        "text" => r"[^\n]*[^\s][^\n]*".to_owned(),
        "word" => r"\S+".to_owned(),
        "number" => r"[0-9]+(?:\.[0-9]+)?".to_owned(),
        "upper" => r"\p{Lu}+".to_owned(),
        "lower" => r"\p{Ll}+".to_owned(),
        other if other.contains('|') => {
            let choices: Vec<String> = other.split('|').map(regex::escape).collect();
            format!("(?:{})", choices.join("|"))
        }
        other => {
            return Err(format!(
                "the form has the slot {{{other}}}; slots are {{text}}, {{word}}, {{number}}, {{upper}}, {{lower}} and {{a|b}}"
            ));
        }
    })
}

pub(super) fn check(form: &str, answer: &str) -> Result<(), String> {
    if compile(form)?.is_match(answer) { Ok(()) } else { Err(format!("it is {}", shown(answer))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slots_take_what_they_say() {
        let ok = |form: &str, answer: &str| check(form, answer).is_ok();
        assert!(ok("{word} -> {number} ({red|dark blue})", "plum -> 3.5 (dark blue)"));
        assert!(!ok("{word} -> {number}", "two plums -> 3"));
        assert!(!ok("Q: {text}", "Q: a\nb") && !ok("Q: {text}", "Q:  ") && !ok("Q: {text}", "x Q: a"));
        assert!(ok("{{{upper}}}.*", "{ABC}.*") && !ok("{upper}", "Abc") && ok("{lower}", "é"));
    }

    #[test]
    fn broken_forms_say_why() {
        assert!(compile("{sum}").unwrap_err().contains("{sum}"));
        assert!(compile("a { b").unwrap_err().contains("not closed"));
        assert!(compile("a } b").unwrap_err().contains("not opened"));
    }

    proptest! {
        #[test]
        fn literal_text_matches_itself_alone(text in "\\PC{1,30}") {
            let form = text.replace('{', "{{").replace('}', "}}");
            prop_assert!(check(&form, &text).is_ok());
            let longer = format!("{text}x");
            prop_assert!(check(&form, &longer).is_err());
        }

        #[test]
        fn compiling_never_panics(form in "[a-z{}|.*\\[ ]{0,30}") {
            let _ = compile(&form);
        }
    }
}
