//! Reports as text. What they say is in the templates beside this folder.
//!
//! Writing one is CPU work that grows with the items, milliseconds for hundreds: not for an async runtime's threads.

mod html;
mod junit;
mod markdown;

use super::{Comparison, FollowReport};
use crate::edit::report::markdown_cell;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

const NONE: &str = "–";

/// What a text is part of, which decides how data in it are escaped.
#[derive(Clone, Copy)]
pub(in crate::follow::report) enum Form {
    Markdown,
    Xml,
}

/// The environment that all templates are rendered in.
pub(in crate::follow::report) fn environment(form: Form) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let escape = match form {
        Form::Markdown => AutoEscape::None,
        Form::Xml => AutoEscape::Html,
    };
    environment.set_auto_escape_callback(move |_| escape);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_filter("digits", digits);
    environment.add_filter("signed", signed);
    environment.add_filter("share", |value: Value| scaled(&value, 100.0, 1));
    environment
        .add_filter("times", |value: Value, factor: f64, places: usize| scaled(&value, factor, places));
    environment.add_filter("cell", |text: &str| markdown_cell(text));
    environment.add_filter("legible", legible);
    environment.add_filter("short", |text: &str| text.chars().take(12).collect::<String>());
    environment
}

fn digits(value: Value, places: usize) -> Result<String, Error> {
    scaled(&value, 1.0, places)
}

fn scaled(value: &Value, factor: f64, places: usize) -> Result<String, Error> {
    match value.is_none() {
        true => Ok(NONE.to_owned()),
        false => f64::try_from(value.clone()).map(|value| {
            let text = format!("{:.places$}", value * factor);
            // A rate of zero from a sum of zeros may carry a sign.
            if text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.')) {
                text.trim_start_matches('-').to_owned()
            } else {
                text
            }
        }),
    }
}

/// A difference with its sign.
fn signed(value: Value, places: usize) -> Result<String, Error> {
    let text = scaled(&value, 1.0, places)?;
    let plus = !text.starts_with(['-', '–']) && text.chars().any(|c| matches!(c, '1'..='9'));
    Ok(if plus { format!("+{text}") } else { text.replacen('-', "−", 1) })
}

/// The text without the characters that XML cannot hold and browsers do not show: models do write them.
fn legible(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\u{20}'..='\u{7e}' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
    text.chars().map(|c| if allowed(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Why a page could not be written.
fn failed(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

impl FollowReport {
    /// The report as JSON, indented.
    ///
    /// # Errors
    /// When serde_json fails, which texts and numbers rule out.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// The report as Markdown.
    ///
    /// # Errors
    /// When the template fails, which its tests rule out.
    pub fn markdown(&self) -> Result<String, Error> {
        markdown::report(self)
    }

    /// The report as JUnit XML, one test case an item: violations are failures, items without an answer or a readable
    /// verdict are errors, and so is a run that is void.
    ///
    /// # Errors
    /// As [`markdown`](Self::markdown).
    pub fn junit(&self) -> Result<String, Error> {
        junit::report(self)
    }

    /// The report as one HTML page that needs nothing else, with what changed since another report where there is one.
    ///
    /// # Errors
    /// As [`markdown`](Self::markdown).
    pub fn html(&self, comparison: Option<&Comparison>) -> Result<String, Error> {
        html::report(self, comparison)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_well() {
        let signed = |value: f64| signed(Value::from(value), 1).unwrap();
        assert_eq!([signed(4.0), signed(-4.04), signed(0.01), signed(-0.01)], ["+4.0", "−4.0", "0.0", "0.0"]);
        assert_eq!(digits(Value::from(()), 2).unwrap(), NONE);
        assert_eq!(digits(Value::from(-0.0), 2).unwrap(), "0.00");
        assert_eq!(scaled(&Value::from(0.125), 100.0, 1).unwrap(), "12.5");
    }

    proptest! {
        #[test]
        fn a_legible_text_has_no_controls(text in any::<String>()) {
            let legible = legible(&text);
            prop_assert_eq!(legible.chars().count(), text.chars().count());
            let odd = legible.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\u{85}'));
            prop_assert!(!odd);
        }
    }
}
