//! Cards and reports from templates.

use crate::{Error, Result};
use minijinja::Environment;

/// The longest text of a sample that [`quoted`] shows, in characters.
const SHOWN: usize = 1000;

/// Renders a template that is part of the program. It may call `cell(text)`, a text as a cell of a table, and
/// `quoted(text)`, a text as a quotation, cut where it is long.
///
/// # Errors
/// [`Error::Settings`] when it is wrong or names what is not there.
pub(crate) fn render(template: &str, values: minijinja::Value) -> Result<String> {
    let wrong = |e: minijinja::Error| Error::Settings(format!("a card's template is wrong: {e:#}"));
    let mut environment = Environment::new();
    environment.set_keep_trailing_newline(true);
    environment.set_trim_blocks(true);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.add_function("cell", cell);
    environment.add_function("quoted", quoted);
    environment.add_template("card", template).map_err(wrong)?;
    environment.get_template("card").and_then(|card| card.render(values)).map_err(wrong)
}

/// One line without a bar.
fn cell(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").replace('|', "\\|")
}

/// Every line behind a `>`: nothing in it is taken for a part of the card.
fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str(" […]");
    }
    let lines = shown.lines().map(|line| format!("> {line}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_break_the_card() {
        assert_eq!(cell(" a | b\n# c "), "a \\| b # c");
        assert_eq!(quoted("# a\n\n| b"), "> # a\n>\n> | b");
        let long = quoted(&"é".repeat(SHOWN + 1));
        assert!(long.ends_with("é […]") && long.chars().count() == SHOWN + 6, "{}", long.len());
    }
}
