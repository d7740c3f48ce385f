//! What stands, by what the log says: read when it is opened.
//!
//! One thread reads rows, as many as there are processors read what the rows say, and one puts it together, in order.

use super::Live;
use crate::{
    dense::DenseSide,
    edit::Seq,
    error::EditError,
    index::Prepared,
    store::{Reader, edits},
};
use amend_proto::TenantId;
use sqlx::sqlite::SqliteRow;
use std::{sync::Arc, thread::available_parallelism};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

/// Parts of rows that wait to be read.
const WAITING: usize = 2;

type Part = Vec<(TenantId, Prepared)>;
type Preparing = JoinHandle<Result<Part, EditError>>;

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EditError {
    EditError::storage("build its index", error)
}

impl Live {
    /// The edits that stand after the log's last entry.
    ///
    /// # Errors
    /// [`EditError::UnknownOperation`] when a newer version wrote the log, [`EditError::Storage`] when it cannot be read.
    pub(crate) async fn load(
        reader: &Reader,
        dense: Option<&Arc<DenseSide>>,
    ) -> Result<Arc<Self>, EditError> {
        reader.check().await?;
        let through = reader.through().await?;
        let live = Arc::new(Self::default());
        let (rows, read) = mpsc::channel(WAITING);
        let (preparing, prepared) = mpsc::channel(available_parallelism().map_or(2, usize::from));
        let (read, (), filled) =
            tokio::join!(reader.all_standing(rows), prepare(read, preparing, dense), live.fill_all(prepared));
        read.and(filled)?;
        live.reach(through);
        Ok(live)
    }

    async fn fill_all(self: &Arc<Self>, mut parts: mpsc::Receiver<Preparing>) -> Result<(), EditError> {
        while let Some(part) = parts.recv().await {
            let (live, part) = (Arc::clone(self), part.await.map_err(failed)??);
            spawn_blocking(move || live.fill(part)).await.map_err(failed)?;
        }
        Ok(())
    }

    fn reach(&self, through: Seq) {
        let mut state = self.write();
        state.through = state.through.max(through);
    }

    /// Puts in edits that stand, in the order of the entries that made them stand.
    pub(super) fn fill(&self, edits: Part) {
        let mut state = self.write();
        for (tenant, prepared) in edits {
            state.put(&tenant, prepared);
        }
    }
}

/// Begins to read each part, so many at once as `ready` takes. Ends when either side does.
async fn prepare(
    mut rows: mpsc::Receiver<Vec<SqliteRow>>,
    ready: mpsc::Sender<Preparing>,
    dense: Option<&Arc<DenseSide>>,
) {
    while let Some(rows) = rows.recv().await {
        let Ok(place) = ready.reserve().await else { return };
        let dense = dense.cloned();
        place.send(spawn_blocking(move || {
            let edits = edits(&rows)?;
            // Before anything shows them: what is found by its meaning must be there.
            if let Some(dense) = &dense {
                dense.fill(&edits);
            }
            let prepared = |edit: crate::edit::Edit| (edit.tenant.clone(), Prepared::new(&edit));
            Ok(edits.into_iter().map(prepared).collect())
        }));
    }
}
