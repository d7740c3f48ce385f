//! Pairs in bulk, from files and into files.
//!
//! What arrives is written to a file without a name first: a Parquet file is read from its end. Memory is bounded whatever
//! the size.

use super::{PreferenceError, TenantPreferences, counted_imports, pairs};
use amend_trainer::{
    Error,
    preference::{
        Pair, content_id,
        format::{
            Container, Entry, ExportReport, ImportOptions, Issue, Layout, MAX_ISSUES_KEPT, PairReader,
            PairWriter, Place,
        },
    },
};
use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use sqlx::SqliteConnection;
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Seek},
};
use tokio::{io::AsyncWriteExt, runtime::Handle};

/// Pairs of one transaction of an import, and of one page of an export.
const BATCH: usize = 256;
/// Bytes that are read of a file at a time.
const BLOCK: usize = 64 << 10;

/// A record that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Where it stands.
    pub place: Place,
    /// The field; empty for the record itself.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Pairs that are new.
    pub added: u64,
    /// Pairs that were there already.
    pub unchanged: u64,
    /// Records that were left out.
    pub refused: u64,
    /// The first of them.
    pub problems: Vec<Unread>,
}

/// An import that ended before its file did. What was done before stays done.
#[derive(Debug)]
pub struct ImportStopped {
    /// What was done.
    pub done: Imported,
    /// Why it ended.
    pub source: PreferenceError,
}

impl TenantPreferences {
    /// Writes what arrives into a file without a name.
    ///
    /// # Errors
    /// [`PreferenceError::Input`], [`TooLong`](PreferenceError::TooLong), [`Spool`](PreferenceError::Spool).
    pub async fn receive(
        &self,
        frames: impl Stream<Item = io::Result<Bytes>>,
    ) -> Result<File, PreferenceError> {
        let most = self.inner().settings.max_import_bytes;
        let file = tempfile::tempfile_in(&self.inner().spool).map_err(PreferenceError::Spool)?;
        let mut file = tokio::fs::File::from_std(file);
        let mut frames = std::pin::pin!(frames);
        let mut length = 0_u64;
        while let Some(frame) = frames.next().await {
            let frame = frame.map_err(PreferenceError::Input)?;
            length = length.saturating_add(frame.len() as u64);
            if length > most {
                return Err(PreferenceError::TooLong { most });
            }
            file.write_all(&frame).await.map_err(PreferenceError::Spool)?;
        }
        file.flush().await.map_err(PreferenceError::Spool)?;
        let mut file = file.into_std().await;
        file.rewind().map_err(PreferenceError::Spool)?;
        Ok(file)
    }

    /// Takes in a file of pairs, in any of the formats that are known. A record that is wrong keeps no other one out; what
    /// is there already is left alone.
    ///
    /// # Errors
    /// [`ImportStopped`] when the file cannot be read any further, or the tenant has no more room.
    pub async fn import(&self, file: File, container: Container) -> Result<Imported, Box<ImportStopped>> {
        let (this, runtime) = (self.clone(), Handle::current());
        let work = move || {
            let mut done = Imported::default();
            match this.read(file, container, &runtime, &mut done) {
                Ok(()) => Ok(done),
                Err(source) => Err(Box::new(ImportStopped { done, source })),
            }
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    fn read(
        &self,
        file: File,
        container: Container,
        runtime: &Handle,
        done: &mut Imported,
    ) -> Result<(), PreferenceError> {
        let options = ImportOptions {
            limits: self.inner().settings.limits,
            ..ImportOptions::new(self.tenant.clone(), self.now())
        };
        let reader = match container {
            Container::JsonLines => PairReader::lines("body", BufReader::with_capacity(BLOCK, file), options),
            Container::Parquet => PairReader::parquet("body", file, options).map_err(unreadable)?,
        };
        let mut batch = Vec::with_capacity(BATCH);
        for entry in reader {
            match entry {
                Ok(Entry::Pair(pair)) => batch.push(*pair),
                Ok(Entry::Issue(issue)) => done.leave_out(issue),
                Err(error) => {
                    runtime.block_on(self.store(batch, done))?;
                    return Err(unreadable(error));
                }
            }
            if batch.len() == BATCH {
                runtime
                    .block_on(self.store(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)), done))?;
            }
        }
        runtime.block_on(self.store(batch, done))
    }

