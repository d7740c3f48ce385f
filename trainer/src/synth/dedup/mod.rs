//! Exact and near duplicates among texts: MinHash signatures and locality-sensitive hashing.
//!
//! ```text
//! text ─┬─ content hash ─ seen in this run or an earlier one? ── Exact
//!       └─ shingles ─ signature ─ bands ─ kept rows that share a band ─ similar enough? ── Near, else New and kept
//! ```
//!
//! Two texts are alike by the Jaccard similarity of their sets of shingles (runs of words). A signature holds, for each of
//! a family of hash functions, the least value over the set; two signatures agree in a place with a probability of about
//! the similarity (Broder 1997). Signatures are cut into b bands of r values, and rows that agree in a whole band are
//! candidates (Indyk and Motwani 1998), which a pair of similarity s is with probability 1 − (1 − s^r)^b. What follows is
//! approximate by nature: about a pair near the threshold the bands may say no where the similarity says yes.
//!
//! The first text of a cluster is kept and the others are held against it, never against each other: a text that is near
//! only to one that was dropped is new.

mod bands;
mod finder;
mod index;
mod seen;
mod shingles;
mod signature;
#[cfg(test)]
mod tests;

pub use bands::Bands;
pub use finder::{Check, Dedup, DedupSettings, First, Seen};
pub(in crate::synth) use index::{Banded, Index};
pub use seen::{ContentHash, SeenHashes};
pub(in crate::synth) use shingles::shingles;
pub(in crate::synth) use signature::Family;
