//! The folder of a run.

use amend_trainer::synth::{
    ask::{Asker, Spent},
    rows::{DataCard, Ended},
};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
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

/// What a run came to.
const RESULT: &str = "result.json";

/// A run that has written its rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FinishedRun {
    /// Where they are.
    pub folder: PathBuf,
    /// What there is to know of them.
    pub card: DataCard,
    /// Questions that this start sent; the others were answered before.
    pub asked: usize,
    /// What was spent over all starts.
    pub spent: Spent,
    /// The folder of the student's last training, where one learned.
    pub student: Option<PathBuf>,
    /// What the method says besides: the iterations of Lion.
    pub report: Value,
}

impl FinishedRun {
    pub(super) fn of(folder: &Path, card: DataCard, (asker, report): (&Asker, Value)) -> Self {
        let (asked, spent) = (asker.asked(), asker.ledger().total());
        Self { folder: folder.to_owned(), card, asked, spent, student: None, report }
    }
}

impl RunFolder {
    /// Makes the folder for a run, or finds it made for the same one.
    ///
    /// # Errors
    /// When it belongs to another run, or cannot be made.
    pub fn claim(folder: &Path, plan: &Value) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let file = folder.join(PLAN);
        match read::<Value>(&file)? {
            Some(found) => {
                if found != *plan {
                    let fields = differing(&found, plan).join(", ");
                    bail!(
                        "{} holds a run with other settings ({fields}); give another folder, or the same settings",
                        folder.display()
                    );
                }
            }
            None => write(folder, PLAN, plan)?,
        }
        Ok(Self(folder.to_owned()))
    }

    /// What the run came to, if it did all that it was asked for: then it asks nothing any more.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub(super) fn finished(&self) -> anyhow::Result<Option<FinishedRun>> {
        let found: Option<FinishedRun> = read(&self.0.join(RESULT))?;
        let finished = found.filter(|run| run.card.info.ended == Ended::Finished);
        Ok(finished.map(|run| FinishedRun { asked: 0, folder: self.0.clone(), ..run }))
    }

    /// Records what the run came to.
    pub(super) fn finish(&self, run: FinishedRun) -> anyhow::Result<FinishedRun> {
        write(&self.0, RESULT, &run)?;
        Ok(run)
    }

    /// Where answers are kept.
    #[must_use]
    pub fn answers(&self) -> PathBuf {
        self.0.join(ANSWERS)
    }
}

/// A record, if there is one.
fn read<T: DeserializeOwned>(file: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(file) {
        Ok(text) => {
            let found = serde_json::from_slice(&text);
            Ok(Some(found.with_context(|| format!("{} is no record of a run", file.display()))?))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", file.display())),
    }
}

/// A record, whole or not at all.
fn write(folder: &Path, name: &str, record: &impl Serialize) -> anyhow::Result<()> {
    let partial = folder.join(format!(".{name}.partial"));
    let put = || -> anyhow::Result<()> {
        fs::write(&partial, serde_json::to_vec_pretty(record)?)?;
        fs::File::open(&partial)?.sync_all()?;
        fs::rename(&partial, folder.join(name))?;
        Ok(fs::File::open(folder)?.sync_all()?)
    };
    put().with_context(|| format!("failed to write {name} in {}", folder.display()))
}

/// The fields in which two records differ, by their paths.
fn differing(one: &Value, other: &Value) -> Vec<String> {
    fn walk(path: &str, one: &Value, other: &Value, into: &mut Vec<String>) {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
                for key in keys {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(
                        &path,
                        one.get(key).unwrap_or(&Value::Null),
                        other.get(key).unwrap_or(&Value::Null),
                        into,
                    );
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
        let error =
            RunFolder::claim(folder.path(), &json!({"seed": 1, "lion": {"iterations": 4}})).unwrap_err();
        assert!(error.to_string().contains("(lion.iterations)"), "{error}");
    }
}
