//! The Python side, in a process of its own.

use super::watch::Took;
use crate::bench::told;
use crate::files::write_atomically;
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const SCRIPT: &str = include_str!("peers.py");

/// What `rouge_score` is asked.
#[derive(Debug, Serialize)]
pub(super) struct RougeTask {
    /// The pairs to score, as places among the texts.
    pub(super) pairs: Vec<(usize, usize)>,
    /// How many texts to decide on, from an empty pool on.
    pub(super) decided: usize,
    pub(super) max_rouge: f64,
}

/// What it says.
#[derive(Debug, Deserialize)]
pub(super) struct RougeTold {
    /// As bits.
    pub(super) scores: Vec<u64>,
    pub(super) scoring: Took,
    /// Kept, the highest score as bits, the place of the nearest text.
    pub(super) decisions: Vec<(bool, u64, Option<usize>)>,
    pub(super) pairs: u64,
    pub(super) took: Took,
    pub(super) version: String,
}

/// What `datasketch` is asked.
#[derive(Debug, Serialize)]
pub(super) struct DedupTask {
    pub(super) rows: usize,
    pub(super) words: usize,
    pub(super) threshold: f64,
    pub(super) permutations: usize,
    pub(super) seed: u64,
}

/// What it says.
#[derive(Debug, Deserialize)]
pub(super) struct DedupTold {
    /// Earlier and later row, ascending.
    pub(super) pairs: Vec<(u32, u32)>,
    pub(super) bands: usize,
    pub(super) band_rows: usize,
    pub(super) took: Took,
    pub(super) version: String,
}

/// What `trafilatura` is asked.
#[derive(Debug, Serialize)]
pub(super) struct PagesTask<'a> {
    pub(super) files: &'a [PathBuf],
}

/// What it says, of each file.
#[derive(Debug, Deserialize)]
pub(super) struct PagesTold {
    pub(super) texts: Vec<String>,
    pub(super) without_comments: Vec<String>,
    /// The texts with comments, without the reading of files.
    pub(super) took: Took,
    pub(super) version: String,
}

/// Writes the texts of both tasks.
pub(super) fn write_texts(folder: &Path, texts: &[String]) -> Result<()> {
    let mut lines = String::new();
    for text in texts {
        writeln!(lines, "{}", serde_json::Value::from(text.as_str())).expect("strings take everything");
    }
    write_atomically(folder, "texts.jsonl", lines.as_bytes())
}

/// Has Python do a task.
pub(super) fn ask<T: DeserializeOwned>(
    (python, folder): (&Path, &Path),
    what: &str,
    task: &impl Serialize,
) -> Result<T> {
    let bytes = serde_json::to_vec(task).map_err(|e| Error::Data(format!("the task for Python: {e}")))?;
    write_atomically(folder, &format!("{what}.json"), &bytes)?;
    write_atomically(folder, "peers.py", SCRIPT.as_bytes())?;
    let mut command = Command::new(python);
    command.arg(folder.join("peers.py")).arg(what).arg(folder);
    told(command, &format!("the Python side of {what}"))
}
