//! Where a model comes from: one `--model` text, read into a [`ModelSource`].

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// The model that Amend ships, unpacked into this folder.
    Builtin {
        /// Holds `config.json`, the weights, the tokenizer and its chat template.
        folder: PathBuf,
    },
    /// A Hugging Face folder on this machine.
    Folder(PathBuf),
    /// A repository of the Hugging Face hub.
    Hub(HubId),
    /// One GGUF file.
    Gguf(GgufFile),
}

/// A repository of the hub, at one of its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubId {
    /// `organisation/name`.
    pub repository: String,
    /// Branch, tag or commit; `None` is the main branch.
    pub revision: Option<String>,
}

/// A GGUF file on this machine or in a repository of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GgufFile {
    /// On this machine.
    Local(PathBuf),
    /// In the hub.
    Hub {
        /// The repository.
        hub: HubId,
        /// The file's path in it.
        file: String,
    },
}

/// Why a text is not a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidModel {
    /// Nothing was written.
    #[error("the model is empty; give a folder, a .gguf file, a hub id such as org/name, or atlas")]
    Empty,
    /// It looks like a path, and there is nothing there.
    #[error("there is no model at {0}; give an existing folder, a .gguf file, or a hub id such as org/name")]
    Missing(PathBuf),
    /// It is a file of another kind.
    #[error("{0} is a file that is not .gguf; give its folder, if config.json is in it")]
    NotGguf(PathBuf),
    /// It is a folder with neither `config.json` nor exactly one GGUF file.
    #[error(
        "{0} has no config.json and not exactly one .gguf file; give the folder that holds the model, or the file"
    )]
    NotModelFolder(PathBuf),
    /// It is neither there nor a hub id.
    #[error(
        "{0:?} is neither a folder, nor a .gguf file, nor a hub id; a hub id has the form org/name[@revision][/file.gguf]"
    )]
    NotHubId(String),
}

/// The names that stand for the built-in model.
const BUILTIN_NAMES: [&str; 2] = ["atlas", "builtin"];

impl ModelSource {
    /// Reads what an operator wrote after `--model`.
    ///
    /// In this order: `atlas` or `builtin`; a path that exists (a folder with `config.json`, a `.gguf` file or a folder
    /// with exactly one); a hub id `org/name`, `org/name@revision`, with `/file.gguf` behind it for one GGUF file.
    ///
    /// # Errors
    /// [`InvalidModel`] says what is wrong and what to write instead.
    pub fn parse(text: &str, builtin: &Path) -> Result<Self, InvalidModel> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidModel::Empty);
        }
        if BUILTIN_NAMES.contains(&text) {
            return Ok(Self::Builtin { folder: builtin.to_owned() });
        }
        let path = Path::new(text);
        if path.is_dir() {
            return Self::folder(path);
        }
        if path.is_file() {
            return match is_gguf(path) {
                true => Ok(Self::Gguf(GgufFile::Local(path.to_owned()))),
                false => Err(InvalidModel::NotGguf(path.to_owned())),
            };
        }
        if path.is_absolute() || text.starts_with(['.', '~']) || text.contains('\\') || text.ends_with('/') {
            return Err(InvalidModel::Missing(path.to_owned()));
        }
        Self::hub(text)
    }

    fn folder(path: &Path) -> Result<Self, InvalidModel> {
        if path.join("config.json").is_file() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let files = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut gguf = files.filter(|file| is_gguf(file));
        match (gguf.next(), gguf.next()) {
            (Some(file), None) => Ok(Self::Gguf(GgufFile::Local(file))),
            _ => Err(InvalidModel::NotModelFolder(path.to_owned())),
        }
    }

    fn hub(text: &str) -> Result<Self, InvalidModel> {
        let wrong = || InvalidModel::NotHubId(text.to_owned());
        let mut parts = text.splitn(3, '/');
        let (Some(organisation), Some(name)) = (parts.next(), parts.next()) else { return Err(wrong()) };
        let (name, revision) = match name.split_once('@') {
            Some((name, revision)) => (name, Some(revision.to_owned())),
            None => (name, None),
        };
        let plain = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !plain(organisation) || !plain(name) || revision.as_deref().is_some_and(|r| !plain(r)) {
            return Err(wrong());
        }
        let hub = HubId { repository: format!("{organisation}/{name}"), revision };
        match parts.next() {
            None => Ok(Self::Hub(hub)),
            Some(file) if is_gguf(Path::new(file)) => {
                Ok(Self::Gguf(GgufFile::Hub { hub, file: file.to_owned() }))
            }
            Some(_) => Err(wrong()),
        }
    }

    /// The name that clients ask for, unless the operator chose another: the hub id, or the folder's or file's name.
    #[must_use]
    pub fn name(&self) -> String {
        let stem = |path: &Path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let name = if is_gguf(&path) { path.file_stem() } else { path.file_name() };
            name.map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
        };
        let name = match self {
            Self::Builtin { .. } => return BUILTIN_NAMES[0].to_owned(),
            Self::Folder(path) | Self::Gguf(GgufFile::Local(path)) => stem(path),
            Self::Hub(hub) => hub.repository.clone(),
            Self::Gguf(GgufFile::Hub { hub, file }) => {
                format!("{}/{}", hub.repository, stem(Path::new(file)))
            }
        };
        let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_.:/".contains(c) { c } else { '-' };
        name.chars().map(allowed).take(amend_proto::ids::MAX_ID_BYTES).collect()
    }

    /// The folder of the files on this machine, when they are here.
    #[must_use]
    pub fn local_files(&self) -> Option<&Path> {
        match self {
            Self::Builtin { folder } | Self::Folder(folder) => Some(folder),
            Self::Gguf(GgufFile::Local(file)) => Some(file),
            Self::Hub(_) | Self::Gguf(GgufFile::Hub { .. }) => None,
        }
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin { .. } => f.write_str("the built-in model"),
            Self::Folder(path) | Self::Gguf(GgufFile::Local(path)) => path.display().fmt(f),
            Self::Hub(hub) => hub.fmt(f),
            Self::Gguf(GgufFile::Hub { hub, file }) => write!(f, "{hub}/{file}"),
        }
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        self.revision.as_ref().map_or(Ok(()), |revision| write!(f, "@{revision}"))
    }
}

fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<ModelSource, InvalidModel> {
        ModelSource::parse(text, Path::new("/models/atlas"))
    }

    #[test]
    fn reads_every_form() {
        let hub = |repository: &str, revision: Option<&str>| HubId {
            repository: repository.to_owned(),
            revision: revision.map(str::to_owned),
        };
        assert_eq!(parse("atlas"), Ok(ModelSource::Builtin { folder: "/models/atlas".into() }));
        assert_eq!(parse(" Qwen/Qwen3-0.6B "), Ok(ModelSource::Hub(hub("Qwen/Qwen3-0.6B", None))));
        assert_eq!(parse("org/name@v2"), Ok(ModelSource::Hub(hub("org/name", Some("v2")))));
        let file = GgufFile::Hub { hub: hub("org/name", None), file: "sub/model.q4.gguf".to_owned() };
        assert_eq!(parse("org/name/sub/model.q4.gguf"), Ok(ModelSource::Gguf(file)));
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(parse("  "), Err(InvalidModel::Empty));
        assert_eq!(parse("./nowhere"), Err(InvalidModel::Missing("./nowhere".into())));
        assert_eq!(parse("/no/where"), Err(InvalidModel::Missing("/no/where".into())));
        for text in ["word", "org/na me", "/", "org/", "org/name@", "org/name/file.bin"] {
            assert!(
                matches!(
                    parse(text),
                    Err(InvalidModel::NotHubId(_)
                        | InvalidModel::Missing(_)
                        | InvalidModel::NotModelFolder(_))
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn reads_what_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        assert_eq!(parse(&text(folder.path())), Err(InvalidModel::NotModelFolder(folder.path().to_owned())));
        let gguf = folder.path().join("tiny model.gguf");
        std::fs::write(&gguf, b"GGUF").unwrap();
        assert_eq!(parse(&text(folder.path())), Ok(ModelSource::Gguf(GgufFile::Local(gguf.clone()))));
        assert_eq!(parse(&text(&gguf)).unwrap().name(), "tiny-model");
        std::fs::write(folder.path().join("config.json"), b"{}").unwrap();
        assert_eq!(parse(&text(folder.path())), Ok(ModelSource::Folder(folder.path().to_owned())));
        let other = folder.path().join("weights.bin");
        std::fs::write(&other, b"").unwrap();
        assert_eq!(parse(&text(&other)), Err(InvalidModel::NotGguf(other)));
    }

    proptest! {
        #[test]
        fn any_text_is_a_model_or_an_error(text in ".{0,40}") {
            if let Ok(source) = parse(&text) {
                prop_assert!(amend_proto::ModelId::new(source.name()).is_ok());
            }
        }
    }
}
