//! Edits in bulk into the log: a transaction each few hundred, what is broken left out and told.

use super::{
    line::{self, MAX_LINE_BYTES},
    lines::{Lines, RawLine},
};
use crate::{
    edit::{AddEdits, Attribution, MAX_BATCH, NewEdit, OnConflict, Seq, attribution},
    error::EditError,
    fields::Misfit,
    index::Reading,
    store::{AddBatch, Done, How, Write},
    tenant::TenantEditor,
};
use futures::{Stream, StreamExt};
use std::{fmt, io};
use tokio::{io::AsyncBufRead, task::JoinHandle};

/// The most edits of one transaction: about ten milliseconds and a sync, for which other writes wait.
const PIECE: usize = 512;
/// The most problems that a report lists.
const MAX_PROBLEMS: usize = 1_000;

/// How edits are taken in.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// What happens with edits that conflict with what stands. With [`OnConflict::Supersede`] an id that stands with
    /// another content gets a new version; otherwise that is a problem.
    pub on_conflict: OnConflict,
    /// The author and reason of edits that name none.
    pub by: Attribution,
}

/// An edit that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The number of its line, or its place in the stream; from 1.
    pub line: u64,
    /// The field at fault, if one is.
    pub field: Option<String>,
    /// What is wrong; reads on from the field's name.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "line {}: {field} {}", self.line, self.reason),
            None => write!(f, "line {}: {}", self.line, self.reason),
        }
    }
}

/// What an import did. Every edit that was read is counted once in `added`, `superseded`, `unchanged` or `refused`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// Edits that are new.
    pub added: u64,
    /// Edits that got a new version.
    pub superseded: u64,
    /// Edits that stood already as they were read.
    pub unchanged: u64,
    /// Edits and lines that were not taken in.
    pub refused: u64,
    /// Conflicts with what stood.
    pub conflicts: u64,
    /// Why edits were not taken in: the first thousand of them, in the order of lines.
    pub problems: Vec<Problem>,
    /// The last entry of the log that the import knows of.
    pub through: Seq,
}

/// An import that could not go on. What the report counts is in the log; importing the same again adds the rest.
#[derive(Debug, thiserror::Error)]
#[error("the import stopped after {} edits: {source}", .report.added + .report.superseded + .report.unchanged)]
pub struct ImportStopped {
    /// What was done before.
    pub report: Box<ImportReport>,
    /// Why it stopped.
    #[source]
    pub source: EditError,
}

/// What was read of a file and is to be written together.
#[derive(Debug, Default)]
struct Chunk {
    lines: Vec<u64>,
    edits: Vec<NewEdit>,
    readings: Vec<Reading>,
    problems: Vec<Problem>,
}

impl Chunk {
    fn misfit(&mut self, line: u64, misfit: Misfit) {
        let field = Some(misfit.field).filter(|field| !field.is_empty());
        self.problems.push(Problem { line, field, reason: misfit.reason });
    }

    /// Checks and reads an edit; this is most of an import's work.
    fn push(&mut self, line: u64, mut edit: NewEdit, by: &Attribution) {
        edit.content.author = edit.content.author.or_else(|| by.author.clone());
        edit.content.reason = edit.content.reason.or_else(|| by.reason.clone());
        let checked = edit.content.checked("").and_then(|content| {
            let id = edit.id.map_or_else(|| line::derived_id(&content), Ok)?;
            Ok(NewEdit { id: Some(id), content })
        });
        match checked {
            Ok(edit) => {
                self.lines.push(line);
                self.readings.push(Reading::new(&edit.content));
                self.edits.push(edit);
            }
            Err(error) => self.problems.push(problem(line, error)),
        }
    }
}

fn problem(line: u64, error: EditError) -> Problem {
    match error {
        EditError::InvalidEdit { param, reason } => {
            let in_batch = param.strip_prefix("edits[").and_then(|param| param.split_once("]."));
            let field = in_batch.map_or(param.as_str(), |(_, field)| field);
            Problem { line, field: Some(field.to_owned()), reason }
        }
        EditError::Conflict { param, message } => {
            let field = param.split_once('.').map(|(_, field)| field.to_owned());
            let message = if field.is_some() { format!("cannot be: {message}") } else { message };
            Problem { line, field, reason: message }
        }
        error => Problem { line, field: None, reason: error.to_string() },
    }
}

/// A chunk on its way into the log, in pieces: what others write waits for one of them at most.
struct Pieces {
    edits: Vec<NewEdit>,
    readings: Vec<Reading>,
    on_conflict: OnConflict,
}

