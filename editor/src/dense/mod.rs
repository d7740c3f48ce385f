//! The dense side of retrieval: embeddings kept on disk so that a text is embedded once, and an index over those of
//! the live edits. What it finds and what the lexical index finds is fused by the scope decision.
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
//! What is asked of the index: a million embeddings of 384 numbers, 0.99 of the three truly nearest found, an embedding
//! out at once when its edit is taken back, at most 1.2 KB an edit, and no long start, since the log is the truth and the
//! index is made anew at every start. Measured in one run over the embeddings of `examples/dense_index/data.rs` (seed
//! 20,240,611), 100 questions near an edit and 100 far from all, on one thread of a two-core machine that was fully taken
//! by other work (load 10), so that only the best lookup of each says what the code costs:
//!
//! | rows | index | making it, CPU s | B a row | best lookup, near / far, ms | recall@3, near / far |
//! |---|---|---|---|---|---|
//! | 10,000 | flat, two bytes a number | 0.1 | 886 | 0.71 / 0.72 | 1 / 1 |
//! | | sketches (this) | 0.1 | 886 | 0.16 / 0.16 | 1 / 1 |
//! | | usearch 2.26, i8, ef 256 | 1.2 | 639 | 0.13 / 0.15 | 0.937 / 0.920 |
//! | | usearch 2.26, f16, ef 256 | 1.8 | 972 | 0.24 / 0.19 | 1 / 1 |
//! | | hnsw_rs 0.3.5, f32, ef 256 | 12.8 | 4,218 | 1.25 / 1.74 | 0.997 / 1 |
//! | 100,000 | flat, two bytes a number | 1.3 | 915 | 7.3 / 11.2 | 1 / 1 |
//! | | sketches (this) | 1.3 | 915 | 0.42 / 0.45 | 1 / 1 |
//! | | usearch 2.26, i8, ef 1,024 | 34.8 | 585 | 1.0 / 1.1 | 0.900 / 0.890 |
//! | | usearch 2.26, f16, ef 1,024 | 55.2 | 1,007 | 1.3 / 1.5 | 0.960 / 0.993 |
//! | | hnsw_rs 0.3.5, f32, ef 1,024 | 191 | 3,953 | 3.5 / 3.8 | 0.967 / 0.997 |
//! | 1,000,000 | flat, two bytes a number | 13.3 | 925 | 105 / 97 | 1 / 1 |
//! | | sketches (this) | 13.3 | 925 | 8.1 / 10.7 | 1 / 1 |
//!
//! At a hundred thousand rows a graph is slower for less recall, and takes 27 to 147 times as long to make, more than in
//! proportion with more rows; what is removed from it leaves a mark that lookups walk through (usearch) or cannot be
//! removed (hnsw_rs). instant-distance is made once and not added to, and was not measured. Cells (IVF) need training, and training again as edits change.
//! Sketches read 96 bytes a row and need no training, take changes at once, and what they pass over is bounded by a known
//! error. At a million rows a lookup reads 108 MB, so what it takes is what the memory gives. With one byte a number, as
//! was tried, recall@3 at a million rows was 0.973 and 0.983, flat and sketched alike. The editor's own part of the
//! comparison is `cargo run --release -p amend-editor --example dense_index`.

mod best;
mod cache;
mod cached;
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
pub use index::{DenseError, DenseHit, DenseIndex, DenseKey, DenseOptions, DenseQuery, Precision};
pub use quantised::Quantised;
pub use setup::EncoderSetup;
pub use side::DenseStatus;
pub(crate) use side::{DenseSide, Near};
