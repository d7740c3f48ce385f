//! Embeddings on disk, so that a restart does not embed a million texts again.
//!
//! A file of a header and records of one size: a ring. New records are appended until the file holds as many as it may,
//! then they take the place of the oldest. Every record has a checksum, so that one that a crash left half written, at
//! the end or in the middle, is an empty place at the next start and nothing else. Nothing waits for the disk: what a
//! power failure takes is embedded again.
//!
//! A file belongs to one encoder, by its id and its width: embeddings of others could not be compared with those of this
//! one. A sound file of another encoder is refused and left as it is ([`EmbeddingCache::file_name`] gives each encoder
//! its own); one whose header is damaged is begun anew.

mod file;

use super::Quantised;
use amend_proto::{EmbedderId, TextRole};
use file::{Opened, RecordFile};
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use std::{
    collections::VecDeque,
    fmt,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Where and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// The file. It is made if it is not there, its folder is not.
    pub path: PathBuf,
    /// The most embeddings, of 2·D + 36 bytes each on disk and about 45 in memory.
    pub capacity: u32,
}

/// Why the cache failed. It is for who runs the server; an editor can go on without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The file could not be read or written.
    #[error("the embedding cache failed to {action} {}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// Another process uses the file.
    #[error("the embedding cache {} is in use by another process; stop that one or choose another file", .path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file holds the embeddings of another encoder.
    #[error(
        "{} holds the embeddings of the encoder {found:?}, {found_dim} numbers each, and not of {expected}, {expected_dim} \
         numbers; name another file, or remove this one",
        .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The encoder that is to be used.
        expected: EmbedderId,
        /// Its width.
        expected_dim: usize,
        /// The encoder that the file is of.
        found: String,
        /// The width of what is in it.
        found_dim: usize,
    },
    /// The embedding is not of the width that the cache was opened for.
    #[error(
        "the embedding has {found} numbers, the cache holds those of {expected}; use one encoder for all"
    )]
    Width {
        /// What the cache was opened for.
        expected: usize,
        /// What came.
        found: usize,
    },
}

/// What a text in a role is kept under: the beginning of the SHA-256 of both.
type TextKey = [u8; 16];

/// The embeddings of one encoder's texts, on disk. All methods take a lock for the time of one read or write.
pub struct EmbeddingCache {
    dim: usize,
    capacity: u32,
    state: Mutex<State>,
}

struct State {
    file: RecordFile,
    places: FxHashMap<TextKey, u32>,
    /// By place: whose it is, if it holds a sound record.
    keys: Vec<Option<TextKey>>,
    /// Places in the order in which they are written over, empty ones first.
    order: VecDeque<u32>,
    /// Of the newest record.
    last: u64,
}

impl EmbeddingCache {
    /// Opens the cache of an encoder and reads all of it: a million embeddings take about a second.
    ///
    /// A damaged file is begun anew; of a file with more than `capacity` places, those beyond are cut off.
    ///
    /// # Errors
    /// [`CacheError::Locked`], [`CacheError::Foreign`] and [`CacheError::Io`].
    pub fn open(options: CacheOptions, embedder: &EmbedderId, dim: usize) -> Result<Self, CacheError> {
        let CacheOptions { path, capacity } = options;
        let Opened { file, mut records } = RecordFile::open(path, embedder, dim, capacity)?;
        let mut keys = vec![None; file.places() as usize];
        let mut places = FxHashMap::default();
        records.sort_unstable_by_key(|record| record.number);
        let mut sound = VecDeque::with_capacity(records.len());
        for record in &records {
            if let Some(older) = places.insert(record.key, record.place) {
                // Never written so by this code; the newer one counts.
                keys[older as usize] = None;
            }
            keys[record.place as usize] = Some(record.key);
            sound.push_back(record.place);
        }
        sound.retain(|place| keys[*place as usize].is_some());
        let empty = (0u32..).zip(&keys).filter(|(_, key)| key.is_none()).map(|(place, _)| place);
        let order = empty.chain(sound).collect();
        let last = records.last().map_or(0, |record| record.number);
        tracing::info!(entries = places.len(), %embedder, "the embedding cache is open");
        Ok(Self { dim, capacity, state: Mutex::new(State { file, places, keys, order, last }) })
    }

    /// A name for the file of an encoder: no other encoder has the same, and no other width.
    #[must_use]
    pub fn file_name(embedder: &EmbedderId, dim: usize) -> String {
        // An id holds letters, digits and `-_.:/`. Two of them cannot be in a file's name everywhere.
        format!("{}.{dim}.embeddings", embedder.as_str().replace('/', "+").replace(':', "="))
    }

    /// How many embeddings it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().places.len()
    }

    /// It holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The embedding of a text, if it is kept.
    ///
    /// # Errors
    /// [`CacheError::Io`].
    pub fn get(&self, role: TextRole, text: &str) -> Result<Option<Quantised>, CacheError> {
        let key = key(role, text);
        let mut state = self.state();
        let Some(place) = state.places.get(&key).copied() else { return Ok(None) };
        let found = state.file.read(place, &key)?;
        if found.is_none() {
            // Damaged since the opening: an empty place.
            state.places.remove(&key);
            state.keys[place as usize] = None;
        }
        Ok(found)
    }

    /// Keeps the embedding of a text, in place of the oldest if it is full. What is kept already stays as it is.
    ///
    /// # Errors
    /// [`CacheError::Io`]; the embedding is not kept then. [`CacheError::Width`].
    pub fn put(&self, role: TextRole, text: &str, embedding: &Quantised) -> Result<(), CacheError> {
        if embedding.dim() != self.dim {
            return Err(CacheError::Width { expected: self.dim, found: embedding.dim() });
        }
        let key = key(role, text);
        let mut state = self.state();
        if self.capacity == 0 || state.places.contains_key(&key) {
            return Ok(());
        }
        state.put(key, embedding, self.capacity)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, key: TextKey, embedding: &Quantised, capacity: u32) -> Result<(), CacheError> {
        let empty = self.order.front().is_some_and(|place| self.keys[*place as usize].is_none());
        let place = if !empty && self.file.places() < capacity {
            self.keys.push(None);
            self.file.places()
        } else {
            let place = self.order.pop_front().unwrap_or(0);
            if let Some(old) = self.keys[place as usize].take() {
                self.places.remove(&old);
            }
            place
        };
        // If this fails, the place is empty, and the first to be written again.
        self.order.push_front(place);
        self.file.write(place, self.last + 1, &key, embedding)?;
        self.order.rotate_left(1);
        self.last += 1;
        self.keys[place as usize] = Some(key);
        self.places.insert(key, place);
        Ok(())
    }
}

fn key(role: TextRole, text: &str) -> TextKey {
    let role = match role {
        TextRole::Query => b'q',
        TextRole::Passage => b'p',
    };
    let digest = Sha256::new().chain_update([role]).chain_update(text).finalize();
    std::array::from_fn(|at| digest[at])
}

impl fmt::Debug for EmbeddingCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddingCache")
            .field("dim", &self.dim)
            .field("capacity", &self.capacity)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
