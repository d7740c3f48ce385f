//! Signatures by their bands.

use super::bands::Bands;
use crate::atlas::split::mix;
use hashbrown::HashTable;

/// Signatures in one allocation. Growing adds one and moves none, so memory never doubles.
const CHUNK: usize = 4096;
/// No earlier row has the same band.
const END: u32 = u32::MAX;
/// The golden ratio's 64 bits (Knuth's multiplicative hashing).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Rows and the tables of their bands. With 128 functions and b bands a row takes 512 bytes for its signature and, for each
/// band, 4 for the chain and 10 to 21 in the table (8 bytes and one of tag, the table being filled from 43 to 87 %): for 14
/// bands 710 to 860 bytes.
#[derive(Debug)]
pub(in crate::synth) struct Index {
    bands: Bands,
    functions: usize,
    len: u32,
    signatures: Vec<Vec<u32>>,
    /// Of every band the last row that has each value; the values are in the signatures.
    tables: Vec<HashTable<Last>>,
    /// Of every band and row the row before it with the same value.
    earlier: Vec<Vec<u32>>,
}

/// The last row that has a value. The hash is kept because a table that grows needs it, and computing it again from a
/// signature somewhere in memory takes longer than all the rest of an insertion.
#[derive(Debug)]
struct Last {
    hash: u32,
    row: u32,
}

impl Last {
    fn spread(&self) -> u64 {
        spread(self.hash)
    }
}

/// 32 bits over 64, since a table looks at both ends.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(SPREAD)
}

/// A signature with the hashes of its bands.
#[derive(Debug)]
pub(in crate::synth) struct Banded {
    pub(in crate::synth) signature: Vec<u32>,
    hashes: Vec<u32>,
}

impl Banded {
    pub(in crate::synth) fn new(signature: Vec<u32>, bands: Bands) -> Self {
        let hashes = bands.of(&signature).map(hash).collect();
        Self { signature, hashes }
    }
}

/// Two values a step and mixed once at the end: the values are even already, and this is half the time of an insertion.
fn hash(band: &[u32]) -> u32 {
    let two = |values: &[u32]| values.iter().fold(0, |two, &value| two << 32 | u64::from(value));
    let step = |hash: u64, values| (hash.rotate_left(5) ^ two(values)).wrapping_mul(SPREAD);
    mix(band.chunks(2).fold(0, step)) as u32
}

impl Index {
    pub(in crate::synth) fn new(bands: Bands, functions: usize) -> Self {
        let tables = (0..bands.bands).map(|_| HashTable::new()).collect();
        let earlier = vec![Vec::new(); bands.bands];
        Self { bands, functions, len: 0, signatures: Vec::new(), tables, earlier }
    }

    /// The signature of a row.
    pub(in crate::synth) fn signature(&self, row: u32) -> &[u32] {
        signature(&self.signatures, self.functions, row)
    }

    /// The rows that agree with this in a band at least, ascending.
    pub(in crate::synth) fn candidates(&self, banded: &Banded) -> Vec<u32> {
        let mut candidates = Vec::new();
        for (band, (table, &hash)) in self.tables.iter().zip(&banded.hashes).enumerate() {
            let value = self.bands.one(&banded.signature, band);
            let same =
                |last: &Last| last.hash == hash && self.bands.one(self.signature(last.row), band) == value;
            let mut row = table.find(spread(hash), same).map_or(END, |last| last.row);
            while row != END {
                candidates.push(row);
                row = self.earlier[band][row as usize];
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    /// Takes a row in; its number is how many there were.
    pub(in crate::synth) fn insert(&mut self, banded: &Banded) -> u32 {
        let row = self.len;
        assert!(row < END, "four billion signatures do not fit memory");
        if self.signatures.last().is_none_or(|chunk| chunk.len() == CHUNK * self.functions) {
            self.signatures.push(Vec::with_capacity(CHUNK * self.functions));
        }
        self.signatures.last_mut().expect("just made").extend_from_slice(&banded.signature);
        self.len += 1;
        let (signatures, functions, bands) = (&self.signatures, self.functions, self.bands);
        let of = |row: u32, band| bands.one(signature(signatures, functions, row), band);
        for (band, (table, &hash)) in self.tables.iter_mut().zip(&banded.hashes).enumerate() {
            let value = of(row, band);
            let same = |last: &Last| last.hash == hash && of(last.row, band) == value;
            let before = match table.find_mut(spread(hash), same) {
                Some(last) => std::mem::replace(&mut last.row, row),
                None => {
                    table.insert_unique(spread(hash), Last { hash, row }, Last::spread);
                    END
                }
            };
            self.earlier[band].push(before);
        }
        row
    }
}

fn signature(signatures: &[Vec<u32>], functions: usize, row: u32) -> &[u32] {
    let row = row as usize;
    &signatures[row / CHUNK][row % CHUNK * functions..][..functions]
}
