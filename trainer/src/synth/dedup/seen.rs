//! The content hashes of earlier runs.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How a file of hashes begins; another form gets another mark. As long as a hash.
const MARK: [u8; ContentHash::BYTES] = *b"amend seen v1\r\n\0";

/// A text by its content: the first half of its SHA-256, over the bytes as they are. Two different texts have the same one
/// with a probability of about n²/2¹²⁹ among n texts, which is 10⁻²¹ for a billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; Self::BYTES]);

impl ContentHash {
    const BYTES: usize = 16;

    /// Of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let whole: [u8; 32] = Sha256::digest(text).into();
        let mut half = [0; Self::BYTES];
        half.copy_from_slice(&whole[..Self::BYTES]);
        Self(half)
    }
}

/// The content hashes of all texts that earlier runs have looked at, in a file: a mark, then 16 bytes for each. It is only
/// ever added to. What a crash cut off in the middle of a hash is dropped at the next opening, and the hashes before it
/// hold. One process at a time has it open. In memory a hash takes 20 to 40 bytes.
#[derive(Debug)]
pub struct SeenHashes {
    path: PathBuf,
    file: File,
    hashes: HashSet<ContentHash>,
}

impl SeenHashes {
    /// Opens the file, making it when there is none.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Data`] when the file is something else, or another process has it open. The file is then as
    /// it was.
    pub fn open(path: &Path) -> Result<Self> {
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false);
        let mut file = open.open(path).map_err(Error::io("opening", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let held =
                    format!("{}: another run has it open; wait for it or name another file", path.display());
                return Err(Error::Data(held));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("locking", path)(error)),
        }
        let whole = begin(&mut file).map_err(Error::io("reading", path))?.ok_or_else(|| {
            Error::Data(format!("{} does not hold content hashes; name another file", path.display()))
        })?;
        let hashes = read(&file, whole).map_err(Error::io("reading", path))?;
        // Behind the last whole hash; what follows it is torn.
        let end = file.set_len(whole).and_then(|()| file.seek(SeekFrom::Start(whole)));
        end.map_err(Error::io("mending", path))?;
        Ok(Self { path: path.to_owned(), file, hashes })
    }

    /// Whether an earlier run has looked at it.
    #[must_use]
    pub fn contains(&self, hash: ContentHash) -> bool {
        self.hashes.contains(&hash)
    }

    /// How many texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Adds those that are not there yet and waits until they are on disk.
    ///
    /// # Errors
    /// [`Error::Io`], as on a full disk; what was added in memory is as before, and the same call may be made again.
    pub fn add(&mut self, hashes: impl IntoIterator<Item = ContentHash>) -> Result<()> {
        let mut new: Vec<ContentHash> = hashes.into_iter().filter(|hash| !self.contains(*hash)).collect();
        new.sort_unstable();
        new.dedup();
        if new.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = new.iter().flat_map(|hash| hash.0).collect();
        self.append(&bytes).map_err(Error::io("writing", &self.path))?;
        self.hashes.extend(new);
        Ok(())
    }

    /// All of the bytes on disk, or the file as it was.
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let before = self.file.stream_position()?;
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // A full disk; should this fail too, the next opening drops what is torn.
            self.file.set_len(before).and_then(|()| self.file.seek(SeekFrom::Start(before)))?;
        }
        written
    }
}

/// How many bytes are whole, the mark among them, which is written when the file is empty or holds the beginning of one;
/// nothing when it begins with something else.
fn begin(file: &mut File) -> std::io::Result<Option<u64>> {
    let mut mark = Vec::new();
    file.take(MARK.len() as u64).read_to_end(&mut mark)?;
    if !MARK.starts_with(&mark) {
        return Ok(None);
    }
    if mark.len() < MARK.len() {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&MARK)?;
        file.sync_data()?;
    }
    let length = file.metadata()?.len();
    Ok(Some(length - length % ContentHash::BYTES as u64))
}

/// The hashes up to a length.
fn read(file: &File, whole: u64) -> std::io::Result<HashSet<ContentHash>> {
    let count = whole as usize / ContentHash::BYTES - 1;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    reader.seek(SeekFrom::Start(MARK.len() as u64))?;
    let mut hashes = HashSet::with_capacity(count);
    let mut hash = [0; ContentHash::BYTES];
    for _ in 0..count {
        reader.read_exact(&mut hash)?;
        hashes.insert(ContentHash(hash));
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn hashes(range: std::ops::Range<u32>) -> Vec<ContentHash> {
        range.map(|i| ContentHash::of(&i.to_string())).collect()
    }

    fn all(seen: &SeenHashes, range: std::ops::Range<u32>) -> bool {
        hashes(range).into_iter().all(|hash| seen.contains(hash))
    }

    /// ```python
    /// import hashlib; print(hashlib.sha256(b"abc").hexdigest()[:32])
    /// ```
    #[test]
    fn a_hash_is_the_first_half_of_sha_256() {
        assert_eq!(crate::digest::hex(&ContentHash::of("abc").0), "ba7816bf8f01cfea414140de5dae2223");
    }

    #[test]
    fn a_file_cut_off_anywhere_keeps_the_hashes_before_the_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seen");
        let mut seen = SeenHashes::open(&path).expect("opens");
        seen.add(hashes(0..3).into_iter().chain(hashes(1..2))).expect("adds");
        seen.add(hashes(2..5)).expect("adds");
        assert_eq!((seen.len(), fs::metadata(&path).expect("there").len()), (5, 96));
        drop(seen);
        let bytes = fs::read(&path).expect("readable");
        for cut in 0..=bytes.len() {
            fs::write(&path, &bytes[..cut]).expect("writes");
            let mut seen = SeenHashes::open(&path).expect("opens");
            assert_eq!(seen.len(), (cut / 16).saturating_sub(1), "cut at {cut}");
            seen.add(hashes(0..6)).expect("adds");
            drop(seen);
            let seen = SeenHashes::open(&path).expect("opens again");
            assert!(seen.len() == 6 && all(&seen, 0..6), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_something_else_and_what_is_open_are_refused_and_left_as_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes");
        for other in ["my notes", "amend seen v2\r\n and more than a mark is long"] {
            fs::write(&path, other).expect("writes");
            let refused = SeenHashes::open(&path).expect_err("something else").to_string();
            assert!(refused.contains("does not hold content hashes"), "{refused}");
            assert_eq!(fs::read_to_string(&path).expect("readable"), other);
        }
        let path = folder.path().join("seen");
        let held = SeenHashes::open(&path).expect("opens");
        let refused = SeenHashes::open(&path).expect_err("held").to_string();
        assert!(refused.contains("another run"), "{refused}");
        drop(held);
        assert!(SeenHashes::open(&path).expect("free again").is_empty());
        assert!(matches!(SeenHashes::open(&folder.path().join("no/seen")), Err(Error::Io { .. })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let full = File::options().read(true).write(true).open("/dev/full").expect("there");
        let mut seen = SeenHashes { path: "/dev/full".into(), file: full, hashes: HashSet::new() };
        let refused = seen.add(hashes(0..1)).expect_err("full");
        assert!(matches!(refused, Error::Io { .. }), "{refused}");
        assert!(seen.is_empty(), "what is not on disk is not seen");
    }
}
