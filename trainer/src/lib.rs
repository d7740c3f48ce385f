//! The trainer of Amend: a differentiable decoder on candle, its optimiser and training loop, `atlas`, the small
//! world the built-in model is trained on, `lte`, the alignment phase that teaches a model to heed edits, `bmc`,
//! training on preferences, `instruct`, fine-tuning on rows, and `synth`, which makes rows.
//!
//! Trainer and server meet in a *folder* (a Hugging Face model folder), never in a tensor.

mod answers;
pub mod atlas;
pub mod bench;
pub mod bmc;
pub mod checkpoint;
mod control;
pub mod decoder;
mod digest;
mod error;
mod files;
#[cfg(test)]
mod fixtures;
pub mod instruct;
mod learner;
pub mod lora;
pub mod lte;
pub mod memory;
pub mod optim;
mod order;
mod pace;
pub mod preference;
mod records;
mod retries;
pub mod sft;
mod step_log;
pub mod synth;
mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tokenizer;

pub use error::{Error, Result};
