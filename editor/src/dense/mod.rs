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
//! | | sketches, as they were then | 0.1 | 886 | 0.16 / 0.16 | 1 / 1 |
//! | | usearch 2.26, i8, ef 256 | 1.2 | 639 | 0.13 / 0.15 | 0.937 / 0.920 |
//! | | usearch 2.26, f16, ef 256 | 1.8 | 972 | 0.24 / 0.19 | 1 / 1 |
//! | | hnsw_rs 0.3.5, f32, ef 256 | 12.8 | 4,218 | 1.25 / 1.74 | 0.997 / 1 |
//! | 100,000 | flat, two bytes a number | 1.3 | 915 | 7.3 / 11.2 | 1 / 1 |
//! | | sketches, as they were then | 1.3 | 915 | 0.42 / 0.45 | 1 / 1 |
//! | | usearch 2.26, i8, ef 1,024 | 34.8 | 585 | 1.0 / 1.1 | 0.900 / 0.890 |
//! | | usearch 2.26, f16, ef 1,024 | 55.2 | 1,007 | 1.3 / 1.5 | 0.960 / 0.993 |
//! | | hnsw_rs 0.3.5, f32, ef 1,024 | 191 | 3,953 | 3.5 / 3.8 | 0.967 / 0.997 |
//! | 1,000,000 | flat, two bytes a number | 13.3 | 925 | 105 / 97 | 1 / 1 |
//! | | sketches, as they were then | 13.3 | 925 | 8.1 / 10.7 | 1 / 1 |
//!
//! At a hundred thousand rows a graph is slower for less recall, and takes 27 to 147 times as long to make, more than in
//! proportion with more rows; what is removed from it leaves a mark that lookups walk through (usearch) or cannot be
//! removed (hnsw_rs). instant-distance is made once and not added to, and was not measured. Sketches read 56 bytes a row
//! and need no training, take changes at once, and what they pass over is bounded by a known error. With one byte a
//! number, as was tried, recall@3 at a million rows was 0.973 and 0.983, flat and sketched alike.
//!
//! The sketches as they are now, by the same example in one later run (load 3 to 4), the median lookup:
//!
//! | rows | making it, s | B a row | flat, near / far, ms | sketches, near / far, ms | recall@3, near / far |
//! |---|---|---|---|---|---|
//! | 10,000 | 0.0 | 891 | 0.16 / 0.16 | 0.05 / 0.05 | 1 / 0.997 |
//! | 100,000 | 0.3 | 926 | 2.6 / 2.6 | 0.18 / 0.19 | 1 / 0.997 |
//! | 1,000,000 | 3.5 | 937 | 21 / 21 | 1.8 / 1.9 | 1 / 0.997 |
//!
//! Those sketches had a floor for each thread's half of the segments and a margin of 2.2. With one floor for all, and with
//! 3.0, over a million statements as `amend bench edits` makes them, 702 questions of five kinds (about a stored
//! statement, misspelt, about another subject, generic, of unknown words), before and now in turn, on a machine that was
//! fully taken by other work (load 6), so that there is little but the processor time to compare: the median, the range
//! over the kinds, and what was found of the nearest by comparing every row.
//!
//! | nearest | before, CPU ms | now, CPU ms | found before | found now |
//! |---|---|---|---|---|
//! | 3 | 2.8 to 3.7 | 2.1 to 3.1 | 2,100 of 2,106 | 2,106 of 2,106 |
//! | 32, as `DenseSide` asks for | 3.9 to 5.8 | 2.5 to 4.2 | 22,457 of 22,464 | 22,463 of 22,464 |
//!
//! The margin was chosen by those questions. Of the three nearest of 1,052 others over other statements, 3,155 of 3,156 were
//! found, as before, and lookups for 3 computed as long as before (2.7 to 4.0 ms against 2.8 to 3.6, load 9).
//!
//! Then the second step was given to all threads as well, and rows compared in the order of their second bounds over all
//! segments, not segment by segment. The example, 300 questions near and 300 far, 32 nearest of a million, on two idle
//! cores, before and now (milliseconds: processor time, median, p99; what was found of the nearest):
//!
//! | | near | far |
//! |---|---|---|
//! | before | 3.51, 2.15, 3.30; 0.9997 | 3.84, 2.14, 4.41; 0.9998 |
//! | now | 2.78, 1.58, 2.93; 0.9999 | 3.29, 1.61, 3.43; 0.9998 |
//!
//! # Why not cells
//!
//! Cells (IVF) read a part of the rows, those of the cells whose means are near. That held too few of the nearest among
//! those same statements. 1,024 cells (k-means of 32 centres in each of 32, learned from 65,536 of the rows, one seed,
//! probed in the order of their means' dot products with the question) held of the three exactly nearest, with so much
//! of the rows read:
//!
//! | question | 5 % | 15 % | 25 % | 50 % |
//! |---|---|---|---|---|
//! | about a stored statement | 0.494 | 0.700 | 0.767 | 0.883 |
//! | the same, misspelt | 0.622 | 0.867 | 0.950 | 0.989 |
//! | about another subject | 0.606 | 0.822 | 0.911 | 0.978 |
//! | about nothing stored | 0.867 | 0.967 | 0.967 | 0.994 |
//! | after hundreds of other words | 1 | 1 | 1 | 1 |
//!
//! This was one partition: k-means of all centres at once, other numbers of cells, rows in several cells, and real
//! encoders were not measured. A likely reason is that the bench's embeddings weigh names most, that cells gather what
//! many rows share, and that few share a name. The editor's own part of the comparisons is
//! `cargo run --release -p amend-editor --example dense_index`.

mod best;
mod cache;
mod cached;
mod helpers;
mod highest;
mod index;
mod lanes;
mod quantised;
mod question;
mod rotation;
mod search;
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
