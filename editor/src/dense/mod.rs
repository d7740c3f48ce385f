//! The dense side of retrieval: embeddings kept on disk so that a text is embedded once, an index over those of the
//! live edits, and the fusion of what it finds with what the lexical index finds.
//!
//! The editor's way through it: `DenseSide` holds one [`DenseIndex`] a tenant and a [`CachedEmbedder`], which gives a
//! text's [`Quantised`] embedding from the [cache](EmbeddingCache) or the encoder. What is written is embedded before it
//! goes to the writer, and put in by the writer under the entry of its version, before `Live` shows it; what `Live` no
//! longer holds is taken out before the acknowledgement. A question is embedded as a query on a thread for blocking work,
//! within its budget; what it finds goes to the scope decision beside what the words find, as far as `Live` says that it
//! stands. At the start everything is put in from the log, with the cache's embeddings as far as it has them.
//!
//! # Why sketches
//!
//! The target is a million embeddings of 384 numbers, 5 ms at the 99th percentile on two cores, in which a language
//! model computes as well, and 0.99 of the three truly nearest found. Reading a million embeddings of a byte a number
//! is 384 MB a lookup and misses the time. Graphs (HNSW) cannot take an embedding out at once, which an edit that is
//! taken back demands, and need minutes to build at every start. Cells (IVF) need training, and training again as the
//! edits change, and find few of the nearest where they are spread over many cells. Sketches of two bits a number are
//! 96 MB a lookup, need no training, take changes at once, and what they pass over is bounded by a known error. The
//! comparison is `cargo run --release -p amend-editor --example dense_index`.

mod best;
mod cache;
mod cached;
mod fusion;
mod index;
mod quantised;
mod question;
mod rotation;
mod segment;
mod setup;
mod side;
mod sketch;

pub use cache::{CacheError, CacheOptions, EmbeddingCache};
pub use cached::CachedEmbedder;
pub use fusion::{Fusion, Ranked, fuse};
pub use index::{DenseError, DenseHit, DenseIndex, DenseKey, DenseOptions, DenseQuery, Precision};
pub use quantised::Quantised;
pub use setup::EncoderSetup;
pub use side::DenseStatus;
pub(crate) use side::{DenseSide, Near};
