//! The file of an embedding cache. All numbers are little-endian.
//!
//! Header, 256 bytes: `AMENDEM2`, the width (4), the length of the encoder's id (4), the id, zeros, a checksum (8).
//! Record, 2 · width + 36 bytes: its number (8), the text's key (16), the scale (4), the codes, a checksum (8). Numbers
//! ascend in the order of writing; a checksum is the beginning of the SHA-256 of what stands before it.

use super::{CacheError, Quantised, TextKey};
use amend_proto::EmbedderId;
use sha2::{Digest, Sha256};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

const MAGIC: &[u8; 8] = b"AMENDEM2";
const HEADER: usize = 256;
const CHECK: usize = 8;
/// What a record has besides its codes.
const OVERHEAD: usize = 8 + 16 + 4 + CHECK;

/// A record that was found at the opening.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) key: TextKey,
    pub(super) place: u32,
}

/// A file and the sound records in it.
pub(super) struct Opened {
    pub(super) file: RecordFile,
    pub(super) records: Vec<Found>,
}

/// The open file, locked as long as it is.
pub(super) struct RecordFile {
    file: File,
    path: PathBuf,
    dim: usize,
    places: u32,
}

impl RecordFile {
    pub(super) fn open(
        path: PathBuf,
        embedder: &EmbedderId,
        dim: usize,
        capacity: u32,
    ) -> Result<Opened, CacheError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CacheError::Locked { path }),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        let mut this = Self { file, path, dim, places: 0 };
        match this.header(embedder).map_err(failed("read", &this.path))? {
            Header::Wanted => {}
            Header::Foreign { found, found_dim } => {
                let (path, expected, expected_dim) = (this.path.clone(), embedder.clone(), dim);
                return Err(CacheError::Foreign { path, expected, expected_dim, found, found_dim });
            }
            Header::Damaged => {
                this.begin(embedder).map_err(failed("write", &this.path))?;
                return Ok(Opened { file: this, records: Vec::new() });
            }
        }
        let records = this.load(capacity).map_err(failed("read", &this.path))?;
        Ok(Opened { file: this, records })
    }

    /// How many records the file has room for, sound or not.
    pub(super) fn places(&self) -> u32 {
        self.places
    }

    /// The embedding at a place; `None` if it is not that of `key`, or no longer sound.
    pub(super) fn read(&mut self, place: u32, key: &TextKey) -> Result<Option<Quantised>, CacheError> {
        let mut record = vec![0; self.record()];
        let at = SeekFrom::Start(self.offset(place));
        let read = self.file.seek(at).and_then(|_| self.file.read_exact(&mut record));
        read.map_err(failed("read", &self.path))?;
        if !is_sound(&record) || record[8..24] != *key {
            return Ok(None);
        }
        let (scale, codes) = record[24..].split_at(4);
        let scale = f32::from_le_bytes([scale[0], scale[1], scale[2], scale[3]]);
        let codes = codes[..2 * self.dim]
            .chunks_exact(2)
            .map(|code| i16::from_le_bytes([code[0], code[1]]))
            .collect();
        Ok(Quantised::from_parts(scale, codes))
    }

    /// Writes a record at a place, at most one beyond the last.
    pub(super) fn write(
        &mut self,
        place: u32,
        number: u64,
        key: &TextKey,
        embedding: &Quantised,
    ) -> Result<(), CacheError> {
        let mut record = Vec::with_capacity(self.record());
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(key);
        record.extend_from_slice(&embedding.scale().to_le_bytes());
        record.extend(embedding.codes().iter().flat_map(|code| code.to_le_bytes()));
        record.extend_from_slice(&check(&record));
        // From here on the place counts, whatever comes of the write.
        self.places = self.places.max(place + 1);
        let at = SeekFrom::Start(self.offset(place));
        let written = self.file.seek(at).and_then(|_| self.file.write_all(&record));
        written.map_err(failed("write", &self.path))
    }

    fn record(&self) -> usize {
        2 * self.dim + OVERHEAD
    }

    fn offset(&self, place: u32) -> u64 {
        HEADER as u64 + u64::from(place) * self.record() as u64
    }

    fn header(&mut self, embedder: &EmbedderId) -> io::Result<Header> {
        let mut found = [0; HEADER];
        match self.file.read_exact(&mut found) {
            Ok(()) => Ok(Header::of(&found, &header(embedder, self.dim))),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Header::Damaged),
            Err(error) => Err(error),
        }
    }

    /// Empties the file and writes the header.
    fn begin(&mut self, embedder: &EmbedderId) -> io::Result<()> {
        if self.file.metadata()?.len() > 0 {
            tracing::warn!(path = %self.path.display(), %embedder, "the embedding cache is damaged and is begun anew");
        }
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(&header(embedder, self.dim))
    }

    /// Cuts off what is no whole record or beyond the capacity, and reads the rest. The header is sound.
    fn load(&mut self, capacity: u32) -> io::Result<Vec<Found>> {
        let length = self.file.metadata()?.len();
        let record = self.record();
        let stored = (length - HEADER as u64) / record as u64;
        self.places = stored.min(u64::from(capacity)) as u32;
        if length != self.offset(self.places) {
            self.file.set_len(self.offset(self.places))?;
        }
        self.file.seek(SeekFrom::Start(HEADER as u64))?;
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let (mut records, mut bytes) = (Vec::new(), vec![0; record]);
        for place in 0..self.places {
            reader.read_exact(&mut bytes)?;
            if is_sound(&bytes) {
                let number = u64::from_le_bytes(std::array::from_fn(|at| bytes[at]));
                let key = std::array::from_fn(|at| bytes[8 + at]);
                records.push(Found { number, key, place });
            }
        }
        Ok(records)
    }
}

impl Drop for RecordFile {
    /// Closing alone would leave the lock with a process that is being started at this moment and has the file still open.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::debug!(error = &error as &dyn std::error::Error, "the embedding cache is closed locked");
        }
    }
}

/// What a file begins with.
enum Header {
    Wanted,
    Foreign {
        found: String,
        found_dim: usize,
    },
    /// Nothing, or what no version of this code wrote whole.
    Damaged,
}

impl Header {
    fn of(found: &[u8; HEADER], wanted: &[u8; HEADER]) -> Self {
        if found == wanted {
            return Self::Wanted;
        }
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| found[at + byte])) as usize;
        let id = found.get(16..16 + number(12).min(HEADER)).map(String::from_utf8_lossy);
        match id {
            Some(id) if found[..8] == *MAGIC && is_sound(found) => {
                Self::Foreign { found: id.into_owned(), found_dim: number(8) }
            }
            _ => Self::Damaged,
        }
    }
}

fn header(embedder: &EmbedderId, dim: usize) -> [u8; HEADER] {
    let id = embedder.as_str().as_bytes();
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&(dim as u32).to_le_bytes());
    header[12..16].copy_from_slice(&(id.len() as u32).to_le_bytes());
    // An id has at most 128 bytes.
    header[16..16 + id.len()].copy_from_slice(id);
    let sum = check(&header[..HEADER - CHECK]);
    header[HEADER - CHECK..].copy_from_slice(&sum);
    header
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::digest(bytes);
    std::array::from_fn(|at| digest[at])
}

fn is_sound(record: &[u8]) -> bool {
    let (content, sum) = record.split_at(record.len() - CHECK);
    sum == check(content)
}

fn failed(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError::Io { action, path, source }
}
