//! Files that are either complete or not there: written beside their name, synced, then renamed.

use crate::{Error, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Waits until a file, or the entries of a folder, are on disk.
///
/// # Errors
/// [`Error::Io`] naming the path.
pub(crate) fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|f| f.sync_all()).map_err(Error::io("syncing", path))
}

/// Writes `folder/name` in one step for every reader: a crash leaves the file that was there before, or none.
///
/// # Errors
/// [`Error::Io`] naming the path.
pub(crate) fn write_atomically(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    replace(folder, name, |partial| fs::write(partial, bytes).map_err(Error::io("writing", partial)))
}

/// As [`write_atomically`], for a file that `write` puts at the path it is given.
///
/// # Errors
/// What `write` returns, and [`Error::Io`].
pub(crate) fn replace(folder: &Path, name: &str, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    // Ends in `.partial`, so that nobody who looks for `*.safetensors` or `*.json` finds half a file.
    let partial = folder.join(format!(".{name}.partial"));
    let put = || {
        write(&partial)?;
        sync(&partial)?;
        let done = folder.join(name);
        fs::rename(&partial, &done).map_err(Error::io("renaming", &partial))?;
        sync(folder)
    };
    put().inspect_err(|_| {
        // Half a file is of no use, and the error that matters is the one above.
        let _ = fs::remove_file(&partial);
    })
}

/// Reads a text file; `None` when there is none.
///
/// # Errors
/// [`Error::Io`] when it is there and cannot be read.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("reading", path)(error)),
    }
}

/// Removes the files of `folder` for which `unwanted` holds.
///
/// # Errors
/// [`Error::Io`] naming the path.
pub(crate) fn remove_where(folder: &Path, unwanted: impl Fn(&str) -> bool) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(Error::io("listing", folder))?;
    let paths: Vec<PathBuf> =
        entries.map(|e| e.map(|e| e.path()).map_err(Error::io("listing", folder))).collect::<Result<_>>()?;
    for path in paths {
        if path.file_name().and_then(|n| n.to_str()).is_some_and(&unwanted) {
            fs::remove_file(&path).map_err(Error::io("removing", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        write_atomically(folder.path(), "a.json", b"old").expect("writes");
        let failed = replace(folder.path(), "a.json", |partial| {
            fs::write(partial, b"ne").map_err(Error::io("writing", partial))?;
            Err(Error::Data("interrupted".into()))
        });
        assert!(matches!(failed, Err(Error::Data(_))));
        assert_eq!(fs::read(folder.path().join("a.json")).expect("readable"), b"old");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        write_atomically(folder.path(), "a.json", b"new").expect("writes");
        assert_eq!(read_if_there(&folder.path().join("a.json")).expect("readable").as_deref(), Some("new"));
        assert_eq!(read_if_there(&folder.path().join("b.json")).expect("no error"), None);
    }
}
