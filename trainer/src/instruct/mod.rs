//! Fine-tuning on conversations: rows in, a candidate revision out (`amend train sft`).
//!
//! ```text
//! rows.jsonl, rows.parquet ─ checked, counted ─ chat template of the model ─ tokens ─ training (full or LoRA) ─ model/, card.md
//!                                       └ held-out questions ─ measured at intervals ─ early stop ┘
//! ```
//!
//! Rows need a column `messages`; [`SynthRow`](crate::synth::rows::SynthRow)s have it, and so have other people's chat sets.
//! Every answer of an assistant is learned, the rest is only read.
//!
//! ```no_run
//! # fn main() -> amend_trainer::Result<()> {
//! use amend_trainer::bmc::Control;
//! use amend_trainer::instruct::{InstructJob, InstructObserver, InstructRecipe, Trained, train};
//! use amend_trainer::sft::StepMetrics;
//! use std::path::{Path, PathBuf};
//!
//! struct Progress;
//! impl InstructObserver for Progress {
//!     fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
//!         eprintln!("step {} of {total}: loss {:.3}", metrics.step, metrics.loss);
//!     }
//! }
//!
//! let control = Control::default(); // a clone of it pauses, resumes and stops from another thread
//! let job = InstructJob {
//!     model: Path::new("model"),
//!     name: "model",
//!     data: &[PathBuf::from("rows.jsonl")],
//!     recipe: InstructRecipe::lora(),
//!     budget: None,
//!     control: control.clone(),
//!     out: Path::new("run"),
//! };
//! match train(&job, &mut Progress)? {
//!     Trained::Finished(card) => println!("run/model is {}", card.content),
//!     Trained::Stopped { step } => println!("stopped at {step}; the same job goes on from there"),
//!     Trained::Aborted { step, reason } => println!("given up at {step}: {reason}"),
//! }
//! # Ok(())
//! # }
//! ```

mod card;
mod data;
mod job;
mod log;
mod recipe;
#[cfg(test)]
mod tests;
mod tokens;
mod watch;

pub use card::InstructCard;
pub use data::{DataCounts, DataFile, LeftOut};
pub use job::{InstructJob, InstructObserver, Trained, train};
pub use log::{HeldOut, InstructLine};
pub use recipe::{InstructRecipe, TooLong};
