//! A lookup: segments scanned by several threads, and what the scans say taken together by one.
//!
//! The first step, which reads nearly all of the memory that a lookup reads, says for each row what it most probably does
//! not exceed. It needs nothing that other segments say, so whoever is free takes the next segment. Then the thread that
//! asks compares the rows with the highest bounds of all: the worst of the best among them is a floor close to the last
//! one. With it the second step, which again whoever is free takes segment by segment, says which rows are left a chance;
//! the thread that asks compares those, the most promising first. So the answer follows from what is in the index and
//! from the question, whichever thread scanned what.
//!
//! The thread that asks waits for no other: what a helper has begun and not finished it scans itself.

use super::{
    best::Best,
    highest::Highest,
    segment::{Chances, ROWS, Scan, Segment, Sought},
    sketch::RotatedQuery,
};
use std::{
    collections::{BinaryHeap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(super) type Shared = Arc<RwLock<Segment>>;

/// So many rows more than are wanted are compared for the floor. With 64 lookups for the 32 nearest computed a twentieth
/// longer, since the floor is lower and the second step longer.
const FIRST: usize = 128;

/// So many rows ahead memory is asked for.
const AHEAD: usize = 4;

/// Scans that are kept for later lookups, 33 KB each.
const KEPT: usize = 512;

/// Room for scans, of many lookups.
#[derive(Debug, Default)]
pub(super) struct Stock(Mutex<Vec<Scan>>);

/// Which rows have been compared with the question.
enum Compared {
    /// All that `accept` lets through: they are few.
    All,
    /// Those with the highest first bounds.
    Highest,
}

/// A lookup that several threads work at.
#[derive(Debug)]
pub(super) struct Lookup {
    query: RotatedQuery,
    segments: Arc<Vec<Shared>>,
    /// The first segment that nobody has begun.
    next: AtomicUsize,
    /// By segment.
    scans: Vec<Mutex<Option<Scan>>>,
    second: OnceLock<Second>,
    stock: Arc<Stock>,
}

/// The second step, once there is a floor.
#[derive(Debug)]
struct Second {
    floor: f32,
    scans: Vec<Scan>,
    /// The first segment that nobody has begun.
    next: AtomicUsize,
    /// By segment.
    chances: Vec<Mutex<Option<Chances>>>,
}

impl Lookup {
    pub(super) fn new(query: RotatedQuery, segments: Arc<Vec<Shared>>, stock: Arc<Stock>) -> Self {
        let scans = segments.iter().map(|_| Mutex::default()).collect();
        Self { query, segments, next: AtomicUsize::new(0), scans, second: OnceLock::new(), stock }
    }

    /// Scans segments until all are begun, in the step that the lookup is in.
    pub(super) fn help(&self) {
        while let Some(at) = self.begin(&self.next) {
            let scan = self.scan(at);
            // Unless the one who asks was faster.
            lock(&self.scans[at]).get_or_insert(scan);
        }
        if let Some(second) = self.second.get() {
            self.help_second(second);
        }
    }

    fn help_second(&self, second: &Second) {
        while let Some(at) = self.begin(&second.next) {
            let chances = self.chances(second, at);
            lock(&second.chances[at]).get_or_insert(chances);
        }
    }

    /// The best that `accept` lets through. `call` asks other threads to [`help`](Self::help), once for each step.
    pub(super) fn nearest(
        &self,
        most: usize,
        accept: &dyn Fn(super::DenseKey) -> bool,
        call: &dyn Fn(),
    ) -> Best {
        let sought = Sought { query: &self.query, accept };
        let mut best = Best::new(most.min(self.segments.len() * ROWS));
        call();
        self.help();
        let mut scans: Vec<Scan> = (0..self.scans.len())
            .map(|at| {
                let found = lock(&self.scans[at]).take();
                found.unwrap_or_else(|| self.scan(at))
            })
            .collect();
        match self.compare_promising(&sought, &mut scans, &mut best) {
            Compared::All => self.stock.give(scans),
            // Too few were let through: there is no floor, and every row has a chance.
            Compared::Highest if best.floor() == f32::NEG_INFINITY => {
                let mut near = Vec::new();
                for (segment, scan) in self.segments.iter().zip(&mut scans) {
                    read(segment).offer_bounded(&sought, scan, &mut near, &mut best);
                }
                self.stock.give(scans);
            }
            Compared::Highest => {
                let second = self.second.get_or_init(|| Second::new(best.floor(), scans));
                call();
                self.help_second(second);
                self.compare_chances(&sought, second, &mut best);
            }
        }
        best
    }

    /// Compares the rows that the second step leaves a chance, the highest bounds first.
    fn compare_chances(&self, sought: &Sought<'_>, second: &Second, best: &mut Best) {
        let (mut chances, mut changed) = (Vec::new(), Vec::new());
        for (at, found) in second.chances.iter().enumerate() {
            let found = lock(found).take();
            match found.unwrap_or_else(|| self.chances(second, at)) {
                Chances::Of(rows) => chances.extend(rows),
                Chances::Changed => changed.push(at),
            }
        }
        let mut chances = BinaryHeap::from(chances);
        // Asked for and not compared yet.
        let mut ahead = VecDeque::with_capacity(AHEAD + 1);
        loop {
            while ahead.len() <= AHEAD
                && let Some(chance) = chances.pop()
            {
                let (at, row) = chance.place();
                read(&self.segments[at as usize]).prefetch(row);
                ahead.push_back(chance);
            }
            let Some(chance) = ahead.pop_front().filter(|chance| chance.bound() > best.floor()) else {
                break;
            };
            let (at, row) = chance.place();
            let segment = read(&self.segments[at as usize]);
            if !segment.offer_chance(row, sought, &second.scans[at as usize], best) {
                changed.push(at as usize);
            }
        }
        changed.sort_unstable();
        changed.dedup();
        let mut near = Vec::new();
        for at in changed {
            let mut scan = self.scan(at);
            read(&self.segments[at]).offer_bounded(sought, &mut scan, &mut near, best);
            self.stock.give(vec![scan]);
        }
    }

    /// The best, every row compared.
    pub(super) fn nearest_exactly(&self, most: usize, accept: &dyn Fn(super::DenseKey) -> bool) -> Best {
        let sought = Sought { query: &self.query, accept };
        let mut best = Best::new(most.min(self.segments.len() * ROWS));
        self.segments.iter().for_each(|segment| read(segment).offer_all(&sought, &mut best));
        best
    }

    /// The rows with the highest bounds, and those that have none.
    fn compare_promising(&self, sought: &Sought<'_>, scans: &mut [Scan], best: &mut Best) -> Compared {
        let mut promising = Highest::new(best.most() + FIRST);
        for (at, scan) in scans.iter_mut().enumerate() {
            read(&self.segments[at]).offer_promising(at as u32, sought, scan, (&mut promising, best));
        }
        let (found, all) = promising.into_found();
        let mut compared = if all { Compared::All } else { Compared::Highest };
        for (_, (at, row)) in found.iter().take(AHEAD) {
            read(&self.segments[*at as usize]).prefetch(*row);
        }
        for (n, (_, (at, row))) in found.iter().enumerate() {
            if let Some((_, (at, row))) = found.get(n + AHEAD) {
                read(&self.segments[*at as usize]).prefetch(*row);
            }
            let segment = read(&self.segments[*at as usize]);
            if !segment.offer_first(*row, sought, &mut scans[*at as usize], best) {
                compared = Compared::Highest;
            }
        }
        compared
    }

    /// How many segments are scanned.
    #[cfg(test)]
    pub(super) fn scanned(&self) -> usize {
        self.scans.iter().filter(|scan| lock(scan).is_some()).count()
    }

    fn begin(&self, next: &AtomicUsize) -> Option<usize> {
        let at = next.fetch_add(1, Ordering::Relaxed);
        (at < self.segments.len()).then_some(at)
    }

    fn chances(&self, second: &Second, at: usize) -> Chances {
        read(&self.segments[at]).chances(at as u32, &second.scans[at], second.floor)
    }

    fn scan(&self, at: usize) -> Scan {
        let mut scan = self.stock.take();
        read(&self.segments[at]).scan(&self.query, &mut scan);
        scan
    }
}

impl Second {
    fn new(floor: f32, scans: Vec<Scan>) -> Self {
        let chances = scans.iter().map(|_| Mutex::default()).collect();
        Self { floor, scans, next: AtomicUsize::new(0), chances }
    }
}

/// A helper may be the last to leave.
impl Drop for Lookup {
    fn drop(&mut self) {
        if let Some(second) = self.second.take() {
            self.stock.give(second.scans);
        }
    }
}

impl Stock {
    /// Whoever finds others at the stock does not wait for them: new memory costs less than a thread that is put aside.
    fn take(&self) -> Scan {
        self.0.try_lock().ok().and_then(|mut kept| kept.pop()).unwrap_or_default()
    }

    fn give(&self, scans: Vec<Scan>) {
        let mut kept = lock(&self.0);
        let room = KEPT.saturating_sub(kept.len());
        kept.extend(scans.into_iter().take(room));
    }
}

// A panic can only come from `accept`, which runs under a read lock and leaves nothing half changed.
pub(super) fn read(segment: &Shared) -> RwLockReadGuard<'_, Segment> {
    segment.read().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
