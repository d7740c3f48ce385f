//! Where a model lies: a folder, or a model of the Hugging Face hub that was downloaded before.

use super::EncoderError;
use hf_hub::{Cache, Repo, RepoType};
use std::path::{Path, PathBuf};

/// The revision of a name without one.
const MAIN: &str = "main";
/// Files of which a folder of an encoder has at least one.
const MARKS: [&str; 2] = ["modules.json", "config.json"];

/// The folder of a model: `model` itself if there is such a folder, else the snapshot of the hub's model of this name
/// (`sentence-transformers/all-MiniLM-L6-v2`, `intfloat/e5-small-v2@REVISION`) in `hub`, the folder where Hugging Face's
/// tools keep what they download (`~/.cache/huggingface/hub` unless `HF_HOME` says otherwise). Nothing is downloaded.
///
/// # Errors
/// [`EncoderError::Absent`].
pub fn locate_model(model: &str, hub: &Path) -> Result<PathBuf, EncoderError> {
    let folder = PathBuf::from(model);
    if folder.is_dir() {
        return Ok(folder);
    }
    let (name, revision) = model.rsplit_once('@').unwrap_or((model, MAIN));
    let absent = || EncoderError::Absent { model: model.to_owned(), hub: hub.to_owned() };
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\\');
    if !name.split('/').chain(revision.split('/')).all(plain) {
        return Err(absent());
    }
    let repo = Repo::with_revision(name.to_owned(), RepoType::Model, revision.to_owned());
    let cached = Cache::new(hub.to_owned()).repo(repo);
    let found = MARKS.iter().find_map(|mark| cached.get(mark));
    // A revision that is no branch is the snapshot's own name.
    let snapshot = || {
        let models = format!("models--{}", name.replace('/', "--"));
        let folder = hub.join(models).join("snapshots").join(revision);
        MARKS.iter().map(|mark| folder.join(mark)).find(|file| file.is_file())
    };
    let file = found.or_else(snapshot).ok_or_else(absent)?;
    file.parent().map(Path::to_path_buf).ok_or_else(absent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_name_leads_to_what_was_downloaded() {
        let hub = tempfile::tempdir().unwrap();
        let model = hub.path().join("models--org--small");
        for (revision, mark) in [("abc", "config.json"), ("def", "modules.json")] {
            let snapshot = model.join("snapshots").join(revision);
            fs::create_dir_all(&snapshot).unwrap();
            fs::write(snapshot.join(mark), "{}").unwrap();
        }
        fs::create_dir_all(model.join("refs")).unwrap();
        fs::write(model.join("refs/main"), "abc").unwrap();
        let at = |name: &str| locate_model(name, hub.path());
        assert_eq!(at("org/small").unwrap(), model.join("snapshots/abc"));
        assert_eq!(at("org/small@def").unwrap(), model.join("snapshots/def"));
        let folder = model.join("snapshots/def");
        assert_eq!(at(folder.to_str().unwrap()).unwrap(), folder);
        for name in ["org/large", "org/small@ghi", "org/small@../snapshots/abc", "../org/small", ""] {
            assert!(matches!(at(name), Err(EncoderError::Absent { .. })), "{name:?}");
        }
        let refusal = at("org/large").unwrap_err().to_string().replace(hub.path().to_str().unwrap(), "HUB");
        insta::assert_snapshot!(refusal, @r#""org/large" is neither a folder nor a model in HUB; download it there first (hf download org/large), or name its folder"#);
    }
}
