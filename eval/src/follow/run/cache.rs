//! Where answers and verdicts are kept between runs.

#[cfg(test)]
mod tests;

use super::{Generation, Key};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// The longest line of the file, in bytes: an answer of [`MAX_ANSWER_BYTES`](super::MAX_ANSWER_BYTES) of which every byte
/// is escaped, and what stands around it.
pub const MAX_LINE_BYTES: usize = 6 * super::MAX_ANSWER_BYTES + 4096;
/// The largest file, in bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 30;
/// From this size on, a file is put aside when the folder is opened the next time.
const ASIDE_AT: u64 = MAX_FILE_BYTES / 2;
/// After so many lines they are brought to the disk.
const SYNC_EVERY: u32 = 32;
/// The file within its folder.
const FILE: &str = "generations.jsonl";
/// The one before it, which is only read.
const ASIDE: &str = "generations.before.jsonl";
/// Held while a folder is opened.
const LOCK: &str = "generations.lock";

/// Why nothing can be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The disk.
    #[error("failed to {doing} the evaluation cache {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// An answer is longer than a line may be.
    #[error("failed to keep an answer: it takes {0} bytes, more than {MAX_LINE_BYTES}")]
    TooLong(usize),
    /// The file has grown too large.
    #[error("failed to keep an answer: the evaluation cache {} has reached {MAX_FILE_BYTES} bytes; delete it or give another folder", .0.display())]
    Full(PathBuf),
}

/// Keeps what models said. It is called from blocking threads.
pub trait Cache: Send + Sync + 'static {
    /// What was kept under this key.
    ///
    /// # Errors
    /// [`CacheError`].
    fn get(&self, key: &Key) -> Result<Option<Generation>, CacheError>;

    /// Keeps it. What a key already has stays as it is.
    ///
    /// # Errors
    /// [`CacheError`].
    fn put(&self, key: &Key, generation: &Generation) -> Result<(), CacheError>;

    /// Brings everything to where a crash of the machine does not take it.
    ///
    /// # Errors
    /// [`CacheError`].
    fn flush(&self) -> Result<(), CacheError>;
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<G> {
    key: Key,
    generation: G,
}

/// Where a line stands in its file.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    length: usize,
    volume: Volume,
}

/// In which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Volume {
    /// The one that is written.
    Current,
    /// The one before it.
    Aside,
}

#[derive(Debug)]
struct Open {
    file: File,
    aside: Option<File>,
    places: HashMap<Key, Place>,
    unsynced: u32,
}

/// A file in a folder, one answer a line, and the file before it: one that has reached half of [`MAX_FILE_BYTES`] when the
/// folder is opened takes the place of the one before, whose answers are forgotten. So the oldest go, and a run that is
/// begun again finds its own.
///
/// Several runs, also of several processes, may share the folder: each line is appended whole under a lock of the file.
/// One that a crash tore is passed over when the file is read, and what it should have held is asked again. A run does
/// not see what others append after it opened the folder.
#[derive(Debug)]
pub struct FolderCache {
    path: PathBuf,
    open: Mutex<Open>,
    damaged: usize,
}

impl FolderCache {
    /// Opens the folder, or makes it, and reads which answers it has. The answers themselves stay on the disk.
    ///
    /// # Errors
    /// [`CacheError::Io`].
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let io = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| CacheError::Io { doing, path, source }
        };
        std::fs::create_dir_all(folder).map_err(io("make the folder of", folder))?;
        let (path, before, lock) = (folder.join(FILE), folder.join(ASIDE), folder.join(LOCK));
        // Of two that open the folder at once, the second must not put aside what the first has just begun.
        let opening = OpenOptions::new().write(true).create(true).truncate(false).open(&lock);
        let opening = opening.map_err(io("open", &lock))?;
        opening.lock().map_err(io("lock", &lock))?;
        put_aside(&path, &before, ASIDE_AT).map_err(io("put aside", &path))?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = file.map_err(io("open", &path))?;
        let aside = match File::open(&before) {
            Ok(aside) => Some(aside),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io("open", &before)(error)),
        };
        opening.unlock().map_err(io("unlock", &lock))?;
        let (mut places, mut damaged) = (HashMap::new(), 0);
        file.lock().map_err(io("lock", &path))?;
        let found = index(&file, Volume::Current, &mut places);
        file.unlock().map_err(io("unlock", &path))?;
        damaged += found.map_err(io("read", &path))?;
        if let Some(aside) = &aside {
            damaged += index(aside, Volume::Aside, &mut places).map_err(io("read", &before))?;
        }
        Ok(Self { path, open: Mutex::new(Open { file, aside, places, unsynced: 0 }), damaged })
    }

    /// How many lines could not be read when the file was opened: those that a crash tore.
    #[must_use]
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// How many answers are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.locked().places.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> CacheError {
        let path = self.path.clone();
        move |source| CacheError::Io { doing, path, source }
    }
}

