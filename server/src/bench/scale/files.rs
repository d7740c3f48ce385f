//! What the phases leave for each other: one folder a size.

use super::{
    ScaleError,
    workload::{Line, Question},
};
use amend_editor::NewEdit;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// The folder of one size.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) folder: PathBuf,
}

/// Edits to add one by one, each measurement its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Single {
    BesideImport,
    BesideLookups,
    OnDisk,
    InMemory,
    BesideHybridLookups,
}

impl Single {
    /// Of each.
    pub(super) const EACH: usize = 500;
    /// Of all.
    pub(super) const ALL: usize = 5 * Self::EACH;

    fn first(self) -> usize {
        let place = match self {
            Self::BesideImport => 0,
            Self::BesideLookups => 1,
            Self::OnDisk => 2,
            Self::InMemory => 3,
            Self::BesideHybridLookups => 4,
        };
        place * Self::EACH
    }
}

impl Files {
    /// In `folder`; nothing is made.
    pub(super) fn of(folder: &Path, edits: usize) -> Self {
        Self { folder: folder.join(format!("edits-{edits}")) }
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.at("amend.db")
    }

    /// Makes the folder, and removes what a measurement before left of its database.
    pub(super) fn begin(&self) -> Result<(), ScaleError> {
        std::fs::create_dir_all(&self.folder).map_err(ScaleError::file(&self.folder))?;
        for old in ["amend.db", "amend.db-wal", "amend.db-shm"] {
            let path = self.at(old);
            gone(std::fs::remove_file(&path)).map_err(ScaleError::file(path))?;
        }
        let caches = self.at("amend.db.embeddings");
        gone(std::fs::remove_dir_all(&caches)).map_err(ScaleError::file(caches))
    }

    pub(super) fn write<T: Serialize>(
        &self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Result<(), ScaleError> {
        let path = self.at(name);
        let failed = || ScaleError::file(path.clone());
        let mut out = BufWriter::new(File::create(&path).map_err(failed())?);
        for value in values {
            serde_json::to_writer(&mut out, &value)?;
            out.write_all(b"\n").map_err(failed())?;
        }
        out.flush().map_err(failed())
    }

    pub(super) fn read<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<impl Iterator<Item = Result<T, ScaleError>> + use<T>, ScaleError> {
        let path = self.at(name);
        let file = BufReader::new(File::open(&path).map_err(ScaleError::file(&path))?);
        Ok(file.lines().map(move |line| {
            let line = line.map_err(ScaleError::file(&path))?;
            Ok(serde_json::from_str(&line)?)
        }))
    }

    pub(super) fn questions(&self) -> Result<Vec<Question>, ScaleError> {
        self.read("questions.jsonl")?.collect()
    }

    /// Edits to add one by one, each with its question.
    pub(super) fn single(&self, part: Single) -> Result<Vec<(NewEdit, Question)>, ScaleError> {
        let lines = self.read::<(Line, Question)>("single.jsonl")?.skip(part.first()).take(Single::EACH);
        lines.map(|line| line.map(|(line, question)| (line.into(), question))).collect()
    }
}

fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
