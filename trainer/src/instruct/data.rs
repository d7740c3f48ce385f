//! Files of rows into conversations to learn from and to measure on.

use super::recipe::{InstructRecipe, TooLong};
use super::tokens::Conversations;
use crate::decoder::Example;
use crate::digest::{hex, of_file};
use crate::preference::format::MAX_ISSUES_KEPT;
use crate::preference::{Flaw, Problem, Side};
use crate::records::Records;
use crate::synth::rows::RowProvenance;
use crate::tokenizer::{ChatTokenizer, Supervision};
use crate::{Error, Result};
use amend_proto::{Message, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The columns that are read; only `messages` must be there.
const WANTED: [&str; 2] = ["messages", "provenance"];
/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 256;

/// Why a record is not learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// It cannot be read, or its messages are none.
    Broken,
    /// It has no message, or one of a user or an assistant that says nothing.
    Empty,
    /// Nobody is answered: it has no assistant message.
    NoAnswer,
    /// Nobody asks: it has no user message.
    NoQuestion,
    /// The model's chat template refuses it, or rewrites earlier turns.
    RefusedByTemplate,
    /// It is longer than `max_tokens`.
    TooLong,
    /// `max_rows` were there before it.
    TooMany,
}

/// A file of the data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Where it was read.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its records, broken ones too.
    pub records: u64,
}

/// What became of the records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataCounts {
    /// Records.
    pub records: u64,
    /// Of these, rows to learn from.
    pub used: u64,
    /// Rows that are held out.
    pub held_out: u64,
    /// Of these, rows that are measured.
    pub measured: u64,
    /// Records left out, by reason.
    pub left_out: BTreeMap<LeftOut, u64>,
    /// Rows cut to `max_tokens`.
    pub cut: u64,
    /// Tokens of an epoch.
    pub tokens: u64,
    /// Of these, tokens of answers: what is learned.
    pub targets: u64,
    /// Rows to learn from by what made them ([`Made::label`](crate::synth::rows::Made::label)), `unstated` without it.
    pub by_method: BTreeMap<String, u64>,
    /// The first records that are broken or refused, with file, place and reason.
    pub issues: Vec<String>,
}

/// A data set that has been read.
pub(super) struct Data {
    pub(super) training: Conversations,
    pub(super) held_out: Conversations,
    pub(super) counts: DataCounts,
    pub(super) files: Vec<DataFile>,
    /// SHA-256 over the conversations in their order, whatever held them.
    pub(super) hash: String,
}

/// Reads data sets.
pub(super) struct Reader<'a> {
    pub(super) tokenizer: &'a ChatTokenizer,
    pub(super) recipe: &'a InstructRecipe,
    /// The longest row the model and the recipe take.
    pub(super) max_tokens: usize,
}

/// What is gathered on the way.
#[derive(Default)]
struct Gathered {
    training: Conversations,
    /// The rows with the smallest hashes.
    measured: BTreeMap<[u8; 32], Example>,
    counts: DataCounts,
    hasher: Sha256,
}

