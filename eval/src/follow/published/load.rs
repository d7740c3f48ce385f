//! Reads a folder of published files.

use super::{
    edition::Edition,
    rule::{InvalidTarget, Rule},
};
use crate::follow::item::{Category, Check, FollowSuite, GroupId, Item, Level};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Path, PathBuf},
};

#[cfg(test)]
mod tests;

/// Largest file that is read, in bytes; the published ones have at most one million.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Part of the fingerprint: another number when the rules decide differently.
const RULES_VERSION: &str = "followbench-rules/1";

/// Why a folder is no suite.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// None of the six files is there.
    #[error(
        "no FollowBench data in {0}: it has none of the files <category>_constraints.json (content, situation, style, \
         format, example, mixed)"
    )]
    NoFiles(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than any published one by far.
    #[error("{file} has {bytes} bytes; at most {LARGEST} are read")]
    TooLarge {
        /// Which.
        file: PathBuf,
        /// How large.
        bytes: u64,
    },
    /// A file is no list in JSON. The message has line and column.
    #[error("{file} is no JSON list of rows")]
    Json {
        /// Which.
        file: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A row is not as published.
    #[error("{file}, row {row}{}: {problem}", at(.group, .level))]
    Row {
        /// In which file.
        file: PathBuf,
        /// Which row, from 1 on.
        row: usize,
        /// Of which group, where that is known.
        group: Option<u64>,
        /// Of which level, where that is known.
        level: Option<u64>,
        /// What is wrong.
        problem: RowProblem,
    },
}

/// What is wrong with a row.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowProblem {
    /// It is no JSON object.
    #[error("expected an object, found {0}")]
    NoObject(&'static str),
    /// A field is not there.
    #[error("field {0:?} is missing")]
    NoField(&'static str),
    /// A field has another type.
    #[error("field {field:?} has to be {expected}, not {found}")]
    Type {
        /// Which field.
        field: &'static str,
        /// The type that it should have.
        expected: &'static str,
        /// What it has.
        found: String,
    },
    /// A level that the category does not have.
    #[error("levels are {first} to 5 here")]
    NoSuchLevel {
        /// 0, or 1 for examples.
        first: u64,
    },
    /// The levels of a group do not come one after another.
    #[error("level {expected} of group {group} is missing: every group has levels {first} to 5, ascending")]
    MissingLevel {
        /// Of which group, perhaps the one before this row.
        group: u64,
        /// Which.
        expected: u64,
        /// 0, or 1 for examples.
        first: u64,
    },
    /// A level comes twice.
    #[error("this level of the group was given before")]
    Duplicate,
    /// Rows of the group stand in two places, or two groups have one number.
    #[error("rows of this group stand further up already: a group's rows have to follow one another")]
    SplitGroup,
    /// Nothing is asked.
    #[error("the instruction is empty")]
    NoInstruction,
    /// A row of another file.
    #[error("the row's category is {found:?}, and the file is of {expected}")]
    Category {
        /// The file's.
        expected: Category,
        /// The row's.
        found: String,
    },
    /// The rule cannot use its target.
    #[error(transparent)]
    Target(#[from] InvalidTarget),
}

fn at(group: &Option<u64>, level: &Option<u64>) -> String {
    let part = |name, number: &Option<u64>| number.map_or_else(String::new, |n| format!(", {name} {n}"));
    part("group", group) + &part("level", level)
}

/// Reads the files `<category>_constraints.json` of a folder, those that are there. Rows keep the order that they have,
/// categories come in the order of [`Category::ALL`]; whether the folder is the English or the Chinese edition is told
/// from the instructions ([`Edition::of`]).
///
/// # Errors
/// [`LoadError`], which names file, row, group and level: a folder without any of the files, a file that cannot be read
/// or is no JSON, a field that is missing or of another type, a level that is missing, comes twice or is out of order.
pub fn load(dir: &Path) -> Result<FollowSuite, LoadError> {
    read(dir).map(|(_, suite)| suite)
}

/// A row with its place.
struct Row {
    category: Category,
    file: PathBuf,
    /// From 1 on.
    number: usize,
    example_id: u64,
    row_category: String,
    source: String,
    level: u64,
    instruction: String,
    target: String,
}

impl Row {
    fn error(&self, problem: RowProblem) -> LoadError {
        LoadError::Row {
            file: self.file.clone(),
            row: self.number,
            group: Some(self.example_id),
            level: Some(self.level),
            problem,
        }
    }
}

/// [`load`], with the edition.
pub(super) fn read(dir: &Path) -> Result<(Edition, FollowSuite), LoadError> {
    let mut rows = Vec::new();
    let mut files = 0;
    for category in Category::ALL {
        let file = dir.join(format!("{category}_constraints.json"));
        if let Some(text) = text_of(&file)? {
            files += 1;
            rows.extend(rows_of(category, &file, &text)?);
        }
    }
    if files == 0 {
        return Err(LoadError::NoFiles(dir.to_owned()));
    }
    let edition = Edition::of(rows.iter().map(|row| row.instruction.as_str()));
    let items = items(&rows, edition)?;
    let suite = FollowSuite {
        name: edition.suite_name().to_owned(),
        fingerprint: fingerprint(edition, &rows),
        items,
    };
    Ok((edition, suite))
}

/// The text of a file; `None` when it is not there.
fn text_of(file: &Path) -> Result<Option<String>, LoadError> {
    let read = |source| LoadError::Read { file: file.to_owned(), source };
    let bytes = match fs::metadata(file) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(read(error)),
    };
    if bytes > LARGEST {
        return Err(LoadError::TooLarge { file: file.to_owned(), bytes });
    }
    fs::read_to_string(file).map(Some).map_err(read)
}

fn rows_of(category: Category, file: &Path, text: &str) -> Result<Vec<Row>, LoadError> {
    let values: Vec<Value> =
        serde_json::from_str(text).map_err(|source| LoadError::Json { file: file.to_owned(), source })?;
    let rows = (1..).zip(&values).map(|(number, value)| row(category, file, number, value));
    let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    check_levels(category, &rows)?;
    Ok(rows)
}

fn row(category: Category, file: &Path, number: usize, value: &Value) -> Result<Row, LoadError> {
    let known = |field| value.get(field).and_then(Value::as_u64);
    let error = |problem| LoadError::Row {
        file: file.to_owned(),
        row: number,
        group: known("example_id"),
        level: known("level"),
        problem,
    };
    let object = value.as_object().ok_or_else(|| error(RowProblem::NoObject(kind(value))))?;
    let text = |field| text_field(object, field).map_err(error);
    let whole = |field| whole_field(object, field).map_err(error);
    let row = Row {
        category,
        file: file.to_owned(),
        number,
        example_id: whole("example_id")?,
        row_category: text("category")?,
        source: text("source")?,
        level: whole("level")?,
        instruction: text("instruction")?,
        target: text("target")?,
    };
    if row.level > 0 && row.instruction.trim().is_empty() {
        return Err(row.error(RowProblem::NoInstruction));
    }
    // In the mixed file a row names the kinds of its constraints.
    if category != Category::Mixed && row.row_category != category.as_str() {
        let found = row.row_category.clone();
        return Err(row.error(RowProblem::Category { expected: category, found }));
    }
    Ok(row)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn field<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<&'a Value, RowProblem> {
    object.get(name).ok_or(RowProblem::NoField(name))
}

fn text_field(object: &Map<String, Value>, name: &'static str) -> Result<String, RowProblem> {
    match field(object, name)? {
        Value::String(text) => Ok(text.clone()),
        other => Err(RowProblem::Type { field: name, expected: "a string", found: kind(other).to_owned() }),
    }
}

fn whole_field(object: &Map<String, Value>, name: &'static str) -> Result<u64, RowProblem> {
    let value = field(object, name)?;
    value.as_u64().ok_or_else(|| RowProblem::Type {
        field: name,
        expected: "a whole number",
        found: match value {
            Value::Number(number) => number.to_string(),
            other => kind(other).to_owned(),
        },
    })
}

/// The first level of a category's groups.
fn first_level(category: Category) -> u64 {
    u64::from(category == Category::Example)
}

/// Checks that each group's levels stand together, complete and ascending.
fn check_levels(category: Category, rows: &[Row]) -> Result<(), LoadError> {
    let first = first_level(category);
    let mut done: BTreeSet<u64> = BTreeSet::new();
    // The group under way and the level that has to come next.
    let mut open: Option<(u64, u64)> = None;
    let missing = |group, expected| RowProblem::MissingLevel { group, expected, first };
    for row in rows {
        if !(first..=5).contains(&row.level) {
            return Err(row.error(RowProblem::NoSuchLevel { first }));
        }
        let expected = match open {
            Some((group, next)) if group == row.example_id => next,
            Some((group, next)) => return Err(row.error(missing(group, next))),
            None if done.contains(&row.example_id) => {
                let again = rows.iter().any(|other| {
                    other.number < row.number
                        && (other.example_id, other.level) == (row.example_id, row.level)
                });
                let adjoining =
                    rows.get(row.number.wrapping_sub(2)).is_some_and(|r| r.example_id == row.example_id);
                let problem = if again && adjoining { RowProblem::Duplicate } else { RowProblem::SplitGroup };
                return Err(row.error(problem));
            }
            None => first,
        };
        if row.level < expected {
            return Err(row.error(RowProblem::Duplicate));
        }
        if row.level > expected {
            return Err(row.error(missing(row.example_id, expected)));
        }
        open = (row.level < 5).then_some((row.example_id, row.level + 1));
        if open.is_none() {
            done.insert(row.example_id);
        }
    }
    match (open, rows.last()) {
        (Some((group, next)), Some(row)) => Err(row.error(missing(group, next))),
        _ => Ok(()),
    }
}

fn items(rows: &[Row], edition: Edition) -> Result<Vec<Item>, LoadError> {
    let mut items = Vec::with_capacity(rows.len());
    let mut path: Vec<String> = Vec::new();
    for row in rows {
        if row.level == first_level(row.category) {
            path.clear();
        }
        path.push(row.instruction.clone());
        let level = u8::try_from(row.level).ok().and_then(|level| Level::new(level).ok());
        let Some(level) = level else { continue };
        let rule = rule(row, level, edition).map_err(|problem| row.error(problem.into()))?;
        items.push(Item {
            group: GroupId::new(row.category, row.example_id),
            category: row.category,
            level,
            path: path.clone(),
            check: rule.map_or(Check::Judge, Check::Rule),
        });
    }
    Ok(items)
}

fn rule(row: &Row, level: Level, edition: Edition) -> Result<Option<Rule>, InvalidTarget> {
    if row.category == Category::Example {
        return Rule::example(&row.target, level, edition).map(Some);
    }
    let of_group = (row.row_category == Category::Format.as_str())
        .then(|| Rule::of_format_group(row.example_id, level, edition))
        .flatten();
    Ok(Rule::of_source(&row.source, &row.target, level, edition)?.or(of_group))
}

/// SHA-256 over edition, version of the rules and every field of every row, each with its length before it.
fn fingerprint(edition: Edition, rows: &[Row]) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(RULES_VERSION);
    add(&edition.to_string());
    for row in rows {
        add(row.category.as_str());
        add(&row.example_id.to_string());
        add(&row.level.to_string());
        for text in [&row.row_category, &row.source, &row.instruction, &row.target] {
            add(text);
        }
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        use fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
