//! A run of rows that is scanned under one lock: embeddings with two bytes a number, and, once it is full, their sketches.

use super::{
    DenseKey, Precision,
    best::Best,
    quantised::{Quantised, cosine},
    rotation::Rotation,
    sketch::{Planes, RotatedQuery, Sketch, prefetch},
};

/// Rows of one segment: a scan of it takes some tens of microseconds, and no lock is held for longer.
pub(super) const ROWS: usize = 8_192;

/// Codes in a line of the processor's cache.
const LINE: usize = 32;

/// Rows that are passed over together when none of them may be among the best.
const SKIPPED: usize = 64;

/// Up to [`ROWS`] embeddings of one width. Rows have no order; the last one moves into a gap.
#[derive(Debug)]
pub(super) struct Segment {
    dim: usize,
    keys: Vec<DenseKey>,
    scales: Vec<f32>,
    codes: Vec<i16>,
    /// Made when the segment is full for the first time, and kept up from then on. Fewer rows are scanned as they are.
    sketch: Option<Sketch>,
}

/// A query in the forms that segments need.
pub(super) struct Sought<'a> {
    pub(super) rotated: RotatedQuery<'a>,
    pub(super) precision: Precision,
    pub(super) accept: &'a (dyn Fn(DenseKey) -> bool + Sync),
}

/// Room to work in, for a scan of one segment after the other.
#[derive(Debug, Default)]
pub(super) struct Room {
    bounds: Vec<f32>,
    near: Vec<(f32, usize)>,
}

impl Segment {
    pub(super) fn new(dim: usize) -> Self {
        // Grows as it fills: there may be thousands of tenants with a few edits each. Doubling a full one's memory moves
        // at most a few megabytes.
        Self { dim, keys: Vec::new(), scales: Vec::new(), codes: Vec::new(), sketch: None }
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
        self.keys.push(key);
        self.scales.push(stored.scale());
        self.codes.extend_from_slice(stored.codes());
        if let Some(sketch) = &mut self.sketch {
            sketch.set(self.keys.len() - 1, stored, rotation);
        }
    }

    /// Writes over a row.
    pub(super) fn replace(&mut self, row: usize, stored: &Quantised, rotation: &Rotation) {
        self.scales[row] = stored.scale();
        self.codes[row * self.dim..][..self.dim].copy_from_slice(stored.codes());
        if let Some(sketch) = &mut self.sketch {
            sketch.set(row, stored, rotation);
        }
    }

    /// Removes a row; the last one takes its place, and its key is returned if it is another.
    pub(super) fn remove(&mut self, row: usize) -> Option<DenseKey> {
        let last = self.keys.len() - 1;
        self.keys.swap_remove(row);
        self.scales.swap_remove(row);
        self.codes.copy_within(last * self.dim.., row * self.dim);
        self.codes.truncate(last * self.dim);
        if self.keys.is_empty() {
            // After a rollback of much, the memory is given back.
            *self = Self::new(self.dim);
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
        self.sketch = Some(sketch);
    }

    /// Offers every row that may be among the best.
    pub(super) fn search(&self, sought: &Sought<'_>, best: &mut Best, room: &mut Room) {
        match (&self.sketch, sought.precision) {
            (Some(sketch), Precision::Sketched) => {
                let planes = sketch.planes(&sought.rotated);
                sketch.bounds(&planes, self.keys.len(), &mut room.bounds);
                if best.floor() == f32::NEG_INFINITY {
                    self.offer_highest(sought, best, &mut room.bounds);
                }
                self.offer_bounded((sketch, &planes), sought, best, room);
            }
            (None, _) | (_, Precision::Exact) => {
                for row in 0..self.keys.len() {
                    self.offer(row, sought, best);
                }
            }
        }
    }

    /// The rows with the highest bounds, so that there is something for others to be measured against.
    fn offer_highest(&self, sought: &Sought<'_>, best: &mut Best, bounds: &mut [f32]) {
        let mut first = Best::new(best.most());
        for (bound, row) in bounds.iter().zip(0..) {
            if *bound > first.floor() && (sought.accept)(self.keys[row]) {
                first.offer(*bound, DenseKey(row as u64));
            }
        }
        for (_, DenseKey(row)) in first.into_sorted() {
            self.offer(row as usize, sought, best);
            bounds[row as usize] = f32::NEG_INFINITY;
        }
    }

    /// The rows whose first and second bounds leave them a chance, the most promising first.
    fn offer_bounded(
        &self,
        (sketch, planes): (&Sketch, &Planes),
        sought: &Sought<'_>,
        best: &mut Best,
        Room { bounds, near }: &mut Room,
    ) {
        let floor = best.floor();
        near.clear();
        for (block, start) in bounds.chunks(SKIPPED).zip((0..).step_by(SKIPPED)) {
            if !any_above(block, floor) {
                continue;
            }
            for (bound, row) in block.iter().zip(start..) {
                if *bound > floor {
                    sketch.prefetch(row);
                    near.push((*bound, row));
                }
            }
        }
        near.retain_mut(|(bound, row)| {
            *bound = sketch.bound(planes, *row);
            let stays = *bound > floor;
            if stays {
                self.codes[*row * self.dim..][..self.dim].iter().step_by(LINE).for_each(prefetch);
            }
            stays
        });
        near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        for (bound, row) in near.iter() {
            if *bound <= best.floor() {
                break;
            }
            self.offer(*row, sought, best);
        }
    }

    fn offer(&self, row: usize, sought: &Sought<'_>, best: &mut Best) {
        let codes = &self.codes[row * self.dim..][..self.dim];
        let score = cosine(sought.rotated.values(), codes, self.scales[row]);
        if best.takes(score, self.keys[row]) && (sought.accept)(self.keys[row]) {
            best.offer(score, self.keys[row]);
        }
    }
}

/// Whether any of these is above the floor, without a branch for each.
#[inline]
fn any_above(bounds: &[f32], floor: f32) -> bool {
    bounds.iter().fold(false, |any, bound| any | (*bound > floor))
}
