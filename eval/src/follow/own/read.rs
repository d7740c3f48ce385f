//! Files into groups.

use super::{
    OwnSuite,
    error::{GroupProblem, SuiteFileError},
    file::{SCHEMA, SuiteFile},
    group::{Fault, Group},
};
use crate::follow::item::GroupId;
use std::{collections::HashSet, fs, path::Path};

/// The largest file, bytes.
const MAX_BYTES: u64 = 8 << 20;
/// The most files of a folder.
const MAX_FILES: usize = 64;

/// One file of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteText {
    /// The name that errors give it.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// The texts of a file, or of a folder's `*.toml` files by name.
///
/// # Errors
/// What cannot be read, is too large or is not there.
pub fn texts(path: &Path) -> Result<Vec<SuiteText>, SuiteFileError> {
    let shown = |path: &Path| path.display().to_string();
    let io = |path: &Path| {
        let path = shown(path);
        move |source| SuiteFileError::Io { path, source }
    };
    let mut files = Vec::new();
    if fs::metadata(path).map_err(io(path))?.is_dir() {
        for entry in fs::read_dir(path).map_err(io(path))? {
            let file = entry.map_err(io(path))?.path();
            if file.extension().is_some_and(|extension| extension == "toml") {
                files.push(file);
            }
            if files.len() > MAX_FILES {
                let what = format!("it has more than {MAX_FILES} suite files");
                return Err(SuiteFileError::TooLarge { path: shown(path), what });
            }
        }
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    if files.is_empty() {
        return Err(SuiteFileError::Empty { path: shown(path) });
    }
    files
        .into_iter()
        .map(|file| {
            if fs::metadata(&file).map_err(io(&file))?.len() > MAX_BYTES {
                let what = format!("it has more than {MAX_BYTES} bytes");
                return Err(SuiteFileError::TooLarge { path: shown(&file), what });
            }
            let text = fs::read_to_string(&file).map_err(io(&file))?;
            Ok(SuiteText { file: shown(&file), text })
        })
        .collect()
}

/// The suite, or all that is wrong with its files.
pub(super) fn parse(files: impl IntoIterator<Item = SuiteText>) -> Result<OwnSuite, Vec<SuiteFileError>> {
    let mut suite: Option<OwnSuite> = None;
    let mut seen: HashSet<GroupId> = HashSet::new();
    let mut wrong = Vec::new();
    let mut last = String::new();
    for SuiteText { file, text } in files {
        match header(&file, &text, suite.as_ref()) {
            Ok(parsed) => {
                let into =
                    suite.get_or_insert_with(|| OwnSuite { name: parsed.suite.clone(), groups: Vec::new() });
                take(into, parsed, &file, (&mut seen, &mut wrong));
            }
            Err(error) => wrong.push(error),
        }
        last = file;
    }
    match suite {
        Some(mut suite) if wrong.is_empty() && !suite.groups.is_empty() => {
            suite.groups.sort_by_key(|group| group.category);
            Ok(suite)
        }
        _ if wrong.is_empty() => Err(vec![SuiteFileError::Empty { path: last }]),
        _ => Err(wrong),
    }
}

/// A file of this schema that belongs to the suite of the files before it.
fn header(file: &str, text: &str, suite: Option<&OwnSuite>) -> Result<SuiteFile, SuiteFileError> {
    let parsed: SuiteFile = toml::from_str(text)
        .map_err(|source| SuiteFileError::Syntax { file: file.to_owned(), source: Box::new(source) })?;
    if parsed.schema != SCHEMA {
        return Err(SuiteFileError::Schema { file: file.to_owned(), found: parsed.schema });
    }
    match suite {
        Some(suite) if suite.name != parsed.suite => Err(SuiteFileError::OtherSuite {
            file: file.to_owned(),
            found: parsed.suite,
            expected: suite.name.clone(),
        }),
        _ => Ok(parsed),
    }
}

type Found<'a> = (&'a mut HashSet<GroupId>, &'a mut Vec<SuiteFileError>);

fn take(suite: &mut OwnSuite, file: SuiteFile, name: &str, (seen, wrong): Found<'_>) {
    for (category, raw) in file.groups() {
        let id = GroupId::new(category, &raw.name);
        let group = if seen.insert(id.clone()) {
            Group::new(category, raw)
        } else {
            Err(GroupProblem::Duplicate.into())
        };
        match group {
            Ok(group) => suite.groups.push(group),
            Err(faults) => wrong.extend(faults.into_iter().map(|fault| located(name, id.clone(), fault))),
        }
    }
}

fn located(file: &str, group: GroupId, fault: Fault) -> SuiteFileError {
    let file = file.to_owned();
    match fault {
        Fault::Group(problem) => SuiteFileError::Group { file, group, problem },
        Fault::Level(level, problem) => SuiteFileError::Level { file, group, level, problem },
    }
}
