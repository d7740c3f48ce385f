//! [`Follow`]: what is new of one job, for whoever watches it.

use super::{JobError, Jobs};
use amend_proto::{
    JobId,
    wire::{JobLine, JobObject},
};
use tokio::sync::watch;

/// Lines that are told at a time.
const LINES: usize = 200;

/// A watch on one job. What is not asked for is not held: it stays in the ledger.
pub struct Follow {
    jobs: Jobs,
    id: JobId,
    changes: watch::Receiver<u64>,
    /// The last line that was told.
    last: i64,
    /// The job as it was told last.
    told: Option<JobObject>,
}

/// What is new since the last time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct News {
    /// Lines of the log, in their order.
    pub lines: Vec<JobLine>,
    /// The job, if it has changed.
    pub job: Option<JobObject>,
    /// Whether the job has ended and nothing more will be new.
    pub over: bool,
}

impl News {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.job.is_none()
    }
}

impl Jobs {
    /// A watch on a job, from the line after this one on.
    ///
    /// # Errors
    /// [`JobError::NotFound`]; the database's.
    pub async fn follow(&self, id: JobId, after: i64) -> Result<Follow, JobError> {
        let mut changes = self.changes();
        // How the job is now is news, too.
        changes.mark_changed();
        self.get(&id).await?;
        Ok(Follow { jobs: self.clone(), id, changes, last: after, told: None })
    }
}

impl Follow {
    /// Waits until something may be new. Dropping it before it resolves loses nothing.
    pub async fn changed(&mut self) {
        // The sender is part of `jobs`: it is there as long as this is.
        let _ = self.changes.changed().await;
    }

    /// What is new since the last time: at most 200 lines; when there are more, [`changed`](Self::changed) resolves at once.
    ///
    /// # Errors
    /// The database's.
    pub async fn news(&mut self) -> Result<News, JobError> {
        // The job first: a line that is written after it was read is told the next time.
        let job = self.jobs.get(&self.id).await?;
        let lines = self.jobs.lines(&self.id, self.last, LINES).await?;
        if let Some(line) = lines.last() {
            self.last = line.seq;
        }
        if lines.len() == LINES {
            self.changes.mark_changed();
            return Ok(News { lines, job: None, over: false });
        }
        let over = job.state.is_final();
        let news = (self.told.as_ref() != Some(&job)).then(|| job.clone());
        self.told = Some(job);
        Ok(News { lines, job: news, over })
    }
}
