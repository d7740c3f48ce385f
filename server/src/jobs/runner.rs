//! [`Jobs`]: the queue of jobs, and the thread that does them.

use super::{
    JobError, QuietHours,
    context::{Ended, JobContext, Said, Work},
    store,
};
use crate::{ledger::Ledger, telemetry::names};
use amend_proto::{
    JobId,
    wire::{JobKind, JobObject, JobState},
};
use amend_trainer::bmc::Control;
use futures::FutureExt;
use serde_json::Value;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot, watch},
};

/// Jobs that may wait.
const MOST_WAITING: usize = 100;
/// How long the thread waits before it asks a database again that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// What jobs need.
pub struct JobsConfig {
    /// Where they are kept.
    pub ledger: Ledger,
    /// `jobs/` of the data folder.
    pub folder: PathBuf,
    /// How many users' requests are in the engine or wait for it.
    pub busy: watch::Receiver<usize>,
    /// When nothing is done.
    pub quiet: Option<QuietHours>,
}

/// The jobs. Clones share them.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

pub(super) struct Inner {
    pub(super) config: JobsConfig,
    /// A job waits.
    wake: Notify,
    /// Counts changes, for whoever watches a job.
    changes: watch::Sender<u64>,
    closing: watch::Sender<bool>,
    current: Mutex<Option<Current>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The job that is being done.
struct Current {
    id: JobId,
    control: Control,
    cancelled: bool,
}

/// No code that holds one of these locks panics half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Jobs {
    /// The jobs of a ledger. What was being done when the daemon went down waits again. None is done before
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// The database's.
    pub async fn open(config: JobsConfig) -> Result<Self, JobError> {
        config
            .ledger
            .write(|connection| async move { store::recover(connection, now()).await }.boxed())
            .await?;
        Ok(Self(Arc::new(Inner {
            config,
            wake: Notify::new(),
            changes: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            current: Mutex::new(None),
            thread: Mutex::new(None),
        })))
    }

