//! [`DenseIndex`]: embeddings by key, and the nearest of them to a query.

use super::{
    helpers::Helpers,
    quantised::Quantised,
    rotation::Rotation,
    search::{Lookup, Shared, read},
    segment::{ROWS, Segment},
    sketch::RotatedQuery,
};
use amend_proto::Embedding;
use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard},
};

/// Names an embedding in an index, by the caller's choice: an edit's place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DenseKey(pub u64);

/// What an index is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenseOptions {
    /// How many numbers an embedding has.
    pub dim: usize,
    /// The most embeddings.
    pub capacity: usize,
    /// Of the random rotation. Another seed gives other sketches, and the same nearest but for one in hundreds.
    pub seed: u64,
}

/// Whether rows may be passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Rows whose sketches say that they are most probably not among the nearest are.
    #[default]
    Sketched,
    /// Every row is compared, by the thread that asks alone.
    Exact,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct DenseQuery<'a> {
    /// A point.
    pub embedding: &'a Embedding,
    /// How many of the nearest.
    pub most: usize,
    /// How carefully.
    pub precision: Precision,
}

/// An embedding that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DenseHit {
    /// Which one.
    pub key: DenseKey,
    /// The cosine of the angle to the query, -1 to 1.
    pub cosine: f32,
}

/// Why an index refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DenseError {
    /// The embedding comes from another encoder.
    #[error("the embedding has {found} numbers, the index is made for {expected}; use one encoder for all")]
    Width {
        /// What the index is made for.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// The index is full.
    #[error("there is room for {capacity} embeddings; remove some, or raise the limit")]
    Full {
        /// The bound.
        capacity: usize,
    },
}

/// With so many segments for each, one thread more scans for a lookup: a quarter of a million rows are half a millisecond
/// for one.
const SEGMENTS_A_THREAD: usize = 30;
/// The most threads of one lookup.
const MAX_THREADS: usize = 4;

/// The live embeddings, in memory.
///
/// A lookup reads the signs of all rows (one bit a number), compares some that these promise most of, reads the sketches
/// of the rows that are then left a chance (two bits a number), and compares the few that may be among the nearest with
/// two bytes a number. It holds one segment's lock at a time. Inserting and removing changes one segment at once. A lookup
/// sees every insert and remove that returned before it began; of those during it, any.
///
/// Memory for embeddings of D numbers: 2·D bytes of codes, D / 8 of signs, the same and 8 in lines of 64 for the rest of a
/// sketch, and about 60 for keys and tables. A lookup works with 4 bytes a row, which are kept for the next.
pub struct DenseIndex {
    options: DenseOptions,
    rotation: Arc<Rotation>,
    helpers: Arc<Helpers>,
    /// Grows only.
    segments: ArcSwap<Vec<Shared>>,
    /// Held by whoever changes anything.
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    by_key: FxHashMap<DenseKey, (u32, u32)>,
    /// Segments that are not full.
    open: BTreeSet<u32>,
}

impl DenseIndex {
    /// An empty index.
    #[must_use]
    pub fn new(options: DenseOptions) -> Self {
        let rotation = Arc::new(Rotation::new(options.dim, options.seed));
        Self::sharing(options, rotation, Arc::new(Helpers::new(helpers())))
    }

    /// With the rotation of these options and with helpers, which several indexes may share.
    pub(super) fn sharing(options: DenseOptions, rotation: Arc<Rotation>, helpers: Arc<Helpers>) -> Self {
        Self { options, rotation, helpers, segments: ArcSwap::default(), places: Mutex::default() }
    }

