//! `amend bench synth`: how fast the ROUGE-L filter, the search for duplicates and that for the main texts of
//! pages are, beside the Python that the papers use, and whether they find the same.
//!
//! ```text
//! texts (seeded) ─┬─ ours ──────────────────────────────┬─ compared one by one ─ figures
//!                 └─ folder: *.jsonl ─ Python (peers.py) ┘
//! ```
//!
//! Both sides get the same texts. What is timed is the work on texts in memory, not the start of a process or the reading
//! of files; speeds are compared by processor time, because other work on the machine slows the clock of either side. A
//! comparison of the filter counts as a pair of instructions: as many as comparing each candidate with the whole
//! pool makes, which is what `rouge_score` does and what our index spares.

mod duplicates;
mod extraction;
mod filter;
mod peer;
mod reference;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod texts;
mod watch;

pub use duplicates::{Bucket, Duplicates, DuplicatesPeer, Million};
#[cfg(test)]
pub(super) use extraction::score;
pub use extraction::{Extraction, ExtractionPeer, Interval, Labelled, LabelledPage};
pub use filter::{FilterPeer, Filtering, Growth};
pub use report::Report;
pub use run::{BenchOptions, run};
pub use texts::{Generated, Texts};
pub use watch::Took;
