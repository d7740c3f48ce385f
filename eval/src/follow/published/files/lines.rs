//! Finding and reading the files of answers and verdicts.

use super::ScoreError;
use crate::follow::item::Category;
use serde_json::Value;
use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;
/// How deep a file may lie below the folder that was named: `<organisation>/<model>/file`.
const DEEPEST: usize = 2;
/// Most files and folders that are looked at.
const MOST_ENTRIES: usize = 10_000;
/// Files named in an error.
const FILES_NAMED: usize = 4;

/// One line of a file.
pub(super) struct Line {
    /// From 1 on.
    pub(super) number: usize,
    /// `prompt`, or `prompt_new`.
    pub(super) prompt: Option<String>,
    /// `example_id` and `level`.
    pub(super) place: Option<(u64, u64)>,
    /// The text of the first choice; `None` when it is `null`.
    pub(super) content: Option<String>,
}

impl Line {
    pub(super) fn error(&self, file: &Path, what: &str) -> ScoreError {
        ScoreError::Line { file: file.to_owned(), line: self.number, what: what.to_owned() }
    }
}

/// The one file whose name tells the category, nearest to the top.
pub(super) fn find(dir: &Path, category: Category) -> Result<PathBuf, ScoreError> {
    let mut seen = 0;
    let mut folders = vec![dir.to_owned()];
    for _ in 0..=DEEPEST {
        let (mut files, mut below) = (Vec::new(), Vec::new());
        for folder in &folders {
            for entry in entries(folder, &mut seen)? {
                if entry.is_dir() {
                    below.push(entry);
                } else {
                    files.push(entry);
                }
            }
        }
        for fits in [ends_in_category, names_category] {
            let mut found: Vec<PathBuf> = files.iter().filter(|file| fits(file, category)).cloned().collect();
            match found.len() {
                0 => {}
                1 => return Ok(found.remove(0)),
                _ => {
                    found.sort();
                    found.truncate(FILES_NAMED);
                    return Err(ScoreError::Ambiguous { category, dir: dir.to_owned(), files: found });
                }
            }
        }
        folders = below;
    }
    Err(ScoreError::NoFile { category, dir: dir.to_owned() })
}

fn entries(folder: &Path, seen: &mut usize) -> Result<Vec<PathBuf>, ScoreError> {
    let error = |source| ScoreError::Read { path: folder.to_owned(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(error)? {
        *seen += 1;
        if *seen > MOST_ENTRIES {
            let what = format!("over {MOST_ENTRIES} files: name the folder of one model");
            return Err(error(io::Error::new(ErrorKind::InvalidInput, what)));
        }
        entries.push(entry.map_err(error)?.path());
    }
    Ok(entries)
}

/// The name without `.jsonl`; `None` for other files.
fn stem(file: &Path) -> Option<&str> {
    file.file_name()?.to_str()?.strip_suffix(".jsonl")
}

/// `content_constraint.jsonl`, `model_content_constraints.jsonl`, `content.jsonl`.
fn ends_in_category(file: &Path, category: Category) -> bool {
    let Some(stem) = stem(file) else { return false };
    let stem = stem.strip_suffix("_constraints").or(stem.strip_suffix("_constraint")).unwrap_or(stem);
    let before = stem.strip_suffix(category.as_str());
    before.is_some_and(|before| !before.ends_with(char::is_alphanumeric))
}

/// Any name that has the category as a word.
fn names_category(file: &Path, category: Category) -> bool {
    stem(file)
        .is_some_and(|stem| stem.split(|c: char| !c.is_alphanumeric()).any(|word| word == category.as_str()))
}

/// The lines of a file; blank ones at its end do not count.
pub(super) fn read(file: &Path) -> Result<Vec<Line>, ScoreError> {
    let error = |source| ScoreError::Read { path: file.to_owned(), source };
    let bytes = fs::metadata(file).map_err(error)?.len();
    if bytes > LARGEST {
        let what = format!("{bytes} bytes; at most {LARGEST} are read");
        return Err(error(io::Error::new(ErrorKind::InvalidInput, what)));
    }
    let text = fs::read_to_string(file).map_err(error)?;
    (1..).zip(text.trim_end().lines()).map(|(number, line)| parse(file, number, line)).collect()
}

fn parse(file: &Path, number: usize, text: &str) -> Result<Line, ScoreError> {
    let error = |what: String| ScoreError::Line { file: file.to_owned(), line: number, what };
    let value: Value = serde_json::from_str(text).map_err(|why| error(format!("no JSON: {why}")))?;
    let content = value.pointer("/choices/0/message/content");
    let content = match content {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Null) => None,
        Some(_) => return Err(error("choices[0].message.content has to be a text".to_owned())),
        None => return Err(error("choices[0].message.content is missing".to_owned())),
    };
    let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let whole = |field: &str| match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(number) => number
            .as_u64()
            .map(Some)
            .ok_or_else(|| error(format!("{field} has to be a whole number, not {number}"))),
    };
    let place = match (whole("example_id")?, whole("level")?) {
        (Some(example_id), Some(level)) => Some((example_id, level)),
        (None, None) => None,
        _ => return Err(error("example_id and level have to come together".to_owned())),
    };
    Ok(Line { number, prompt: text("prompt").or_else(|| text("prompt_new")), place, content })
}
