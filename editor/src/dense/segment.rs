//! A run of rows that is scanned under one lock: embeddings with two bytes a number, and, once it is full, their sketches.

use super::{
    DenseKey,
    best::Best,
    highest::Highest,
    lanes::highest,
    quantised::{Quantised, cosine},
    rotation::Rotation,
    sketch::{Planes, RotatedQuery, Sketch, prefetch},
};
use std::cmp::Ordering;

/// Rows of one segment: a scan of it takes some tens of microseconds, and no lock is held for longer.
pub(super) const ROWS: usize = 8_192;

/// Codes in a line of the processor's cache.
const LINE: usize = 32;

/// Rows that are passed over together when none of them may be among the best.
const SKIPPED: usize = 64;

/// A row, by the number of its segment and its own there.
pub(super) type Place = (u32, u32);

/// Up to [`ROWS`] embeddings of one width. Rows have no order; the last one moves into a gap.
#[derive(Debug)]
pub(super) struct Segment {
    dim: usize,
    keys: Vec<DenseKey>,
    scales: Vec<f32>,
    codes: Vec<i16>,
    /// Made when the segment is full for the first time, and kept up from then on. Fewer rows are scanned as they are.
    sketch: Option<Sketch>,
    /// Counts changes.
    version: u64,
}

/// What a lookup asks of every row.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) query: &'a RotatedQuery,
    pub(super) accept: &'a dyn Fn(DenseKey) -> bool,
}

/// What the first step found out about the rows of a segment that has sketches. Kept for later lookups, so that one does
/// not ask the system for megabytes.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Of the segment when it was scanned; `None`: it has no sketches.
    seen: Option<(u64, Planes)>,
    /// Of each row.
    bounds: Vec<f32>,
    /// Of each [`SKIPPED`] rows, their highest bound.
    highest: Vec<f32>,
}

/// A row that may be among the nearest, by a bound of its score. The higher bounds are the greater ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    bound: f32,
    place: Place,
}

/// What the second step leaves of a segment.
#[derive(Debug)]
pub(super) enum Chances {
    /// In the order of rows.
    Of(Vec<Chance>),
    /// It has changed since it was scanned: its rows may have moved.
    Changed,
}

