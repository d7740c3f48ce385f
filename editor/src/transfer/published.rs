//! Published data sets as edits.

use super::import::{Chunk, ImportOptions, ImportReport, ImportStopped, Importer, Place};
use crate::{
    edit::{Attribution, MAX_BATCH, attribution},
    error::EditError,
    fields::Misfit,
    published::{Record, read_array},
    tenant::TenantEditor,
    time::Timestamp,
};
use std::{io::Read, ops::ControlFlow};
use tokio::sync::mpsc;

/// Chunks that are read ahead.
const READ_AHEAD: usize = 1;

impl TenantEditor {
    /// Takes in a published file (ZsRE and KnowEdit, WikiBio, CounterFact, MQuAKE: an array of records; which fields
    /// count is in the documentation of [`published`](crate::published)) as edits, a thousand in one transaction. What
    /// each record is as edits says [`Record::edits`]; `file` is the name that problems and sources mention. A record
    /// that is broken does not keep out the rest.
    ///
    /// The edits' ids are made from what they say, so importing again changes nothing, and a fact that several records
    /// state is one edit.
    ///
    /// # Errors
    /// [`ImportStopped`] when the file cannot be read, is not an array of JSON, or the log cannot be written, with what
    /// was done before.
    pub async fn import_published(
        &self,
        file: &str,
        json: impl Read + Send + 'static,
        options: ImportOptions,
    ) -> Result<ImportReport, ImportStopped> {
        let mut importer = Importer::new(self.clone(), options.on_conflict);
        let read = match attribution(options.by) {
            Ok(by) => self.read_published((file, json), by, &mut importer).await,
            Err(error) => Err(error),
        };
        importer.end(read).await
    }

    async fn read_published(
        &self,
        (file, json): (&str, impl Read + Send + 'static),
        by: Attribution,
        importer: &mut Importer,
    ) -> Result<(), EditError> {
        let (chunks, mut ready) = mpsc::channel(READ_AHEAD);
        let reading = Reading { file: file.to_owned(), by, now: self.editor().now(), chunks };
        let reading = tokio::task::spawn_blocking(move || reading.read(json));
        while let Some(chunk) = ready.recv().await {
            importer.put(chunk).await?;
        }
        reading.await.map_err(|error| EditError::storage("read the import", error))?
    }
}

struct Reading {
    file: String,
    by: Attribution,
    now: Timestamp,
    chunks: mpsc::Sender<Chunk>,
}

impl Reading {
    fn read(self, json: impl Read) -> Result<(), EditError> {
        let mut chunk = Chunk::default();
        let read = read_array(json, |index, record| {
            self.take(&mut chunk, index, record);
            // More edits of one record do not make a transaction much larger.
            if chunk.len() < MAX_BATCH {
                return ControlFlow::Continue(());
            }
            match self.chunks.blocking_send(std::mem::take(&mut chunk)) {
                Ok(()) => ControlFlow::Continue(()),
                // Whoever writes has failed, and says so.
                Err(_) => ControlFlow::Break(()),
            }
        });
        // What was read before the file broke goes in; if nobody takes it any more, the writer's error is told.
        drop(self.chunks.blocking_send(chunk));
        read.map_err(|error| EditError::storage("read the import", error))
    }

    fn take(&self, chunk: &mut Chunk, index: usize, record: Result<Record, Misfit>) {
        let place = || Place::Record { file: self.file.clone(), index };
        match record {
            Ok(record) => {
                for edit in record.edits() {
                    let edit = edit.from_source(format!("{} {index}", self.file));
                    chunk.push(place(), edit, (&self.by, self.now));
                }
            }
            Err(misfit) => chunk.misfit(place(), misfit),
        }
    }
}
