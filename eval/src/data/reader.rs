//! Files into records.

use super::{
    counterfact,
    elements::{Element, Elements, MAX_RECORD_BYTES},
    fields::{At, FieldError},
    issue::{DataError, Issue, Lost, Problem},
    knowedit, mquake,
    probes::Notes,
    record::{EditRecord, Fact, Format, Gold, Locality, Portability, PromptForm},
    statement::{Parts, StatementTemplate},
};
use serde_json::Value;
use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader},
    num::NonZeroUsize,
    path::Path,
};

/// The most issues that [`load`] keeps; it counts them all.
pub const MAX_ISSUES_KEPT: usize = 100;

/// How the format of a record is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FormatChoice {
    /// By the record's fields.
    #[default]
    Detect,
    /// It is this one.
    Given(Format),
}

/// How to read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The format.
    pub format: FormatChoice,
    /// What makes the text of an edit.
    pub statement: StatementTemplate,
}

/// What the reader comes upon.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A record. Issues about some of its fields follow it.
    Record(Box<EditRecord>),
    /// Something that is wrong in a record.
    Issue(Issue),
}

/// A record before its statements are rendered.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) fact: Fact,
    pub(crate) further: Vec<Fact>,
    pub(crate) portability: Portability,
    pub(crate) locality: Locality,
    pub(crate) fluency_prompts: Vec<String>,
}

impl Draft {
    pub(crate) fn new(subject: String, prompt: String, target: Gold) -> Self {
        let form = PromptForm::of(&prompt);
        let (before, rephrasings, statement) = (None, Vec::new(), String::new());
        Self::of(Fact { subject, prompt, form, target, before, rephrasings, statement })
    }

    pub(crate) fn of(fact: Fact) -> Self {
        Self {
            fact,
            further: Vec::new(),
            portability: Portability::default(),
            locality: Locality::default(),
            fluency_prompts: Vec::new(),
        }
    }
}

/// The records of one file, as a stream; see the [module](crate::data).
///
/// An `Err` is the last item: the rest of the file cannot be told apart.
#[derive(Debug)]
pub struct EditReader<R> {
    file: String,
    elements: Elements<R>,
    options: ReadOptions,
    index: usize,
    ready: VecDeque<Entry>,
}

impl EditReader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`DataError::Io`] when it cannot be opened.
    pub fn open(path: &Path, options: ReadOptions) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| DataError::Io { file: name.clone(), source })?;
        Ok(Self::new(name, BufReader::with_capacity(64 * 1024, file), options))
    }
}

impl<R: BufRead> EditReader<R> {
    /// Reads from anything; `file` is the name that issues give it.
    pub fn new(file: impl Into<String>, source: R, options: ReadOptions) -> Self {
        let file = file.into();
        let elements = Elements::new(file.clone(), source);
        Self { file, elements, options, index: 0, ready: VecDeque::new() }
    }

    fn issue(&self, error: FieldError, lost: Lost) -> Entry {
        let FieldError { field, problem } = error;
        Entry::Issue(Issue { file: self.file.clone(), index: self.index, field, problem, lost })
    }

    /// Queues what an element holds: one record, or one issue that says why not, and issues about its fields.
    fn take(&mut self, element: Element) {
        let mut notes = Notes::new();
        let first = match self.parse(element, &mut notes) {
            Ok(record) => Entry::Record(Box::new(record)),
            Err(error) => {
                notes.clear();
                self.issue(error, Lost::Record)
            }
        };
        self.ready.push_back(first);
        for note in notes {
            let issue = self.issue(note, Lost::Field);
            self.ready.push_back(issue);
        }
        self.index += 1;
    }

    fn parse(&self, element: Element, notes: &mut Notes) -> Result<EditRecord, FieldError> {
        let text = match element {
            Element::Text(text) => text,
            Element::TooLong => return Err(FieldError::new("", Problem::TooLong(MAX_RECORD_BYTES))),
        };
        let value: Value = serde_json::from_slice(&text)
            .map_err(|error| FieldError::new("", Problem::Syntax(error.to_string())))?;
        let record = At::root(&value);
        if !value.is_object() {
            return Err(record.wrong_type("an object"));
        }
        let format = match self.options.format {
            FormatChoice::Given(format) => format,
            FormatChoice::Detect => detect(&record).ok_or_else(|| record.wrong(Problem::UnknownFormat))?,
        };
        let mut draft = match format {
            Format::KnowEdit => knowedit::read(&record, notes),
            Format::WikiBio => knowedit::read_biography(&record, notes),
            Format::CounterFact => counterfact::read(&record, notes),
            Format::Mquake => mquake::read(&record, notes),
        }?;
        for fact in std::iter::once(&mut draft.fact).chain(&mut draft.further) {
            self.state(fact)?;
        }
        let case = record.find(&["case_id", "id"]).and_then(|field| field.text().ok());
        let Draft { fact, further, portability, locality, fluency_prompts } = draft;
        let index = self.index;
        Ok(EditRecord { index, case, format, fact, further, portability, locality, fluency_prompts })
    }

    fn state(&self, fact: &mut Fact) -> Result<(), FieldError> {
        let Fact { subject, prompt, target, form, .. } = &*fact;
        let parts = Parts { subject, prompt, target: target.first(), form: *form };
        fact.statement = self
            .options
            .statement
            .render(parts)
            .map_err(|error| FieldError::new("", Problem::Statement(error.to_string())))?;
        Ok(())
    }
}

/// The format that a record's fields are those of.
pub(crate) fn detect(record: &At<'_>) -> Option<Format> {
    if let Some(rewrite) = record.find(&["requested_rewrite"]) {
        return Some(if rewrite.value.is_array() { Format::Mquake } else { Format::CounterFact });
    }
    let has = |names: &[&str]| record.find(names).is_some();
    match (has(&["concept"]) && has(&["labels"]), has(&["prompt", "src"]) || has(&["target_new", "alt"])) {
        (true, _) => Some(Format::WikiBio),
        (false, true) => Some(Format::KnowEdit),
        (false, false) => None,
    }
}

impl<R: BufRead> Iterator for EditReader<R> {
    type Item = Result<Entry, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            match self.elements.next()? {
                Ok(element) => self.take(element),
                Err(error) => return Some(Err(error)),
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

/// Records in memory, and what was wrong with the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// In the file's order.
    pub records: Vec<EditRecord>,
    /// The first [`MAX_ISSUES_KEPT`] issues.
    pub issues: Vec<Issue>,
    /// How many issues there were.
    pub issues_seen: usize,
}

/// Reads at most `limit` records of a file.
///
/// # Errors
/// [`DataError`] when the file cannot be opened or breaks off before `limit` records are read.
pub fn load(path: &Path, options: ReadOptions, limit: NonZeroUsize) -> Result<Loaded, DataError> {
    let mut loaded = Loaded { records: Vec::new(), issues: Vec::new(), issues_seen: 0 };
    let mut reader = EditReader::open(path, options)?;
    // The issues of the last record follow it, so the queue is emptied before reading ends.
    while loaded.records.len() < limit.get() || !reader.ready.is_empty() {
        match reader.next().transpose()? {
            None => break,
            Some(Entry::Record(record)) => loaded.records.push(*record),
            Some(Entry::Issue(issue)) => {
                loaded.issues_seen += 1;
                if loaded.issues.len() < MAX_ISSUES_KEPT {
                    loaded.issues.push(issue);
                }
            }
        }
    }
    Ok(loaded)
}
