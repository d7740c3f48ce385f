//! The folder of a run.

use amend_trainer::synth::rows::DataCard;
use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What the run is: the same folder goes on only with the same.
const PLAN: &str = "run.json";
/// Every answer so far.
const ANSWERS: &str = "answers.jsonl";

/// A folder that belongs to one run.
#[derive(Debug, Clone)]
pub struct RunFolder(PathBuf);

/// A run that has written its rows.
#[derive(Debug, Clone, Serialize)]
pub struct FinishedRun {
    /// Where they are.
    pub folder: PathBuf,
    /// What there is to know of them.
    pub card: DataCard,
    /// Questions that this start sent; the others were answered before.
    pub asked: usize,
    /// What was spent over all starts.
    pub spent: amend_trainer::synth::ask::Spent,
    /// What the method says besides: the iterations of Lion.
    pub report: Value,
}

impl RunFolder {
    /// Makes the folder for a run, or finds it made for the same one.
    ///
    /// # Errors
    /// When it belongs to another run, or cannot be made.
    pub fn claim(folder: &Path, plan: &Value) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let file = folder.join(PLAN);
        let text = serde_json::to_string_pretty(plan)?;
        match fs::read_to_string(&file) {
            Ok(found) => {
                let found: Value = serde_json::from_str(&found)
                    .with_context(|| format!("{} is no record of a run", file.display()))?;
                if found != *plan {
                    let fields = differing(&found, plan).join(", ");
                    bail!(
                        "{} holds a run with other settings ({fields}); give another folder, or the same settings",
                        folder.display()
                    );
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let partial = folder.join(format!(".{PLAN}.partial"));
                let write = || -> std::io::Result<()> {
                    fs::write(&partial, text)?;
                    fs::File::open(&partial)?.sync_all()?;
                    fs::rename(&partial, &file)
                };
                write().with_context(|| format!("failed to write {}", file.display()))?;
            }
            Err(error) => return Err(error).with_context(|| format!("failed to read {}", file.display())),
        }
        Ok(Self(folder.to_owned()))
    }

    /// It.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where answers are kept.
    #[must_use]
    pub fn answers(&self) -> PathBuf {
        self.0.join(ANSWERS)
    }
}

/// The fields in which two records differ, by their paths.
fn differing(one: &Value, other: &Value) -> Vec<String> {
    fn walk(path: &str, one: &Value, other: &Value, into: &mut Vec<String>) {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
                for key in keys {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(&path, one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null), into);
                }
            }
            _ if one != other => into.push(path.to_owned()),
            _ => {}
        }
    }
    let mut fields = Vec::new();
    walk("", one, other, &mut fields);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_folder_goes_on_with_the_same_settings_only() {
        let folder = tempfile::tempdir().unwrap();
        let plan = json!({"seed": 1, "lion": {"iterations": 3}});
        RunFolder::claim(folder.path(), &plan).unwrap();
        let again = RunFolder::claim(folder.path(), &plan).unwrap();
        assert!(again.answers().starts_with(folder.path()));
        let error = RunFolder::claim(folder.path(), &json!({"seed": 1, "lion": {"iterations": 4}})).unwrap_err();
        assert!(error.to_string().contains("(lion.iterations)"), "{error}");
    }
}
