//! What a job is told, and how it tells how far it is.

use amend_proto::{
    JobId,
    wire::{JobKind, JobPhase, JobProgress},
};
use amend_trainer::bmc::Control;
use serde_json::Value;
use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::runtime::Handle;

/// Lines that wait to be written; older ones give way.
const MAX_WAITING_LINES: usize = 200;
/// The longest line, in characters.
const MAX_LINE: usize = 500;

/// How a job ended without a failure.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It did what it was to do.
    Done(Value),
    /// It was told to stop; begun again, it goes on.
    Stopped,
}

/// Does jobs.
pub trait Work: Send + Sync {
    /// Does one, on the calling thread, for as long as it takes. Called again with the same folder, it goes on.
    ///
    /// # Errors
    /// Why it cannot be done, in an operator's words.
    fn run(&self, job: &JobContext) -> anyhow::Result<Ended>;
}

/// A job as whoever does it sees it.
pub struct JobContext {
    /// Its name.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Its settings.
    pub config: Value,
    /// What it keeps between starts. Its own.
    pub folder: PathBuf,
    /// Pauses and stops it.
    pub control: Control,
    /// For what is asynchronous.
    pub runtime: Handle,
    pub(super) said: Said,
}

impl JobContext {
    /// How far it is.
    pub fn at(&self, phase: JobPhase, (done, of): (u64, u64), metrics: Option<Value>) {
        let mut said = self.said.lock();
        said.progress = JobProgress { phase, done, of, metrics };
        said.changed = true;
    }

    /// A line for its log.
    pub fn say(&self, line: impl AsRef<str>) {
        self.said.say(line.as_ref());
    }

    /// Whether it shall stop.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.control.is_stopped()
    }
}

/// What a job has said and nobody has written down yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Said(Arc<Mutex<Unwritten>>);

#[derive(Debug, Default)]
pub(super) struct Unwritten {
    pub(super) progress: JobProgress,
    pub(super) paused: bool,
    pub(super) changed: bool,
    pub(super) lines: VecDeque<(i64, String)>,
}

impl Said {
    /// No code that holds the lock panics half-way through a change.
    pub(super) fn lock(&self) -> MutexGuard<'_, Unwritten> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn say(&self, line: &str) {
        let line = line.chars().take(MAX_LINE).collect();
        let mut said = self.lock();
        if said.lines.len() == MAX_WAITING_LINES {
            said.lines.pop_front();
        }
        said.lines.push_back((chrono::Utc::now().timestamp(), line));
    }

    pub(super) fn pause(&self, paused: bool) {
        let mut said = self.lock();
        said.changed |= said.paused != paused;
        said.paused = paused;
    }
}