    /// Starts the thread that does them, inside a tokio runtime. Does nothing the second time.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(&self, work: Arc<dyn Work>) -> std::io::Result<()> {
        let mut thread = lock(&self.0.thread);
        if thread.is_none() && !*self.0.closing.borrow() {
            let (this, runtime) = (self.clone(), Handle::current());
            let builder = std::thread::Builder::new().name("amend-jobs".to_owned());
            *thread = Some(builder.spawn(move || this.work_off(&*work, &runtime))?);
        }
        Ok(())
    }

    /// Asks for a job.
    ///
    /// # Errors
    /// [`JobError::Full`]; the database's.
    pub async fn submit(&self, kind: JobKind, config: Value) -> Result<JobObject, JobError> {
        let write = self
            .0
            .config
            .ledger
            .write(move |connection| async move { enqueue(connection, kind, &config).await }.boxed());
        let job = write.await?;
        self.enqueued();
        Ok(job)
    }

    /// A job was [put in the queue](enqueue).
    pub(crate) fn enqueued(&self) {
        self.changed();
        self.0.wake.notify_one();
    }

    /// Counts changes of any job.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Calls a job off. One that is being done ends at its next pass through the model.
    ///
    /// # Errors
    /// [`JobError::NotFound`]; [`JobError::Ended`]; the database's.
    pub async fn cancel(&self, id: &JobId) -> Result<JobObject, JobError> {
        let name = id.clone();
        let write = self.0.config.ledger.write(move |connection| {
            async move { store::cancel_waiting(connection, &name, now()).await }.boxed()
        });
        if write.await? {
            self.forget(id);
            self.changed();
            return self.get(id).await;
        }
        if let Some(current) = lock(&self.0.current).as_mut().filter(|current| current.id == *id) {
            current.cancelled = true;
            current.control.stop();
        }
        let job = self.get(id).await?;
        match job.state.is_final() {
            true => Err(JobError::Ended { id: id.to_string(), state: job.state }),
            false => Ok(job),
        }
    }

    /// Puts a failed job back in the queue. It goes on from what its folder holds, such as its last checkpoint.
    ///
    /// # Errors
    /// [`JobError::NotFound`]; [`JobError::NotFailed`]; [`JobError::Full`]; the database's.
    pub async fn try_again(&self, id: &JobId) -> Result<JobObject, JobError> {
        let name = id.clone();
        let write = self.0.config.ledger.write(move |connection| {
            async move {
                if store::waiting(connection).await? >= MOST_WAITING as i64 {
                    return Err(JobError::Full(MOST_WAITING));
                }
                store::try_again(connection, &name, now()).await
            }
            .boxed()
        });
        let did = write.await?;
        let job = self.get(id).await?;
        if !did {
            return Err(JobError::NotFailed { id: id.to_string(), state: job.state });
        }
        self.changed();
        self.0.wake.notify_one();
        Ok(job)
    }

    /// Stops what is being done, which goes on at the next start, and waits until the thread has ended, for so long.
    pub async fn close(&self, patience: Duration) {
        self.0.closing.send_replace(true);
        if let Some(current) = lock(&self.0.current).as_ref() {
            current.control.stop();
        }
        let Some(thread) = lock(&self.0.thread).take() else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join());
        if tokio::time::timeout(patience, joined).await.is_err() {
            tracing::warn!("the running job did not stop in time; it goes on from its last checkpoint");
        }
    }

    fn changed(&self) {
        self.0.changes.send_modify(|count| *count += 1);
    }

    /// What a job keeps between starts.
    #[must_use]
    pub fn folder(&self, id: &JobId) -> PathBuf {
        self.0.config.folder.join(id.as_str().replace([':', '/'], "-"))
    }

    fn forget(&self, id: &JobId) {
        if let Err(error) = remove(&self.folder(id)) {
            tracing::warn!(%id, %error, "the folder of an ended job could not be removed");
        }
    }

    /// The thread.
    fn work_off(&self, work: &dyn Work, runtime: &Handle) {
        amend_trainer::memory::lower_priority();
        while let Some(job) = runtime.block_on(self.next()) {
            let id = job.id.clone();
            if let Err(error) = self.one(job, work, runtime) {
                tracing::error!(%id, error = &error as &dyn std::error::Error, "a job's end could not be written down");
            }
        }
    }

    /// The next job that waits, as soon as there is one; none when the daemon goes down.
    async fn next(&self) -> Option<JobObject> {
        let mut closing = self.0.closing.subscribe();
        loop {
            if *closing.borrow_and_update() {
                return None;
            }
            let claim = self
                .0
                .config
                .ledger
                .write(|connection| async move { store::claim(connection, now()).await }.boxed());
            let patience = match claim.await {
                Ok(Some(job)) => return Some(job),
                Ok(None) => Duration::MAX,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the next job could not be read"
                    );
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(patience) => {}
                _ = closing.changed() => {}
            }
        }
    }

    fn one(&self, job: JobObject, work: &dyn Work, runtime: &Handle) -> Result<(), JobError> {
        let JobObject { id, kind, config, starts, .. } = job;
        let control = Control::default();
        let current = Current { id: id.clone(), control: control.clone(), cancelled: false };
        *lock(&self.0.current) = Some(current);
        if *self.0.closing.borrow() {
            control.stop();
        }
        let said = Said::default();
        said.say(if starts > 1 { "it goes on" } else { "it begins" });
        let folder = self.folder(&id);
        let context = JobContext {
            id: id.clone(),
            kind,
            config,
            folder,
            control,
            runtime: runtime.clone(),
            said: said.clone(),
        };
        let (running, ended) = oneshot::channel();
        let watching = self.clone().watch((id.clone(), said.clone()), context.control.clone(), ended);
        let watched = runtime.spawn(watching);
        self.changed();
        let outcome = std::fs::create_dir_all(&context.folder).map_err(anyhow::Error::from).and_then(|()| {
            let done = catch_unwind(AssertUnwindSafe(|| work.run(&context)));
            done.unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked; the log of the daemon says where")))
        });
        drop(running);
        // It only reports; that it panicked is in the log.
        let _ = runtime.block_on(watched);
        let cancelled = lock(&self.0.current).take().is_some_and(|current| current.cancelled);
        let (state, result, reason) = match outcome {
            Ok(Ended::Done(result)) => (JobState::Done, Some(result), None),
            Ok(Ended::Stopped) if cancelled => (JobState::Cancelled, None, None),
            Ok(Ended::Stopped) => (JobState::Queued, None, None),
            Err(error) => (JobState::Failed, None, Some(format!("{error:#}"))),
        };
        said.say(&match (&state, &reason) {
            (JobState::Done, _) => "it is done".to_owned(),
            (JobState::Cancelled, _) => "it was cancelled".to_owned(),
            (_, Some(reason)) => format!("it failed: {reason}"),
            _ => "the daemon goes down; it goes on at the next start".to_owned(),
        });
        said.pause(false);
        said.lock().changed = true;
        runtime.block_on(self.finish(&id, &said, (state, result, reason)))?;
        metrics::gauge!(names::JOBS_PAUSED).set(0.0);
        if state.is_final() {
            let labels = [("kind", crate::revisions::word(kind)?), ("state", crate::revisions::word(state)?)];
            metrics::counter!(names::JOBS_ENDED, &labels).increment(1);
        }
        // What a failed job has is for whoever looks into it.
        if matches!(state, JobState::Done | JobState::Cancelled) {
            self.forget(&id);
        }
        self.changed();
        Ok(())
    }

    async fn finish(
        &self,
        id: &JobId,
        said: &Said,
        (state, result, reason): (JobState, Option<Value>, Option<String>),
    ) -> Result<(), JobError> {
        self.report(id, said).await?;
        let id = id.clone();
        let write = self.0.config.ledger.write(move |connection| {
            async move {
                store::end(connection, &id, (state, now()), (result.as_ref(), reason.as_deref())).await
            }
            .boxed()
        });
        write.await
    }

    /// Writes down what a job has said since the last time.
    pub(super) async fn report(&self, id: &JobId, said: &Said) -> Result<(), JobError> {
        let (lines, progress) = {
            let mut said = said.lock();
            let state = if said.paused { JobState::Paused } else { JobState::Running };
            let progress = std::mem::take(&mut said.changed).then(|| (state, said.progress.clone()));
            (said.lines.drain(..).collect::<Vec<_>>(), progress)
        };
        if lines.is_empty() && progress.is_none() {
            return Ok(());
        }
        let id = id.clone();
        let write = self.0.config.ledger.write(move |connection| {
            async move {
                if !lines.is_empty() {
                    store::add_lines(connection, &id, &lines).await?;
                }
                match progress {
                    Some((state, progress)) => store::report(connection, &id, (state, &progress)).await,
                    None => Ok(()),
                }
            }
            .boxed()
        });
        write.await?;
        self.changed();
        Ok(())
    }

    /// Whether the job that is being done was told to stop.
    #[cfg(test)]
    pub(super) fn is_stopping(&self) -> bool {
        lock(&self.0.current).as_ref().is_none_or(|current| current.control.is_stopped())
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }
}

/// Puts a job in the queue, as a part of a write; after it [`Jobs::enqueued`] is to be called.
pub(crate) async fn enqueue(
    connection: &mut sqlx::SqliteConnection,
    kind: JobKind,
    config: &Value,
) -> Result<JobObject, JobError> {
    if store::waiting(connection).await? >= MOST_WAITING as i64 {
        return Err(JobError::Full(MOST_WAITING));
    }
    store::insert(connection, (&JobId::fresh(), kind), config, now()).await
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Unix seconds.
fn now() -> i64 {
    chrono::Utc::now().timestamp()
}
