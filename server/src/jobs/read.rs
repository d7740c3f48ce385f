//! What is asked about jobs.

use super::{JobError, Jobs, store};
use amend_proto::{
    JobId,
    wire::{JobKind, JobLine, JobObject},
};

impl Jobs {
    /// A job.
    ///
    /// # Errors
    /// [`JobError::NotFound`]; the database's.
    pub async fn get(&self, id: &JobId) -> Result<JobObject, JobError> {
        let mut connection = self.inner().config.ledger.read().await?;
        store::get(&mut connection, id).await?.ok_or_else(|| JobError::NotFound(id.to_string()))
    }

    /// `limit` jobs, newest first, those older than `after` only.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&self, after: Option<&JobId>, limit: usize) -> Result<Vec<JobObject>, JobError> {
        let mut connection = self.inner().config.ledger.read().await?;
        store::list(&mut connection, after, i64::try_from(limit).unwrap_or(i64::MAX)).await
    }

    /// The newest job of a kind.
    ///
    /// # Errors
    /// The database's.
    pub async fn newest(&self, kind: JobKind) -> Result<Option<JobObject>, JobError> {
        let mut connection = self.inner().config.ledger.read().await?;
        store::newest(&mut connection, kind).await
    }

    /// `limit` lines of a job's log after one.
    ///
    /// # Errors
    /// The database's.
    pub async fn lines(&self, id: &JobId, after: i64, limit: usize) -> Result<Vec<JobLine>, JobError> {
        let mut connection = self.inner().config.ledger.read().await?;
        store::lines(&mut connection, id, (after, i64::try_from(limit).unwrap_or(i64::MAX))).await
    }
}
