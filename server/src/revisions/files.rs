//! The folder of a revision: complete, or not there.

use super::RevisionError;
use amend_proto::{RevisionId, wire::RevisionFile};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// What of a training's folder belongs to its result; the rest is only needed to go on with it.
const PARTS: [&str; 5] = ["model", "adapter", "card.json", "metrics.jsonl", "recipe.json"];

/// Where a revision's files are.
pub(super) fn folder_of(root: &Path, id: &RevisionId) -> PathBuf {
    root.join(id.as_str().replace([':', '/'], "-"))
}

/// Makes `folder` hold the result of the training in `run`, which stays as it is. Files are linked where the disk can, so
/// this takes no room; nobody writes into them again. A folder that is there is complete, and stays.
pub(super) fn adopt(run: &Path, folder: &Path) -> Result<(), RevisionError> {
    if folder.join("model").is_dir() {
        return Ok(());
    }
    let root = folder.parent().unwrap_or(Path::new("."));
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let partial = root.join(format!(".{name}.partial"));
    let lay_out = || -> io::Result<()> {
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        for part in PARTS.map(|part| run.join(part)) {
            if part.exists() {
                let to = partial.join(part.file_name().unwrap_or_default());
                link(&part, &to)?;
            }
        }
        File::open(&partial)?.sync_all()?;
        fs::rename(&partial, folder)?;
        File::open(root)?.sync_all()
    };
    lay_out().map_err(RevisionError::files("lay out the files of a revision"))
}

/// A file or a folder under a second name; a copy where the disk has no links.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            link(&entry.path(), &to.join(entry.file_name()))?;
        }
        return File::open(to)?.sync_all();
    }
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to)?;
    }
    File::open(to)?.sync_all()
}

/// The files below a folder, by name.
pub(super) fn list(folder: &Path) -> io::Result<Vec<RevisionFile>> {
    let mut files = Vec::new();
    below(folder, "", &mut files)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn below(folder: &Path, prefix: &str, files: &mut Vec<RevisionFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let about = entry.metadata()?;
        if about.is_dir() {
            below(&entry.path(), &format!("{name}/"), files)?;
        } else if about.is_file() {
            files.push(RevisionFile { name, bytes: about.len() });
        }
    }
    Ok(())
}
