//! Which template puts edits in front of a question: the operator's, the model's own, the family's, or Amend's.

use crate::{
    app::{AppError, hub_folder},
    engine::ModelSource,
};
use amend_editor::{EditTemplate, locate_model};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The template file that a model folder may bring.
const OF_MODEL: &str = "edit_template.jinja";
/// Holds a template for each family of models, in the data folder: `edit-templates/qwen3.jinja`.
const OF_FAMILIES: &str = "edit-templates";

/// Where templates are looked for.
#[derive(Debug, Clone)]
pub(crate) struct TemplateSearch {
    /// What the operator named.
    pub(crate) chosen: Option<PathBuf>,
    /// The data folder.
    pub(crate) data_dir: PathBuf,
    /// What is served.
    pub(crate) model: ModelSource,
}

impl TemplateSearch {
    /// The first of these that there is: the operator's; `edit_template.jinja` of the model's folder, which the alignment
    /// phase writes there; `edit-templates/FAMILY.jinja` of the data folder, where the family is `model_type` in the
    /// model's `config.json`; the one that the built-in model was trained with, for it; else one that explains itself.
    ///
    /// # Errors
    /// When the template that was found cannot be read or used.
    pub(crate) fn find(&self) -> Result<EditTemplate, AppError> {
        let folder = self.folder();
        let own = folder.as_ref().map(|folder| folder.join(OF_MODEL));
        let of_family = || {
            let family = family(folder.as_deref()?)?;
            Some(self.data_dir.join(OF_FAMILIES).join(format!("{family}.jinja")))
        };
        let there = |file: &PathBuf| file.is_file();
        let found = self.chosen.clone().or_else(|| own.filter(there)).or_else(|| of_family().filter(there));
        match (found, &self.model) {
            (Some(path), _) => read(path),
            (None, ModelSource::Builtin { .. }) => Ok(EditTemplate::default()),
            (None, _) => Ok(EditTemplate::instructing()),
        }
    }

    /// The folder of the model's files, as far as they are on this machine.
    fn folder(&self) -> Option<PathBuf> {
        match &self.model {
            ModelSource::Hub(hub) => locate_model(&hub.to_string(), &hub_folder()).ok(),
            local => local.local_files().filter(|files| files.is_dir()).map(Path::to_owned),
        }
    }
}

fn read(path: PathBuf) -> Result<EditTemplate, AppError> {
    let source = std::fs::read_to_string(&path)
        .map_err(|source| AppError::Template { path: path.clone(), source: source.into() })?;
    EditTemplate::parse(&source).map_err(|source| AppError::Template { path, source: source.into() })
}

fn family(folder: &Path) -> Option<String> {
    let config: Value = serde_json::from_slice(&std::fs::read(folder.join("config.json")).ok()?).ok()?;
    let family = config.get("model_type")?.as_str()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (!family.is_empty() && family.chars().all(plain)).then(|| family.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_nearest_one_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let (data_dir, folder) = (root.path().join("data"), root.path().join("model"));
        fs::create_dir_all(data_dir.join(OF_FAMILIES)).unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), r#"{"model_type": "qwen3"}"#).unwrap();
        let mut search = TemplateSearch {
            chosen: None,
            data_dir: data_dir.clone(),
            model: ModelSource::Folder(folder.clone()),
        };
        let asked = |search: &TemplateSearch| search.find().unwrap().render(&["E."], "Q?").unwrap();
        assert!(asked(&search).contains("after your training"));

        let write = |file: PathBuf, name: &str| {
            fs::write(file, format!("[{name}]\n{{{{ edits|join(' ') }}}}\n{{{{ query }}}}")).unwrap();
        };
        write(data_dir.join("edit-templates/llama.jinja"), "of another family");
        write(data_dir.join("edit-templates/qwen3.jinja"), "of the family");
        assert_eq!(asked(&search), "[of the family]\nE.\nQ?");
        write(folder.join("edit_template.jinja"), "of the model");
        assert_eq!(asked(&search), "[of the model]\nE.\nQ?");
        let chosen = root.path().join("mine.jinja");
        write(chosen.clone(), "mine");
        search.chosen = Some(chosen.clone());
        assert_eq!(asked(&search), "[mine]\nE.\nQ?");

        fs::write(&chosen, "{{ query }}").unwrap();
        let error = anyhow::Error::from(search.find().unwrap_err());
        let text = format!("{error:#}");
        assert!(text.contains("mine.jinja") && text.contains("leaves out an edit"), "{text}");
        search.chosen = Some(root.path().join("nowhere.jinja"));
        assert!(search.find().unwrap_err().to_string().contains("nowhere.jinja"));

        let built_in = TemplateSearch {
            chosen: None,
            data_dir,
            model: ModelSource::Builtin { folder: root.path().join("not unpacked") },
        };
        assert_eq!(asked(&built_in), "[Updated Information]\nE.\n[Question]\nQ?");
    }
}
