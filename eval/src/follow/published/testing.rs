//! A small folder in the published layout for tests, in our own words.

use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;

/// A row with an instruction of its own.
pub(super) fn row(category: &str, source: &str, id: u64, level: u64) -> Value {
    let instruction = format!("Tell me about tea, {category} {id}, with {level} wishes.");
    json!({
        "example_id": id, "category": category, "source": source, "level": level,
        "instruction": instruction, "target": "",
    })
}

/// Writes the file of a category.
pub(super) fn write(dir: &Path, category: &str, rows: &[Value]) {
    let text = serde_json::to_string_pretty(rows).expect("JSON");
    fs::write(dir.join(format!("{category}_constraints.json")), text).expect("written");
}

/// The folder.
pub(super) struct Data(TempDir);

impl Data {
    /// Two groups of content (judged, rule), one each of style (judged), format (rule), example and mixed (rule).
    pub(super) fn small() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let group = |category: &str, source: &str, id, first| -> Vec<Value> {
            (first..=5).map(|level| row(category, source, id, level)).collect()
        };
        let mut content = group("content", "quora", 7, 0);
        content.extend(group("content", "E2E", 2, 0).into_iter().map(|mut row| {
            row["target"] = json!("name[Leaf]");
            row
        }));
        write(dir.path(), "content", &content);
        write(dir.path(), "style", &group("style", "vicuna", 1, 0));
        write(dir.path(), "format", &group("format", "quora", 22, 0));
        let mut example = group("example", "samsum", 3, 1);
        for row in &mut example {
            row["target"] = json!("{instruction}\nTea: {answer}");
        }
        write(dir.path(), "example", &example);
        write(dir.path(), "mixed", &group("mixed", "gigaword", 4, 0));
        Self(dir)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}
