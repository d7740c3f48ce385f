//! The stream of pages.

use super::counts::{Fault, PageCounts, Scope, Skip};
use super::files::{Files, Input};
use super::finish::{Done, Found, finish};
use super::limits::Limits;
use super::open::{Next, Open};
use super::page::{Page, Position, Source};
use super::raw::Raw;
use super::sitemap::{Sitemap, is_sitemap};
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::VecDeque;
use std::path::PathBuf;

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A page.
    Page(Box<Page>),
    /// None, and why.
    Skipped(Skip),
}

/// Pages of files and folders, one at a time, in an order that is the same in every run: the inputs as named, the files
/// of a folder by name, the records of a file as they stand.
///
/// Memory does not grow with the input: one record is held at a time, bounded by the [`Limits`], besides the names of
/// the folder that is being read and the addresses of its sitemaps. No record ends the stream; what gives no page is
/// said and counted.
pub struct PageStream {
    limits: Limits,
    files: Files,
    file_index: u64,
    current: Option<(Input, Open)>,
    sitemap: Option<(PathBuf, Sitemap)>,
    waiting: VecDeque<Found>,
    position: Option<Position>,
    after: Option<Source>,
    counts: PageCounts,
}

impl PageStream {
    /// Pages of these files and folders.
    ///
    /// # Errors
    /// [`Error::Io`] when one of them is not there.
    pub fn open(inputs: Vec<PathBuf>, limits: Limits) -> Result<Self> {
        for input in &inputs {
            std::fs::metadata(input).map_err(Error::io("opening", input))?;
        }
        Ok(Self {
            limits,
            files: Files::new(inputs),
            file_index: 0,
            current: None,
            sitemap: None,
            waiting: VecDeque::new(),
            position: None,
            after: None,
            counts: PageCounts::default(),
        })
    }

    /// As [`open`](Self::open), behind the record at which another stream over the same inputs stood. Files before it
    /// are not opened; the records before it in its file are read and not looked at. Nothing before it is counted.
    ///
    /// # Errors
    /// [`Error::Io`] when an input is not there; [`Error::Data`] when the input has other files than it had.
    pub fn after(inputs: Vec<PathBuf>, limits: Limits, position: Position) -> Result<Self> {
        let mut stream = Self::open(inputs, limits)?;
        while let Some(found) = stream.files.next() {
            let Ok(input) = found else { continue };
            if stream.file_index < position.file_index {
                stream.file_index += 1;
                continue;
            }
            if input.file != position.source.file {
                return Err(changed(&position, Some(&input)));
            }
            if position.source.record == 0 {
                // Nothing of it could be read then.
                stream.file_index += 1;
            } else {
                stream.after = Some(position.source.clone());
                stream.start(input);
            }
            stream.position = Some(position);
            stream.waiting.clear();
            stream.counts = PageCounts::default();
            return Ok(stream);
        }
        Err(changed(&position, None))
    }

    /// The last record that was given out, for [`after`](Self::after); `None` before the first.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// What became of the records so far.
    #[must_use]
    pub fn counts(&self) -> &PageCounts {
        &self.counts
    }

    /// Up to `most` outcomes in order, their texts looked for on all cores; empty at the end. At most 32 MiB of records
    /// are held for it, and one record more.
    pub fn batch(&mut self, most: usize) -> Vec<Outcome> {
        let mut found = Vec::new();
        let mut bytes = 0;
        while found.len() < most && bytes < (32 << 20) {
            let Some(next) = self.read() else { break };
            bytes += next.raw.as_ref().map_or(0, Raw::bytes);
            found.push(next);
        }
        let limits = self.limits;
        let done: Vec<_> = found.into_par_iter().map(|found| finish(found, &limits)).collect();
        done.into_iter().map(|done| self.count(done)).collect()
    }

    /// The next record, unread.
    fn read(&mut self) -> Option<Found> {
        loop {
            if let Some(found) = self.waiting.pop_front() {
                return Some(found);
            }
            let Some((input, open)) = &mut self.current else {
                self.next_file()?;
                continue;
            };
            let next = open.next();
            let source = Source { file: input.file.clone(), record: open.record() };
            if self.after.as_ref().is_some_and(|after| source.record <= after.record)
                && !matches!(next, Next::End)
            {
                continue;
            }
            match next {
                Next::Other => self.counts.other_records += 1,
                Next::End => self.end_file(),
                Next::Document(raw) => {
                    self.counts.records += 1;
                    let position = Some(Position { file_index: self.file_index, source: source.clone() });
                    let raw = raw.map(|raw| self.addressed(raw));
                    if matches!(&raw, Err(fault) if fault.scope == Scope::File) {
                        self.end_file();
                    }
                    return Some(Found { source, position, raw });
                }
            }
        }
    }

    fn end_file(&mut self) {
        self.current = None;
        self.after = None;
        self.file_index += 1;
    }

    /// Opens the next file; `None` when there is none.
    fn next_file(&mut self) -> Option<()> {
        match self.files.next()? {
            Ok(input) if is_sitemap(&input.file) && input.file.parent() == Some(&input.root) => {
                // Read before the first file of its folder.
                self.file_index += 1;
            }
            Ok(input) => self.start(input),
            Err((file, fault)) => self.wait(file, None, fault),
        }
        Some(())
    }

    fn start(&mut self, input: Input) {
        if self.sitemap.as_ref().is_none_or(|(root, _)| *root != input.root) {
            let (sitemap, read, faults) = Sitemap::of_folder(&input.root, &self.limits);
            self.counts.sitemaps += read;
            for (file, fault) in faults {
                self.wait(file, None, fault);
            }
            self.sitemap = Some((input.root.clone(), sitemap));
        }
        self.counts.files += 1;
        match Open::file(&input.file, &self.limits) {
            Ok(open) => self.current = Some((input, open)),
            Err(fault) => {
                self.wait(input.file, Some(self.file_index), fault);
                self.end_file();
            }
        }
    }

    fn wait(&mut self, file: PathBuf, file_index: Option<u64>, fault: Fault) {
        let source = Source { file, record: 0 };
        let position = file_index.map(|file_index| Position { file_index, source: source.clone() });
        self.waiting.push_back(Found { source, position, raw: Err(fault) });
    }

    /// A page of a file has the address that a sitemap gives the file.
    fn addressed(&self, raw: Raw) -> Raw {
        let (Some((input, open)), Some((root, sitemap))) = (&self.current, &self.sitemap) else { return raw };
        if raw.url.is_some() || !open.is_page() {
            return raw;
        }
        let relative = input.file.strip_prefix(root).unwrap_or(&input.file);
        let url = sitemap.address_of(relative).map(str::to_owned);
        raw.at(url)
    }

    fn count(&mut self, done: Done) -> Outcome {
        match &done.outcome {
            Outcome::Page(_) => {
                self.counts.pages += 1;
                self.counts.repaired += u64::from(done.repaired);
            }
            Outcome::Skipped(skip) => self.counts.skip(skip.reason),
        }
        if done.position.is_some() {
            self.position = done.position;
        }
        done.outcome
    }
}

impl Iterator for PageStream {
    type Item = Outcome;

    fn next(&mut self) -> Option<Outcome> {
        let found = self.read()?;
        let done = finish(found, &self.limits);
        Some(self.count(done))
    }
}

fn changed(position: &Position, found: Option<&Input>) -> Error {
    let now = found
        .map_or_else(|| "the input has fewer files".to_owned(), |input| input.file.display().to_string());
    Error::Data(format!(
        "the input has changed since the last run: its file {} was {} and is now: {now}; start again from the first page",
        position.file_index,
        position.source.file.display()
    ))
}