    /// How many embeddings are in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places().by_key.len()
    }

    /// Nothing is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts an embedding in, in place of the one that the key named before. One insert in 8,192 makes the sketches of
    /// a segment, which takes some tens of milliseconds; lookups go on meanwhile.
    ///
    /// # Errors
    /// [`DenseError`]; nothing has changed then.
    pub fn insert(&self, key: DenseKey, embedding: &Quantised) -> Result<(), DenseError> {
        self.check(embedding.dim())?;
        let mut places = self.places();
        if let Some((segment, row)) = places.by_key.get(&key) {
            let segment = self.segment(*segment);
            write(&segment).replace(*row as usize, embedding, &self.rotation);
            return Ok(());
        }
        if places.by_key.len() >= self.options.capacity {
            return Err(DenseError::Full { capacity: self.options.capacity });
        }
        let at = places.open.first().copied().unwrap_or_else(|| self.grow(&mut places));
        let segment = self.segment(at);
        let mut writing = write(&segment);
        let row = writing.len();
        writing.push(key, embedding, &self.rotation);
        drop(writing);
        places.by_key.insert(key, (at, row as u32));
        if row + 1 == ROWS {
            places.open.remove(&at);
            self.seal(&segment);
        }
        Ok(())
    }

    /// Takes an embedding out. When this returns, no lookup finds it. Whether it was in.
    pub fn remove(&self, key: DenseKey) -> bool {
        let mut places = self.places();
        let Some((at, row)) = places.by_key.remove(&key) else { return false };
        let segment = self.segment(at);
        let moved = write(&segment).remove(row as usize);
        if let Some(moved) = moved {
            places.by_key.insert(moved, (at, row));
        }
        places.open.insert(at);
        true
    }

    /// The nearest embeddings among those that `accept` lets through, best first, of equally near ones the smaller key
    /// first. The same question to the same index has the same answer, whatever else the machine does. `accept` is called
    /// on this thread for those that come near, in no order, for some twice, and must not change the index.
    ///
    /// # Errors
    /// [`DenseError::Width`].
    pub fn search(
        &self,
        query: DenseQuery<'_>,
        accept: impl Fn(DenseKey) -> bool,
    ) -> Result<Vec<DenseHit>, DenseError> {
        self.check(query.embedding.dim())?;
        let rotated = RotatedQuery::new(query.embedding.as_slice(), &self.rotation);
        let segments = self.segments.load_full();
        let helpers = (segments.len() / SEGMENTS_A_THREAD).saturating_sub(1);
        let lookup = Arc::new(Lookup::new(rotated, segments, Arc::clone(&self.helpers.stock)));
        let best = match query.precision {
            Precision::Exact => lookup.nearest_exactly(query.most, &accept),
            Precision::Sketched => {
                lookup.nearest(query.most, &accept, &|| self.helpers.call(&lookup, helpers))
            }
        };
        let hit = |(cosine, key)| DenseHit { key, cosine };
        Ok(best.into_sorted().into_iter().map(hit).collect())
    }

    /// What is in, ascending.
    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<DenseKey> {
        let mut keys: Vec<DenseKey> = self.places().by_key.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    fn check(&self, found: usize) -> Result<(), DenseError> {
        let expected = self.options.dim;
        if found == expected { Ok(()) } else { Err(DenseError::Width { expected, found }) }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn segment(&self, at: u32) -> Shared {
        Arc::clone(&self.segments.load()[at as usize])
    }

    /// A new segment, open.
    fn grow(&self, places: &mut Places) -> u32 {
        let mut segments = self.segments.load().as_ref().clone();
        let at = segments.len() as u32;
        segments.push(Arc::new(RwLock::new(Segment::new(self.options.dim))));
        self.segments.store(Arc::new(segments));
        places.open.insert(at);
        at
    }

    /// Makes the sketches of a segment that is full for the first time. Who calls holds the places, so that nothing
    /// changes between reading and writing.
    fn seal(&self, segment: &Shared) {
        let reading = read(segment);
        if reading.wants_sketch() {
            let sketch = reading.sketch(&self.rotation);
            drop(reading);
            write(segment).install(sketch);
        }
    }
}

/// How many threads help lookups, on this machine.
pub(super) fn helpers() -> usize {
    std::thread::available_parallelism().map_or(0, |cores| cores.get().min(MAX_THREADS) - 1)
}

fn write(segment: &Shared) -> RwLockWriteGuard<'_, Segment> {
    segment.write().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for DenseIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenseIndex")
            .field("options", &self.options)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
