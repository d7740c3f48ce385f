//! What a served model is called exactly: a hash of everything that decides its answers.

use super::{EngineConfig, EngineError, GgufFile, ModelSource};
use amend_proto::RevisionId;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Files up to this size are hashed by content; larger ones by name, size and time of change, so that a start does not
/// read a hundred gigabytes twice.
const HASHED_IN_FULL: u64 = 64 << 20;

/// Bytes of the hash that go into the id: 64 bits tell apart every revision that one machine will ever see.
const ID_BYTES: usize = 8;

/// The revision of what `config` loads: `sha256:` and 16 hex digits, over the format that is served (dtype,
/// quantisation) and, for files on this machine, every file's name, size and content (above 64 MiB: time of change); for
/// the hub, the commit that the local cache holds.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn revision(config: &EngineConfig, dtype: &str) -> Result<RevisionId, EngineError> {
    let mut hash = Sha256::new();
    hash.update(format!("dtype {dtype}, quantization {:?}\n", config.quantization));
    match &config.source {
        ModelSource::Builtin { folder } | ModelSource::Folder(folder) => hash_folder(&mut hash, folder)?,
        ModelSource::Gguf(GgufFile::Local(file)) => hash_file(&mut hash, file)?,
        ModelSource::Hub(hub) | ModelSource::Gguf(GgufFile::Hub { hub, .. }) => {
            hash.update(format!("{} at {}\n", config.source, commit(hub).unwrap_or_default()));
        }
    }
    let hex: String = hash.finalize()[..ID_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    RevisionId::new(format!("sha256:{hex}")).map_err(|error| EngineError::Unusable {
        model: config.source.to_string(),
        reason: error.to_string(),
    })
}

fn read_error(path: &Path) -> impl FnOnce(std::io::Error) -> EngineError + use<> {
    let path = path.to_owned();
    move |source| EngineError::Read { path, source }
}

/// Every file directly in the folder, by name. Hidden ones (download caches) do not make the model another.
fn hash_folder(hash: &mut Sha256, folder: &Path) -> Result<(), EngineError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read_error(folder))? {
        let path = entry.map_err(read_error(folder))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    files.iter().try_for_each(|file| hash_file(hash, file))
}

fn hash_file(hash: &mut Sha256, path: &Path) -> Result<(), EngineError> {
    let mut file = File::open(path).map_err(read_error(path))?;
    let about = file.metadata().map_err(read_error(path))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    hash.update(format!("{name} {}\n", about.len()));
    if about.len() > HASHED_IN_FULL {
        let changed = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hash.update(format!("changed {}\n", changed.unwrap_or_default().as_nanos()));
        return Ok(());
    }
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(read_error(path))?;
        if read == 0 {
            return Ok(());
        }
        hash.update(&buffer[..read]);
    }
}

/// The commit that the hub's local cache holds for this revision.
fn commit(hub: &super::HubId) -> Option<String> {
    let reference = hub.revision.as_deref().unwrap_or("main");
    let folder = format!("models--{}", hub.repository.replace('/', "--"));
    let cache = mistralrs::core::hf_hub_cache_dir()
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache/huggingface/hub")))?;
    let commit = std::fs::read_to_string(cache.join(folder).join("refs").join(reference)).ok()?;
    Some(commit.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_follows_the_content_and_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("config.json", "{}");
        write("model.safetensors", "weights");
        let config = EngineConfig::new(ModelSource::Folder(folder.path().to_owned()));
        let first = revision(&config, "f32").unwrap();
        assert_eq!(first, revision(&config, "f32").unwrap());
        assert_ne!(first, revision(&config, "f16").unwrap());
        write(".download", "a cache");
        assert_eq!(first, revision(&config, "f32").unwrap());
        write("model.safetensors", "Weights");
        let second = revision(&config, "f32").unwrap();
        assert_ne!(first, second);
        std::fs::rename(folder.path().join("config.json"), folder.path().join("config2.json")).unwrap();
        assert_ne!(second, revision(&config, "f32").unwrap());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let config = EngineConfig::new(ModelSource::Folder("/no/such/folder".into()));
        let error = revision(&config, "f32").unwrap_err();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }
}
