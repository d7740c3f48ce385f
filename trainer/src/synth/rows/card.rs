//! The card of a set of rows, as JSON and as Markdown.

use super::provenance::{Made, RoleModels};
use super::row::{RowId, SynthRow};
use super::stats::{Lengths, Measured};
use crate::digest::hex;
use crate::files::write_atomically;
use crate::synth::guard::{GuardedSuite, Removals};
use crate::template::render;
use crate::{Error, Result};
use minijinja::context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

const TEMPLATE: &str = include_str!("data_card.md.jinja");
/// Licences, and sources, that are counted by name; the rows of any further ones are counted under [`OTHERS`].
const NAMES: usize = 1000;
const OTHERS: &str = "(others)";
const UNSTATED: &str = "(not stated)";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Everything was made.
    Finished,
    /// The budget was spent.
    Budget,
    /// Somebody stopped it.
    Stopped,
}

/// What was done so that no row overlaps a gate's suites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decontamination {
    /// From what on a text overlaps an item, in words.
    pub rule: String,
    /// Every suite that was looked at.
    pub suites: Vec<GuardedSuite>,
    /// Rows and instructions that were removed.
    pub removed: Removals,
}

/// What a run knows of its set besides the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetInfo {
    /// `lion` or `webr`.
    pub method: String,
    /// Every setting.
    pub settings: serde_json::Value,
    /// Decided every draw.
    pub seed: u64,
    /// The models by role.
    pub models: RoleModels,
    /// What became of everything, by stage and reason.
    pub counts: BTreeMap<String, BTreeMap<String, u64>>,
    /// What was done against overlap with the gate's suites; none when no suite was given.
    pub decontamination: Option<Decontamination>,
    /// How the run ended.
    pub ended: Ended,
}

/// What is known of a set of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataCard {
    /// What the run says.
    pub info: SetInfo,
    /// Rows.
    pub rows: u64,
    /// By [`Made::label`].
    pub by_method: BTreeMap<String, u64>,
    /// Rows by licence.
    pub licences: BTreeMap<String, u64>,
    /// Rows by the file that their page was read from, or by their iteration.
    pub sources: BTreeMap<String, u64>,
    /// Words, as white space parts them.
    pub words: Lengths,
    /// Tokens, when a tokenizer was there to count them.
    pub tokens: Option<Lengths>,
    /// The first rows in the order of their ids: a sample that does not depend on the order of the set.
    pub samples: Vec<SynthRow>,
    /// SHA-256 over the ids in their order: the same for both containers.
    pub content: String,
    /// The version of Amend that made it.
    pub version: String,
}

impl DataCard {
    /// As Markdown.
    ///
    /// # Errors
    /// [`Error::Settings`] when the template does not render.
    pub fn render(&self) -> Result<String> {
        let settings = pretty(&self.info.settings)?;
        render(TEMPLATE, context! { card => self, info => self.info, settings })
    }

    /// Writes `name.json` and `name.md` into a folder, each in one step.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write(&self, folder: &Path, name: &str) -> Result<()> {
        write_atomically(folder, &format!("{name}.md"), self.render()?.as_bytes())?;
        write_atomically(folder, &format!("{name}.json"), (pretty(self)? + "\n").as_bytes())
    }
}

fn pretty(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| Error::Settings(e.to_string()))
}

/// Counts the tokens of a text.
type CountTokens<'a> = Box<dyn Fn(&str) -> usize + 'a>;

/// Makes a card from rows as they pass. What it holds does not grow with their number.
pub struct CardBuilder<'a> {
    samples: usize,
    count_tokens: Option<CountTokens<'a>>,
    rows: u64,
    by_method: BTreeMap<String, u64>,
    licences: BTreeMap<String, u64>,
    sources: BTreeMap<String, u64>,
    words: Measured,
    tokens: Measured,
    first: BTreeMap<RowId, SynthRow>,
    content: Sha256,
}

impl<'a> CardBuilder<'a> {
    /// A card with so many samples.
    #[must_use]
    pub fn new(samples: usize) -> Self {
        Self {
            samples,
            count_tokens: None,
            rows: 0,
            by_method: BTreeMap::new(),
            licences: BTreeMap::new(),
            sources: BTreeMap::new(),
            words: Measured::default(),
            tokens: Measured::default(),
            first: BTreeMap::new(),
            content: Sha256::new(),
        }
    }

    /// Counts tokens, too.
    #[must_use]
    pub fn counting_tokens(mut self, count: impl Fn(&str) -> usize + 'a) -> Self {
        self.count_tokens = Some(Box::new(count));
        self
    }

    /// Takes a row into account.
    pub fn add(&mut self, row: &SynthRow) {
        let provenance = row.provenance();
        self.rows += 1;
        *self.by_method.entry(provenance.made.label()).or_default() += 1;
        count(&mut self.licences, provenance.licence.as_deref().unwrap_or(UNSTATED));
        match &provenance.made {
            Made::Lion { iteration, .. } => count(&mut self.sources, &format!("iteration {iteration}")),
            Made::Webr { page, .. } => count(&mut self.sources, &page.file),
        }
        for message in row.messages() {
            self.words.add(message, message.content.split_whitespace().count());
            if let Some(tokens) = &self.count_tokens {
                self.tokens.add(message, tokens(&message.content));
            }
        }
        self.content.update(row.id().as_str());
        let early = self.first.last_key_value().is_none_or(|(last, _)| row.id() < last);
        if early || self.first.len() < self.samples {
            self.first.insert(row.id().clone(), row.clone());
            if self.first.len() > self.samples {
                self.first.pop_last();
            }
        }
    }

    /// The card of the rows so far.
    #[must_use]
    pub fn finish(self, info: SetInfo) -> DataCard {
        DataCard {
            info,
            rows: self.rows,
            by_method: self.by_method,
            licences: self.licences,
            sources: self.sources,
            words: self.words.lengths(),
            tokens: self.count_tokens.is_some().then(|| self.tokens.lengths()),
            samples: self.first.into_values().collect(),
            content: hex(&self.content.finalize()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

fn count(names: &mut BTreeMap<String, u64>, name: &str) {
    let name = if names.len() < NAMES || names.contains_key(name) { name } else { OTHERS };
    *names.entry(name.to_owned()).or_default() += 1;
}