/// Gives a file that has so many bytes another name, in place of what had it.
fn put_aside(path: &Path, before: &Path, from: u64) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if found.len() >= from => std::fs::rename(path, before),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Adds where whole lines stand, and tells how many others there are.
fn index(file: &File, volume: Volume, places: &mut HashMap<Key, Place>) -> io::Result<usize> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let (mut damaged, mut at, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        let length = (&mut reader).take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(damaged);
        }
        let whole = line.last() == Some(&b'\n');
        match serde_json::from_slice::<Line<Generation>>(&line) {
            Ok(Line { key, .. }) if whole => {
                places.entry(key).or_insert(Place { at, length, volume });
            }
            _ => damaged += usize::from(line != b"\n"),
        }
        at += length as u64;
        if !whole {
            at += pass_line(&mut reader)?;
        }
    }
}

/// Reads to the end of a line that is too long, and keeps nothing of it: how many bytes that were.
fn pass_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut passed = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(length);
        passed += length as u64;
        if end.is_some() || length == 0 {
            return Ok(passed);
        }
    }
}

/// Appends the line, after an end for one that was torn: where it stands, or nothing when the file is full.
fn append(file: &mut File, line: &[u8], most: u64) -> io::Result<Option<Place>> {
    let mut end = file.seek(SeekFrom::End(0))?;
    if end + line.len() as u64 >= most {
        return Ok(None);
    }
    if end > 0 {
        file.seek(SeekFrom::Start(end - 1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            end += 1;
        }
    }
    file.write_all(line)?;
    Ok(Some(Place { at: end, length: line.len(), volume: Volume::Current }))
}

impl Cache for FolderCache {
    fn get(&self, key: &Key) -> Result<Option<Generation>, CacheError> {
        let mut open = self.locked();
        let Some(Place { at, length, volume }) = open.places.get(key).copied() else { return Ok(None) };
        let mut line = vec![0; length];
        let file = match volume {
            Volume::Current => &mut open.file,
            Volume::Aside => open.aside.as_mut().expect("a place in it was found in it"),
        };
        let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut line));
        drop(open);
        read.map_err(self.failed("read"))?;
        match serde_json::from_slice::<Line<Generation>>(&line) {
            Ok(line) if line.key == *key => Ok(Some(line.generation)),
            // Somebody else wrote over the file: the question is asked again.
            _ => Ok(None),
        }
    }

    fn put(&self, key: &Key, generation: &Generation) -> Result<(), CacheError> {
        let mut line =
            serde_json::to_vec(&Line { key: *key, generation }).expect("texts and numbers are JSON");
        line.push(b'\n');
        if line.len() > MAX_LINE_BYTES {
            return Err(CacheError::TooLong(line.len()));
        }
        let mut open = self.locked();
        if open.places.contains_key(key) {
            return Ok(());
        }
        open.file.lock().map_err(self.failed("lock"))?;
        let written = append(&mut open.file, &line, MAX_FILE_BYTES);
        open.file.unlock().map_err(self.failed("unlock"))?;
        let Some(place) = written.map_err(self.failed("write"))? else {
            return Err(CacheError::Full(self.path.clone()));
        };
        open.places.insert(*key, place);
        open.unsynced += 1;
        if open.unsynced >= SYNC_EVERY {
            open.file.sync_data().map_err(self.failed("write"))?;
            open.unsynced = 0;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), CacheError> {
        let mut open = self.locked();
        if open.unsynced > 0 {
            open.file.sync_data().map_err(self.failed("write"))?;
            open.unsynced = 0;
        }
        Ok(())
    }
}

/// A [`Cache`], or none, for tasks: the disk is used on blocking threads.
#[derive(Clone)]
pub(crate) struct Keeper(pub(crate) Option<Arc<dyn Cache>>);

/// The runtime goes down.
fn stopped(path: &str) -> impl FnOnce(tokio::task::JoinError) -> CacheError {
    let path = PathBuf::from(path);
    move |error| CacheError::Io { doing: "use", path, source: io::Error::other(error) }
}

impl Keeper {
    pub(crate) async fn get(&self, key: Key) -> Result<Option<Generation>, CacheError> {
        let Some(cache) = self.0.clone() else { return Ok(None) };
        tokio::task::spawn_blocking(move || cache.get(&key)).await.map_err(stopped(FILE))?
    }

    pub(crate) async fn put(&self, key: Key, generation: Generation) -> Result<(), CacheError> {
        let Some(cache) = self.0.clone() else { return Ok(()) };
        tokio::task::spawn_blocking(move || cache.put(&key, &generation)).await.map_err(stopped(FILE))?
    }

    pub(crate) async fn flush(&self) -> Result<(), CacheError> {
        let Some(cache) = self.0.clone() else { return Ok(()) };
        tokio::task::spawn_blocking(move || cache.flush()).await.map_err(stopped(FILE))?
    }
}
