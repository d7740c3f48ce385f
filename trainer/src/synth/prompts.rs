//! What models are asked, as template files that an operator may replace.

use crate::{Error, Result, files};
use amend_proto::Message;
use minijinja::{Environment, Value};
use std::{collections::BTreeMap, path::Path};

/// A template as it is shipped.
#[derive(Debug, Clone, Copy)]
pub struct PromptFile {
    /// Its name; in an operator's folder it is `NAME.jinja`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    /// What it is given, all texts, each of which must appear in what it renders.
    pub parts: &'static [&'static str],
}

/// The templates of a method.
#[derive(Debug, Clone)]
pub struct Prompts {
    environment: Environment<'static>,
    sources: BTreeMap<&'static str, String>,
}

impl Prompts {
    /// The shipped templates, and instead of each that stands in `folder` that one.
    ///
    /// # Errors
    /// [`Error::Settings`] naming a template that is wrong or leaves out what it is given; [`Error::Io`].
    pub fn new(files: &[PromptFile], folder: Option<&Path>) -> Result<Self> {
        let mut prompts = Self { environment: Environment::new(), sources: BTreeMap::new() };
        for file in files {
            let own = match folder {
                Some(folder) => files::read_if_there(&folder.join(format!("{}.jinja", file.name)))?,
                None => None,
            };
            prompts.put(file, own.unwrap_or_else(|| file.text.to_owned()))?;
        }
        Ok(prompts)
    }

    /// Puts a shipped template in the place of the one of its name.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with(mut self, file: &PromptFile) -> Result<Self> {
        self.put(file, file.text.to_owned())?;
        Ok(self)
    }

    fn put(&mut self, file: &PromptFile, source: String) -> Result<()> {
        let wrong =
            |problem: String| Error::Settings(format!("the prompt template {}: {problem}", file.name));
        let added = self.environment.add_template_owned(file.name, source.clone());
        added.map_err(|error| wrong(error.to_string()))?;
        self.sources.insert(file.name, source);
        let probe = |part: &&'static str| (*part, format!("probe {part}"));
        let probes: BTreeMap<&str, String> = file.parts.iter().map(probe).collect();
        let text = self.text(file.name, &probes)?;
        match probes.values().find(|probe| !text.contains(probe.as_str())) {
            Some(lost) => Err(wrong(format!("it leaves out the {}", lost.trim_start_matches("probe ")))),
            None => Ok(()),
        }
    }

    /// One user message.
    ///
    /// # Errors
    /// [`Error::Settings`] when it does not render.
    pub fn message(&self, name: &str, parts: &[(&str, &str)]) -> Result<Message> {
        let parts: BTreeMap<&str, String> =
            parts.iter().map(|(part, text)| (*part, (*text).to_owned())).collect();
        Ok(Message::user(self.text(name, &parts)?))
    }

    /// The texts of the templates, by name: part of what a run is.
    #[must_use]
    pub fn sources(&self) -> &BTreeMap<&'static str, String> {
        &self.sources
    }

    fn text(&self, name: &str, parts: &BTreeMap<&str, String>) -> Result<String> {
        let rendered =
            self.environment.get_template(name).and_then(|t| t.render(Value::from_serialize(parts)));
        let text =
            rendered.map_err(|error| Error::Settings(format!("the prompt template {name}: {error}")))?;
        Ok(text.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: PromptFile =
        PromptFile { name: "ask", text: "About {{ page }}: {{ wish }}\n", parts: &["page", "wish"] };

    #[test]
    fn an_operators_file_takes_the_place_of_the_shipped_one() {
        let shipped = Prompts::new(&[FILE], None).unwrap();
        let parts = [("page", "a <b> & {{ c }}"), ("wish", "say it")];
        assert_eq!(shipped.message("ask", &parts).unwrap().content, "About a <b> & {{ c }}: say it");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ask.jinja"), "{{ wish }} of {{ page }}").unwrap();
        let own = Prompts::new(&[FILE], Some(folder.path())).unwrap();
        assert_eq!(own.message("ask", &parts).unwrap().content, "say it of a <b> & {{ c }}");
        assert_ne!(own.sources(), shipped.sources());
    }

    #[test]
    fn a_template_that_is_wrong_or_leaves_something_out_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for (text, problem) in [("{{ wish }}", "leaves out the page"), ("{% if %}", "ask")] {
            std::fs::write(folder.path().join("ask.jinja"), text).unwrap();
            let error = Prompts::new(&[FILE], Some(folder.path())).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
