//! The trained model, embedded in the binary.
//!
//! `trainer/models/atlas` is the output of [`build`](super::build::build), committed. [`unpack`] lays it out as a folder,
//! which is where engines read models from.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

/// One file of the model folder.
#[derive(Debug, Clone, Copy)]
pub struct BuiltinFile {
    /// Its name in the folder.
    pub name: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(BuiltinFile { name: $name, bytes: include_bytes!(concat!("../../models/atlas/", $name)) }),*]
    };
}

/// The model folder, file by file.
pub const FILES: &[BuiltinFile] = files![
    "README.md",
    "config.json",
    "edit_template.jinja",
    "generation_config.json",
    "model.safetensors",
    "recipe.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// The first 16 hex digits of the SHA-256 over names and contents.
#[must_use]
pub fn content_hash() -> String {
    let mut hasher = Sha256::new();
    for file in FILES {
        hasher.update((file.name.len() as u64).to_le_bytes());
        hasher.update(file.name);
        hasher.update((file.bytes.len() as u64).to_le_bytes());
        hasher.update(file.bytes);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Makes sure that the model lies in a folder below `parent` and gives that folder, `atlas-<content hash>`.
///
/// A folder that is there already with files of the right sizes is taken as it is. A crash in between leaves either no
/// folder or a whole one.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be written.
pub fn unpack(parent: &Path) -> Result<PathBuf> {
    let folder = parent.join(format!("atlas-{}", content_hash()));
    if is_whole(&folder) {
        return Ok(folder);
    }
    let partial = parent.join(format!(".atlas-{}.partial", std::process::id()));
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(Error::io("removing", &partial))?;
    }
    fs::create_dir_all(&partial).map_err(Error::io("creating", &partial))?;
    for file in FILES {
        let path = partial.join(file.name);
        let write = || -> std::io::Result<()> {
            let mut target = File::create(&path)?;
            target.write_all(file.bytes)?;
            target.sync_all()
        };
        write().map_err(Error::io("writing", &path))?;
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Error::io("removing", &folder))?;
    }
    fs::rename(&partial, &folder).map_err(Error::io("renaming", &partial))?;
    Ok(folder)
}

fn is_whole(folder: &Path) -> bool {
    let fits = |file: &BuiltinFile| {
        fs::metadata(folder.join(file.name)).is_ok_and(|found| found.len() == file.bytes.len() as u64)
    };
    FILES.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atlas::{build::Recipe, phrasing::EDIT_TEMPLATE};

    fn text(name: &str) -> &'static str {
        let file = FILES.iter().find(|file| file.name == name).unwrap();
        std::str::from_utf8(file.bytes).unwrap()
    }

    /// It goes on from a model of the default recipe; its card says which.
    #[test]
    fn the_committed_model_is_what_its_card_says() {
        let mut made: serde_json::Map<_, _> = serde_json::from_str(text("recipe.json")).unwrap();
        let from = made.remove("from").unwrap();
        assert!(text("README.md").contains(from.as_str().unwrap()));
        let recipe: Recipe = serde_json::from_value(made.into()).unwrap();
        let last_run = Recipe { seed: 20_261_124, steps: 6_000, learning_rate: 1.5e-3, ..Recipe::default() };
        assert_eq!(recipe, last_run);
        assert_eq!(text("edit_template.jinja"), EDIT_TEMPLATE);
        assert!(FILES.iter().map(|file| file.bytes.len()).sum::<usize>() <= 16 << 20);
    }

    #[test]
    fn unpacking_twice_writes_once_and_mends_what_is_cut() {
        let parent = tempfile::tempdir().unwrap();
        let folder = unpack(parent.path()).unwrap();
        let weights = folder.join("model.safetensors");
        let written = fs::metadata(&weights).unwrap().modified().unwrap();
        assert_eq!(unpack(parent.path()).unwrap(), folder);
        assert_eq!(fs::metadata(&weights).unwrap().modified().unwrap(), written);
        File::options().write(true).open(&weights).unwrap().set_len(10).unwrap();
        assert_eq!(unpack(parent.path()).unwrap(), folder);
        assert!(fs::metadata(&weights).unwrap().len() > 10);
    }
}
