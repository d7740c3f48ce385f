//! Threads that scan for lookups. Not the pool that models compute on: there a lookup would wait for whole matrices.

use super::search::{Lookup, Stock};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Threads that help lookups of several indexes, started when the first large one needs them, and gone with the last
/// index. A lookup is done without any help as well.
pub(super) struct Helpers {
    most: usize,
    desk: Arc<Desk>,
    pub(super) stock: Arc<Stock>,
}

#[derive(Debug, Default)]
struct Desk {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lookups: VecDeque<Arc<Lookup>>,
    started: usize,
    closed: bool,
}

impl Helpers {
    /// At most so many threads.
    pub(super) fn new(most: usize) -> Self {
        Self { most, desk: Arc::default(), stock: Arc::default() }
    }

    /// Asks up to `count` threads to help. Who comes when as many lookups wait as there are threads works alone.
    pub(super) fn call(&self, lookup: &Arc<Lookup>, count: usize) {
        let mut waiting = self.desk.waiting();
        while waiting.started < count.min(self.most) && self.start() {
            waiting.started += 1;
        }
        for _ in 0..count.min(waiting.started.saturating_sub(waiting.lookups.len())) {
            waiting.lookups.push_back(Arc::clone(lookup));
            self.desk.changed.notify_one();
        }
    }

    /// Whether the system gave a thread.
    fn start(&self) -> bool {
        let desk = Arc::clone(&self.desk);
        thread::Builder::new().name("amend-dense".to_owned()).spawn(move || desk.serve()).is_ok()
    }
}

impl Desk {
    fn serve(&self) {
        let _gone = Gone(self);
        while let Some(lookup) = self.next() {
            lookup.help();
        }
    }

    /// Waits for one; `None` at the end.
    fn next(&self) -> Option<Arc<Lookup>> {
        let idle = |waiting: &mut Waiting| waiting.lookups.is_empty() && !waiting.closed;
        let mut waiting =
            self.changed.wait_while(self.waiting(), idle).unwrap_or_else(PoisonError::into_inner);
        waiting.lookups.pop_front()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a thread out, however it ends; the last one takes along what nobody would come for.
struct Gone<'a>(&'a Desk);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.started -= 1;
        if waiting.started == 0 {
            waiting.lookups.clear();
        }
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.desk.waiting().closed = true;
        self.desk.changed.notify_all();
    }
}

impl fmt::Debug for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helpers").field("most", &self.most).finish_non_exhaustive()
    }
}