impl Segment {
    pub(super) fn new(dim: usize) -> Self {
        // Grows as it fills: there may be thousands of tenants with a few edits each. Doubling a full one's memory moves
        // at most a few megabytes.
        Self { dim, keys: Vec::new(), scales: Vec::new(), codes: Vec::new(), sketch: None, version: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// It is full and has no sketches yet.
    pub(super) fn wants_sketch(&self) -> bool {
        self.keys.len() == ROWS && self.sketch.is_none()
    }

    /// Appends a row. The segment must not be full.
    pub(super) fn push(&mut self, key: DenseKey, stored: &Quantised, rotation: &Rotation) {
        self.version += 1;
        self.keys.push(key);
        self.scales.push(stored.scale());
        self.codes.extend_from_slice(stored.codes());
        if let Some(sketch) = &mut self.sketch {
            sketch.set(self.keys.len() - 1, stored, rotation);
        }
    }

    /// Writes over a row.
    pub(super) fn replace(&mut self, row: usize, stored: &Quantised, rotation: &Rotation) {
        self.version += 1;
        self.scales[row] = stored.scale();
        self.codes[row * self.dim..][..self.dim].copy_from_slice(stored.codes());
        if let Some(sketch) = &mut self.sketch {
            sketch.set(row, stored, rotation);
        }
    }

    /// Removes a row; the last one takes its place, and its key is returned if it is another.
    pub(super) fn remove(&mut self, row: usize) -> Option<DenseKey> {
        let last = self.keys.len() - 1;
        self.version += 1;
        self.keys.swap_remove(row);
        self.scales.swap_remove(row);
        self.codes.copy_within(last * self.dim.., row * self.dim);
        self.codes.truncate(last * self.dim);
        if self.keys.is_empty() {
            // After a rollback of much, the memory is given back.
            *self = Self { version: self.version, ..Self::new(self.dim) };
            return None;
        }
        if let Some(sketch) = &mut self.sketch {
            sketch.copy(last, row);
        }
        self.keys.get(row).copied()
    }

    /// The sketches of all rows, around their mean. This takes some tens of milliseconds.
    pub(super) fn sketch(&self, rotation: &Rotation) -> Sketch {
        let mut mean = vec![0f32; self.dim];
        for (codes, scale) in self.codes.chunks_exact(self.dim).zip(&self.scales) {
            for (sum, code) in mean.iter_mut().zip(codes) {
                *sum += f32::from(*code) * scale;
            }
        }
        let count = self.keys.len().max(1) as f32;
        let mut sketch = Sketch::new(mean.into_iter().map(|sum| sum / count).collect(), ROWS, rotation);
        for (row, (codes, scale)) in self.codes.chunks_exact(self.dim).zip(&self.scales).enumerate() {
            if let Some(stored) = Quantised::from_parts(*scale, codes.into()) {
                sketch.set(row, &stored, rotation);
            }
        }
        sketch
    }

    pub(super) fn install(&mut self, sketch: Sketch) {
        self.version += 1;
        self.sketch = Some(sketch);
    }

    /// The first step, which does not depend on anything but the segment and the query.
    pub(super) fn scan(&self, query: &RotatedQuery, scan: &mut Scan) {
        scan.seen = None;
        let Some(sketch) = &self.sketch else { return };
        let planes = sketch.planes(query);
        sketch.bounds(&planes, self.keys.len(), &mut scan.bounds);
        scan.highest.clear();
        scan.highest.extend(scan.bounds.chunks(SKIPPED).map(|run| highest(run, |bound| bound)));
        scan.seen = Some((self.version, planes));
    }

    /// Offers the rows with the highest first bounds; every row, where there are none.
    pub(super) fn offer_promising(
        &self,
        at: u32,
        sought: &Sought<'_>,
        scan: &mut Scan,
        (promising, best): (&mut Highest<Place>, &mut Best),
    ) {
        self.renew(sought, scan);
        if scan.seen.is_none() {
            return self.offer_all(sought, best);
        }
        for (start, block) in scan.above(promising.floor()) {
            for (bound, row) in block.iter().zip(start..) {
                if *bound > promising.floor() && (sought.accept)(self.keys[row as usize]) {
                    promising.push(*bound, (at, row));
                }
            }
        }
    }

    /// Asks the memory for what [`offer_first`](Self::offer_first) will read.
    pub(super) fn prefetch(&self, row: u32) {
        let start = row as usize * self.dim;
        self.codes.iter().skip(start).take(self.dim).step_by(LINE).for_each(prefetch);
    }

    /// Compares a row that was found promising. Whether it still is where it was; if not, the last step finds it.
    pub(super) fn offer_first(
        &self,
        row: u32,
        sought: &Sought<'_>,
        scan: &mut Scan,
        best: &mut Best,
    ) -> bool {
        let current = scan.seen.as_ref().is_some_and(|(version, _)| *version == self.version);
        if current {
            scan.bounds[row as usize] = f32::NEG_INFINITY;
            let (score, key) = (self.score(row as usize, sought), self.keys[row as usize]);
            best.offer(score, key);
        }
        current
    }

    /// The second step: the rows whose first and second bounds are above a floor.
    pub(super) fn chances(&self, at: u32, scan: &Scan, floor: f32) -> Chances {
        if !self.is_as_in(scan) {
            return Chances::Changed;
        }
        let mut chances = Vec::new();
        let (Some((_, planes)), Some(sketch)) = (&scan.seen, &self.sketch) else {
            return Chances::Of(chances);
        };
        for (start, block) in scan.above(floor) {
            for (bound, row) in block.iter().zip(start..) {
                if *bound > floor {
                    sketch.prefetch(row as usize);
                    chances.push(Chance { bound: *bound, place: (at, row) });
                }
            }
        }
        chances.retain_mut(|chance| {
            chance.bound = sketch.bound(planes, chance.place.1 as usize, chance.bound);
            chance.bound > floor
        });
        Chances::Of(chances)
    }

    /// Compares a row that the second step left a chance. Whether it still is where it was.
    pub(super) fn offer_chance(&self, row: u32, sought: &Sought<'_>, scan: &Scan, best: &mut Best) -> bool {
        let current = self.is_as_in(scan);
        if current {
            self.offer(row as usize, sought, best);
        }
        current
    }

    /// Offers the rows whose first and second bounds leave them a chance, the most promising first.
    pub(super) fn offer_bounded(
        &self,
        sought: &Sought<'_>,
        scan: &mut Scan,
        near: &mut Vec<(f32, u32)>,
        best: &mut Best,
    ) {
        self.renew(sought, scan);
        let (Some((_, planes)), Some(sketch)) = (&scan.seen, &self.sketch) else { return };
        let floor = best.floor();
        near.clear();
        for (start, block) in scan.above(floor) {
            for (bound, row) in block.iter().zip(start..) {
                if *bound > floor {
                    sketch.prefetch(row as usize);
                    near.push((*bound, row));
                }
            }
        }
        near.retain_mut(|(bound, row)| {
            let row = *row as usize;
            *bound = sketch.bound(planes, row, *bound);
            let stays = *bound > floor;
            if stays {
                self.codes[row * self.dim..][..self.dim].iter().step_by(LINE).for_each(prefetch);
            }
            stays
        });
        near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (bound, row) in near.iter() {
            if *bound <= best.floor() {
                break;
            }
            self.offer(*row as usize, sought, best);
        }
    }

    /// Offers every row.
    pub(super) fn offer_all(&self, sought: &Sought<'_>, best: &mut Best) {
        (0..self.keys.len()).for_each(|row| self.offer(row, sought, best));
    }

    /// Scans again if the segment has changed since: its rows may have moved.
    fn renew(&self, sought: &Sought<'_>, scan: &mut Scan) {
        if !self.is_as_in(scan) {
            self.scan(sought.query, scan);
        }
    }

    /// It has not changed since it was scanned, or had no sketches then and has none.
    fn is_as_in(&self, scan: &Scan) -> bool {
        match &scan.seen {
            Some((version, _)) => *version == self.version,
            None => self.sketch.is_none(),
        }
    }

    fn offer(&self, row: usize, sought: &Sought<'_>, best: &mut Best) {
        let (score, key) = (self.score(row, sought), self.keys[row]);
        // Twice it comes if it moved during the lookup.
        if best.takes(score, key) && !best.holds(key) && (sought.accept)(key) {
            best.offer(score, key);
        }
    }

    fn score(&self, row: usize, sought: &Sought<'_>) -> f32 {
        cosine(sought.query.values(), &self.codes[row * self.dim..][..self.dim], self.scales[row])
    }
}

impl Chance {
    pub(super) fn bound(&self) -> f32 {
        self.bound
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }
}

impl Ord for Chance {
    /// Of equal bounds the lower place is the greater one.
    fn cmp(&self, other: &Self) -> Ordering {
        self.bound.total_cmp(&other.bound).then(other.place.cmp(&self.place))
    }
}

impl PartialOrd for Chance {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Chance {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Chance {}

impl Scan {
    /// The runs of rows some of which have bounds above a floor, each with its first row.
    fn above(&self, floor: f32) -> impl Iterator<Item = (u32, &[f32])> {
        let runs = (0u32..).step_by(SKIPPED).zip(self.bounds.chunks(SKIPPED)).zip(&self.highest);
        runs.filter(move |(_, highest)| **highest > floor).map(|(run, _)| run)
    }
}
