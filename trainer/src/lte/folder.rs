//! The folders of an alignment: what identifies a model, and what its successor inherits.

use crate::digest::{feed, hex};
use crate::files::{read_if_there, write_atomically};
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that a model's behaviour does not depend on.
const BESIDE: [&str; 3] = ["recipe.json", "card.json", "training_log.jsonl"];
/// The endings of files that it does depend on.
const ENDINGS: [&str; 5] = ["safetensors", "json", "jinja", "model", "txt"];

/// What the fine-tuned model takes from its parent as it is: tokenizer, templates, defaults of generation.
const INHERITED: [&str; 10] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "generation_config.json",
];

/// SHA-256 over names and contents of the files that a model's behaviour depends on, in hexadecimal: weights,
/// configuration, tokenizer and templates, in the order of their names.
///
/// # Errors
/// [`Error::Io`] when the folder or a file cannot be read.
pub fn folder_hash(folder: &Path) -> Result<String> {
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("listing", folder))? {
        let path = entry.map_err(Error::io("listing", folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_file()
            && ENDINGS.contains(&ending)
            && !BESIDE.contains(&name.as_str())
            && !name.starts_with('.')
        {
            files.push((name, path));
        }
    }
    files.sort();
    let mut hasher = Sha256::new();
    for (name, path) in files {
        let bytes = fs::metadata(&path).map_err(Error::io("reading", &path))?.len();
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(&name);
        hasher.update(bytes.to_le_bytes());
        feed(&mut hasher, &path)?;
    }
    Ok(hex(&hasher.finalize()))
}

/// Copies what a successor takes from its parent.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub(crate) fn inherit(parent: &Path, folder: &Path) -> Result<()> {
    for name in INHERITED {
        let path = parent.join(name);
        if path.is_file() {
            let bytes = fs::read(&path).map_err(Error::io("reading", &path))?;
            write_atomically(folder, name, &bytes)?;
        }
    }
    Ok(())
}

/// Whether a folder is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Of work that is the same.
    Ours,
    /// Of none.
    Nobody,
}

/// Notes in `folder/name` what the work there is about, or checks that it is about the same.
///
/// # Errors
/// As [`owner`].
pub(crate) fn claim(folder: &Path, name: &str, ours: &serde_json::Value) -> Result<()> {
    match owner(folder, name, ours)? {
        Owner::Ours => Ok(()),
        Owner::Nobody => write_atomically(folder, name, format!("{ours:#}\n").as_bytes()),
    }
}

/// Checks that the work of a folder, if it has any, is about the same; writes nothing.
///
/// # Errors
/// [`Error::Checkpoint`] when it is about something else; [`Error::Io`].
pub(super) fn owner(folder: &Path, name: &str, ours: &serde_json::Value) -> Result<Owner> {
    let theirs = read_if_there(&folder.join(name))?;
    match theirs.map(|text| serde_json::from_str::<serde_json::Value>(&text)) {
        None => Ok(Owner::Nobody),
        Some(Ok(theirs)) if theirs == *ours => Ok(Owner::Ours),
        Some(_) => Err(Error::checkpoint(
            folder.join(name),
            "the folder was begun with another recipe, model, data set or template; use those, or another folder",
        )),
    }
}