    /// One transaction. When the tenant has no more room, what there was room for is in.
    async fn store(&self, batch: Vec<Pair>, done: &mut Imported) -> Result<(), PreferenceError> {
        if batch.is_empty() {
            return Ok(());
        }
        let most = self.inner().settings.max_pairs;
        let (added, unchanged, full) = self
            .inner()
            .ledger
            .write(move |c| {
                async move {
                    let (mut added, mut unchanged) = (0_u64, 0_u64);
                    for pair in batch {
                        match pairs::insert_new(c, &pair, [None, None], most).await {
                            Ok(Some(_)) => added += 1,
                            Ok(None) => match again(c, pair, most).await? {
                                true => added += 1,
                                false => unchanged += 1,
                            },
                            Err(full @ PreferenceError::Full { .. }) => {
                                return Ok((added, unchanged, Some(full)));
                            }
                            Err(error) => return Err(error),
                        }
                    }
                    Ok::<_, PreferenceError>((added, unchanged, None))
                }
                .boxed()
            })
            .await?;
        counted_imports(added);
        done.added += added;
        done.unchanged += unchanged;
        full.map_or(Ok(()), Err)
    }

    /// Writes the tenant's pairs into a file without a name; those that come meanwhile are not in it.
    ///
    /// # Errors
    /// [`PreferenceError::Invalid`] for a layout that the container does not hold; when the ledger or the file fails.
    pub async fn export(
        &self,
        layout: Layout,
        container: Container,
    ) -> Result<(File, ExportReport), PreferenceError> {
        if (layout, container) == (Layout::Amend, Container::Parquet) {
            let message = "format: amend's own format is written as JSON lines only; as Parquet ask for trl, \
                           trl_implicit, trl_plain or ultrafeedback";
            return Err(PreferenceError::invalid("format", message));
        }
        let (this, runtime) = (self.clone(), Handle::current());
        let work = move || this.write(layout, container, &runtime);
        match tokio::task::spawn_blocking(work).await {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    fn write(
        &self,
        layout: Layout,
        container: Container,
        runtime: &Handle,
    ) -> Result<(File, ExportReport), PreferenceError> {
        let mut file = tempfile::tempfile_in(&self.inner().spool).map_err(PreferenceError::Spool)?;
        let sink = BufWriter::with_capacity(BLOCK, file.try_clone().map_err(PreferenceError::Spool)?);
        let mut writer = PairWriter::new(sink, layout, container).map_err(PreferenceError::Library)?;
        let ledger = &self.inner().ledger;
        let last = runtime.block_on(async { pairs::last(&mut *ledger.read().await?, &self.tenant).await })?;
        let mut after = 0;
        while after < last {
            let page = runtime.block_on(async {
                let page = pairs::list(&mut *ledger.read().await?, &self.tenant, (after, BATCH)).await?;
                pairs::read(page.rows).await
            })?;
            let Some(newest) = page.last().map(|pair| pair.seq) else { break };
            for pair in page.iter().filter(|pair| pair.seq <= last) {
                writer.write(&pair.pair).map_err(PreferenceError::Library)?;
            }
            after = newest;
        }
        let report = writer.finish().map_err(PreferenceError::Library)?;
        file.rewind().map_err(PreferenceError::Spool)?;
        Ok((file, report))
    }
}

impl Imported {
    fn leave_out(&mut self, issue: Issue) {
        self.refused += 1;
        if self.problems.len() < MAX_ISSUES_KEPT {
            let Issue { file: _, place, flaw } = issue;
            let reason = flaw.problem.to_string();
            self.problems.push(Unread { place, field: flaw.field, reason });
        }
    }
}

/// Of a pair whose id is taken: whether it says something else than the one that has it. It is stored then, under an id by
/// its content.
async fn again(c: &mut SqliteConnection, pair: Pair, most: u64) -> Result<bool, PreferenceError> {
    let there = pairs::find(c, &pair.provenance.tenant, &pair.id).await?;
    let content = |pair: &Pair| {
        content_id(&pair.provenance.tenant, &pair.prompt, (pair.chosen.as_str(), pair.rejected.as_str()))
    };
    if there.is_none_or(|there| content(&there.pair) == content(&pair)) {
        return Ok(false);
    }
    let Pair { id: _, prompt, chosen, rejected, provenance } = pair;
    let renamed = Pair::by_content(prompt, (chosen, rejected), provenance);
    Ok(pairs::insert_new(c, &renamed, [None, None], most).await?.is_some())
}

/// What is wrong with a file is the client's to know; what is wrong with ours is not.
fn unreadable(error: Error) -> PreferenceError {
    match error {
        Error::Data(message) => PreferenceError::invalid("body", message),
        error => PreferenceError::Library(error),
    }
}
