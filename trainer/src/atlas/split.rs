//! Which half of the language, of the names and of the edits a thing belongs to.

use serde::{Deserialize, Serialize};

/// What a dialogue is for. Patterns, names and edited facts belong to exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Learnt from.
    Train,
    /// Measured on, never learnt from.
    Test,
}

impl Split {
    /// The split of `text`, fixed by its hash: [`Test`](Split::Test) for about `percent` of all texts.
    #[must_use]
    pub fn of(text: &str, percent: u64) -> Self {
        if hash(text.as_bytes()) % 100 < percent { Self::Test } else { Self::Train }
    }

    /// As error texts call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// FNV-1a with a final mix (the finaliser of MurmurHash3), 64 bits: fixed for all builds and machines, unlike the
/// hasher of the standard library.
#[must_use]
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    mix(fnv)
}

/// Spreads every input bit over the output.
#[must_use]
pub(crate) fn mix(mut h: u64) -> u64 {
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}
