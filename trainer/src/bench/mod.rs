//! `amend bench train`: how fast and with how much memory a preference training runs, beside TRL's `DPOTrainer`.
//!
//! ```text
//! workload (seeded) ─ folder: model/, adapter/, pairs.jsonl, job.json ─┬─ ours, prefix apart ─┐
//!                                                                      ├─ ours, prefix shared ├─ figures
//!                                                                      └─ TRL (trl_side.py)        ┘
//! ```
//!
//! Every measurement is a process of its own, so that its peak memory is its own. All sides read one folder: one model,
//! one adapter to begin with, one batch of pairs that is trained again and again by the same optimiser and schedule. So
//! they must come to the same loss, which is checked. What is counted is the tokens of both sequences of every pair, the
//! prompt in each, padding not; the first step is not timed. The rounds of all sides are interleaved and the best of each
//! counts, because whatever else runs on the machine can only take time away. Speed against TRL is
//! the lesser of two ratios: by the clock, and by the time that the processors computed.

pub(crate) mod process;
mod report;
mod run;
mod side;
#[cfg(test)]
mod tests;
mod text;
mod workload;

pub use report::{Bound, Figure, Growth, Lengths, Report, Row, Spread};
pub(crate) use run::told;
pub use run::{BenchOptions, run};
pub use side::{Measured, Side, measure};
pub use workload::{Prompts, Shape, Workload};