impl Pieces {
    /// What went in, also if the rest could not.
    async fn write(self, editor: &TenantEditor) -> (Done, Result<(), EditError>) {
        let mut done = Done::default();
        let (mut edits, mut readings) = (self.edits.into_iter(), self.readings.into_iter());
        let mut first = 0;
        while edits.len() > 0 {
            let piece: Vec<NewEdit> = edits.by_ref().take(PIECE).collect();
            let count = piece.len();
            let request = AddEdits::new(piece).on_conflict(self.on_conflict);
            let readings = readings.by_ref().take(PIECE).collect();
            let written = editor.write(Write::Add(AddBatch { request, readings, atomic: false })).await;
            let Done { placed, conflicts, refused } = match written {
                Ok(written) => written,
                Err(error) => return (done, Err(error)),
            };
            done.placed.extend(placed);
            done.conflicts.extend(conflicts);
            done.refused.extend(refused.into_iter().map(|(at, error)| (first + at, error)));
            first += count;
        }
        (done, Ok(()))
    }
}

/// A chunk that is being written.
struct Writing {
    /// Of each edit.
    lines: Vec<u64>,
    /// What could not be written at all.
    problems: Vec<Problem>,
    task: JoinHandle<(Done, Result<(), EditError>)>,
}

/// Writes one chunk while the next is read.
struct Importer {
    editor: TenantEditor,
    on_conflict: OnConflict,
    report: ImportReport,
    writing: Option<Writing>,
}

impl Importer {
    fn new(editor: TenantEditor, on_conflict: OnConflict) -> Self {
        Self { editor, on_conflict, report: ImportReport::default(), writing: None }
    }

    /// Writes a chunk, once the one before is written.
    async fn put(&mut self, chunk: Chunk) -> Result<(), EditError> {
        self.settle().await?;
        let Chunk { lines, edits, readings, problems } = chunk;
        let pieces = Pieces { edits, readings, on_conflict: self.on_conflict };
        let editor = self.editor.clone();
        let task = tokio::spawn(async move { pieces.write(&editor).await });
        self.writing = Some(Writing { lines, problems, task });
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), EditError> {
        let Some(Writing { lines, mut problems, task }) = self.writing.take() else { return Ok(()) };
        let failed = |error| (Done::default(), Err(EditError::storage("write its log", error)));
        let (done, written) = task.await.unwrap_or_else(failed);
        for placed in &done.placed {
            match placed.how {
                How::Added | How::Restored | How::Retired => self.report.added += 1,
                How::Superseded => self.report.superseded += 1,
                How::Unchanged => self.report.unchanged += 1,
            }
        }
        self.report.conflicts += done.conflicts.len() as u64;
        let refused = done.refused.into_iter();
        problems.extend(refused.filter_map(|(at, error)| lines.get(at).map(|line| problem(*line, error))));
        problems.sort_by_key(|problem| problem.line);
        self.report.refused += problems.len() as u64;
        problems.truncate(MAX_PROBLEMS - self.report.problems.len());
        self.report.problems.append(&mut problems);
        written
    }

    /// Waits for what is written; tells of all.
    async fn end(mut self, read: Result<(), EditError>) -> Result<ImportReport, ImportStopped> {
        let settled = self.settle().await;
        self.report.through = self.editor.editor().last_seq();
        match read.and(settled) {
            Ok(()) => Ok(self.report),
            Err(source) => Err(ImportStopped { report: Box::new(self.report), source }),
        }
    }
}