impl Reader<'_> {
    /// Reads all files; `go_on` is told how many records have been read and says whether to read on. `None` when it says
    /// no.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] when a file cannot be read, or no row is left to learn from.
    pub(super) fn read(&self, files: &[PathBuf], go_on: &mut dyn FnMut(u64) -> bool) -> Result<Option<Data>> {
        let mut all = Gathered::default();
        let mut read = Vec::with_capacity(files.len());
        for path in files {
            let before = all.counts.records;
            let mut records = Records::open(path, &WANTED)?;
            while let Some(record) = records.next() {
                let (place, value) = record?;
                all.counts.records += 1;
                if all.counts.records.is_multiple_of(REPORT_EVERY) && !go_on(all.counts.records) {
                    return Ok(None);
                }
                if let Err((reason, flaw)) =
                    value.map_err(broken).and_then(|value| self.row(&value, &mut all))
                {
                    *all.counts.left_out.entry(reason).or_default() += 1;
                    if let Some(flaw) = flaw
                        && all.counts.issues.len() < MAX_ISSUES_KEPT
                    {
                        all.counts.issues.push(records.issue(place, flaw).to_string());
                    }
                }
            }
            let records = all.counts.records - before;
            read.push(DataFile { path: path.clone(), sha256: of_file(path)?, records });
        }
        go_on(all.counts.records).then(|| all.finish(read)).transpose()
    }

    /// Takes a record in, or says why not.
    fn row(&self, record: &Value, all: &mut Gathered) -> Result<(), (LeftOut, Option<Flaw>)> {
        let messages = messages(record).map_err(broken)?;
        let json = serde_json::to_vec(&messages).map_err(|e| broken(syntax(&e)))?;
        let hash: [u8; 32] = Sha256::digest(json).into();
        all.hasher.update(hash);
        let question = usable(&messages).map_err(|reason| (reason, None))?;
        if all.counts.used + all.counts.held_out >= self.recipe.max_rows {
            return Err((LeftOut::TooMany, None));
        }
        let refused = |e: Error| {
            (LeftOut::RefusedByTemplate, Some(Flaw::new("messages", Problem::Syntax(e.to_string()))))
        };
        let example = self.tokenizer.example(&messages, Supervision::EveryAnswer).map_err(refused)?;
        let (example, cut) = self.fitted(example).ok_or((LeftOut::TooLong, None))?;
        all.counts.cut += u64::from(cut);
        match self.recipe.held_out.side(std::slice::from_ref(question)) {
            Side::HeldOut => {
                all.counts.held_out += 1;
                all.measured.insert(hash, example);
                if all.measured.len() > self.recipe.measured_rows {
                    all.measured.pop_last();
                }
            }
            Side::Train => {
                all.counts.used += 1;
                *all.counts.by_method.entry(made_by(record)).or_default() += 1;
                all.training.push(&example);
            }
        }
        Ok(())
    }

    /// A row that is not too long, and whether it was cut. The first token is never a target.
    fn fitted(&self, mut example: Example) -> Option<(Example, bool)> {
        if example.ids.len() <= self.max_tokens {
            return Some((example, false));
        }
        match self.recipe.too_long {
            TooLong::LeaveOut => None,
            TooLong::Cut => {
                example.ids.truncate(self.max_tokens);
                example.weights.truncate(self.max_tokens);
                example.weights.iter().skip(1).any(|weight| *weight > 0.0).then_some((example, true))
            }
        }
    }
}

impl Gathered {
    fn finish(self, files: Vec<DataFile>) -> Result<Data> {
        let Self { training, measured, mut counts, hasher } = self;
        if training.len() == 0 {
            let reasons: Vec<String> = counts
                .left_out
                .iter()
                .map(|(reason, n)| format!("{n} {}", serde_json::json!(reason).as_str().unwrap_or_default()))
                .collect();
            return Err(Error::Data(format!(
                "none of {} records can be learned from: {} are held out; left out: {}; {}",
                counts.records,
                counts.held_out,
                if reasons.is_empty() { "none".to_owned() } else { reasons.join(", ") },
                counts.issues.first().map_or("no record is broken", String::as_str),
            )));
        }
        let mut held_out = Conversations::default();
        measured.values().for_each(|example| held_out.push(example));
        counts.measured = held_out.len() as u64;
        counts.tokens = training.tokens() as u64;
        counts.targets = training.targets() as u64;
        Ok(Data { training, held_out, counts, files, hash: hex(&hasher.finalize()) })
    }
}

fn broken(flaw: Flaw) -> (LeftOut, Option<Flaw>) {
    (LeftOut::Broken, Some(flaw))
}

fn syntax(error: &serde_json::Error) -> Flaw {
    Flaw::new("messages", Problem::Syntax(error.to_string()))
}

/// The messages of a record.
fn messages(record: &Value) -> Result<Vec<Message>, Flaw> {
    let field = record.get("messages").ok_or_else(|| Flaw::new("messages", Problem::Missing))?;
    serde_path_to_error::deserialize(field).map_err(|e| {
        let path = e.path().to_string();
        let field = if path == "." { "messages".to_owned() } else { format!("messages{path}") };
        Flaw::new(field, Problem::Syntax(e.inner().to_string()))
    })
}

/// The first question of a conversation that can be learned from.
fn usable(messages: &[Message]) -> Result<&Message, LeftOut> {
    let silent = |m: &Message| {
        matches!(m.role, Role::User | Role::Assistant)
            && m.content.trim().is_empty()
            && m.tool_calls.is_empty()
    };
    if messages.is_empty() || messages.iter().any(silent) {
        return Err(LeftOut::Empty);
    }
    if !messages.iter().any(|m| m.role == Role::Assistant) {
        return Err(LeftOut::NoAnswer);
    }
    messages.iter().find(|m| m.role == Role::User).ok_or(LeftOut::NoQuestion)
}

/// What a record says made it; rows of other origin need not say it.
fn made_by(record: &Value) -> String {
    let stated = record.get("provenance").map(RowProvenance::deserialize);
    stated.and_then(Result::ok).map_or_else(|| "unstated".to_owned(), |provenance| provenance.made.label())
}
