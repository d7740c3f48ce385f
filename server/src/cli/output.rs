//! Standard output, which a reader may close before all is said.

use super::{Failure, exit};
use serde_json::Value;
use std::io::{self, Write, stdout};

/// Prints a line. When nobody reads any more (`… | head -1`), the command ends there, without a word.
///
/// # Errors
/// When standard output is closed or cannot be written.
pub fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    written(writeln!(stdout(), "{}", text.as_ref()))
}

/// Prints a text as it is.
///
/// # Errors
/// As [`line()`].
pub fn raw(bytes: &[u8]) -> anyhow::Result<()> {
    written(stdout().write_all(bytes))
}

/// Prints a JSON value, readable.
///
/// # Errors
/// As [`line()`].
pub fn json(value: &Value) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

fn written(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::silent(exit::OK).into()),
        other => Ok(other?),
    }
}