impl TenantEditor {
    /// Takes in edits as JSON lines, some hundred in one transaction, while they are read; memory is bounded whatever the
    /// size of the file. A line that is broken, or whose edit is refused, does not keep out the rest: the
    /// [report](ImportReport) names its number and the field.
    ///
    /// An edit that stands already as it is read is left alone, so an import that stopped is resumed by beginning anew, and
    /// importing again what stands changes nothing. What was retired or gave way since is added again: an import makes
    /// the file's edits stand, whatever became of them before. (With [`OnConflict::Supersede`] a file whose edits
    /// displace each other therefore does so again, and ends as before.) An id that stands with another content is a
    /// problem, or gets a new version, by [`ImportOptions::on_conflict`].
    ///
    /// UTF-8, one edit a line, each a JSON object; empty lines are passed over. `text` must be there; the other fields
    /// may be left out or `null`. A field that is not listed here makes its line a problem.
    ///
    /// | field | is |
    /// |---|---|
    /// | `id` | the edit's name; without one it is made from what the edit says: the same line twice is one edit |
    /// | `text` | the statement |
    /// | `subject`, `relation`, `object` | what it is about, what of it, and the value |
    /// | `aliases` | other names of the subject, an array |
    /// | `target` | `"all_models"`, `{"model": "…"}` or `{"revision": "…"}` |
    /// | `valid_from`, `expires_at` | seconds since the Unix epoch |
    /// | `source`, `author`, `reason` | where it comes from, who wrote it, and why |
    ///
    /// The tenant is not in the file: an [export](Self::export) holds one tenant's edits, and an import makes them the
    /// importing tenant's. What an export wrote, an import takes in as it was, in the same order, but for edits whose time
    /// has passed: those are problems, unless they stand.
    ///
    /// # Errors
    /// [`ImportStopped`] when the file cannot be read or the log cannot be written, with what was done before.
    pub async fn import(
        &self,
        lines: impl AsyncBufRead + Unpin + Send,
        options: ImportOptions,
    ) -> Result<ImportReport, ImportStopped> {
        let mut importer = Importer::new(self.clone(), options.on_conflict);
        let read = match attribution(options.by) {
            Ok(by) => self.import_lines(lines, by, &mut importer).await,
            Err(error) => Err(error),
        };
        importer.end(read).await
    }

    /// As [`import`](Self::import), of edits that somebody else reads; a problem's `line` is the edit's place among them.
    /// An item that is no edit is a problem as well; one that is an I/O error ends the import.
    ///
    /// # Errors
    /// As [`import`](Self::import).
    pub async fn import_edits(
        &self,
        edits: impl Stream<Item = io::Result<Result<NewEdit, EditError>>> + Unpin + Send,
        options: ImportOptions,
    ) -> Result<ImportReport, ImportStopped> {
        let mut importer = Importer::new(self.clone(), options.on_conflict);
        let read = match attribution(options.by) {
            Ok(by) => self.import_stream(edits, by, &mut importer).await,
            Err(error) => Err(error),
        };
        importer.end(read).await
    }

    async fn import_stream(
        &self,
        edits: impl Stream<Item = io::Result<Result<NewEdit, EditError>>> + Unpin + Send,
        by: Attribution,
        importer: &mut Importer,
    ) -> Result<(), EditError> {
        let mut chunks = edits.enumerate().ready_chunks(MAX_BATCH);
        while let Some(edits) = chunks.next().await {
            let by = by.clone();
            let chunk = tokio::task::spawn_blocking(move || {
                let (mut chunk, mut broken) = (Chunk::default(), None);
                for (at, item) in edits {
                    let line = at as u64 + 1;
                    match item {
                        Ok(Ok(edit)) => chunk.push(line, edit, &by),
                        Ok(Err(error)) => chunk.problems.push(problem(line, error)),
                        Err(error) => {
                            broken = Some(error);
                            break;
                        }
                    }
                }
                (chunk, broken)
            });
            let (chunk, broken) =
                chunk.await.map_err(|error| EditError::storage("read the import", error))?;
            importer.put(chunk).await?;
            if let Some(source) = broken {
                return Err(EditError::Input { source });
            }
        }
        Ok(())
    }

    async fn import_lines(
        &self,
        lines: impl AsyncBufRead + Unpin + Send,
        by: Attribution,
        importer: &mut Importer,
    ) -> Result<(), EditError> {
        let mut lines = Lines::new(lines);
        loop {
            let raw = lines.chunk().await.map_err(|source| EditError::Input { source })?;
            if raw.is_empty() {
                return Ok(());
            }
            let by = by.clone();
            let chunk = tokio::task::spawn_blocking(move || read(raw, &by));
            importer.put(chunk.await.map_err(|error| EditError::storage("read the import", error))?).await?;
        }
    }
}

fn read(raw: Vec<RawLine>, by: &Attribution) -> Chunk {
    let mut chunk = Chunk::default();
    for RawLine { number, text } in raw {
        match text.ok_or_else(too_long).and_then(|text| line::read(text.trim_ascii())) {
            Ok(edit) => chunk.push(number, edit, by),
            Err(misfit) => chunk.misfit(number, misfit),
        }
    }
    chunk
}

fn too_long() -> Misfit {
    Misfit::whole(format!("is longer than {MAX_LINE_BYTES} bytes"))
}
