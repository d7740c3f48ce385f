//! Content hashes, as hexadecimal.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::Path;

/// Bytes in hexadecimal, lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 over the parts, each with its length in front, so that no two lists of parts read alike.
pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Where a hash falls in the interval from 0 up to below 1, by its first 32 bits.
pub(crate) fn place(hash: &[u8; 32]) -> f64 {
    let [a, b, c, d, ..] = *hash;
    f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// [`Error::Io`] when it cannot be read.
pub(crate) fn of_file(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    feed(&mut hasher, path)?;
    Ok(hex(&hasher.finalize()))
}

/// Feeds a file into a hash.
pub(crate) fn feed(hasher: &mut Sha256, path: &Path) -> Result<()> {
    let mut file = File::open(path).map_err(Error::io("opening", path))?;
    std::io::copy(&mut file, hasher).map_err(Error::io("reading", path))?;
    Ok(())
}
