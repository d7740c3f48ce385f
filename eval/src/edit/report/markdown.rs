//! Reports as Markdown.

use super::EditReport;
use crate::edit::calibrate::CalibrationReport;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, context};

const EDITS: &str = include_str!("../../../templates/edits.md.jinja");
const CALIBRATION: &str = include_str!("../../../templates/calibration.md.jinja");
const NONE: &str = "–";

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_filter("digits", |value: Value, places: usize| fixed(&value, places));
    environment.add_filter("score", score);
    environment.add_filter("cell", |text: &str| cell(text));
    environment
}

fn fixed(value: &Value, places: usize) -> Result<String, Error> {
    match value.is_none() {
        true => Ok(NONE.to_owned()),
        false => f64::try_from(value.clone()).map(|value| format!("{value:.places$}")),
    }
}

/// `0.871 (0.790 – 0.924)` of a score.
fn score(value: Value) -> Result<String, Error> {
    if value.is_none() {
        return Ok(NONE.to_owned());
    }
    let missing = || Error::new(ErrorKind::InvalidOperation, "a score has an interval of two numbers");
    let interval = value.get_attr("interval")?;
    let mut ends = interval.try_iter()?;
    let (low, high) = ends.next().zip(ends.next()).ok_or_else(missing)?;
    let mean = fixed(&value.get_attr("mean")?, 3)?;
    Ok(format!("{mean} ({} – {})", fixed(&low, 3)?, fixed(&high, 3)?))
}

/// A text that stays within a table's cell and is not read as Markdown.
pub(crate) fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => safe.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '#' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

pub(crate) fn edits(report: &EditReport) -> Result<String, Error> {
    environment().render_str(EDITS, context! { report })
}

pub(crate) fn calibration(report: &CalibrationReport) -> Result<String, Error> {
    environment().render_str(CALIBRATION, context! { report })
}
