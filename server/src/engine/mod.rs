//! The engine: mistralrs behind [`ChatModel`](amend_proto::ChatModel).
//!
//! [`EngineConfig`] says what to load and how, [`EngineConfig::build`] gives a [`MistralEngine`]. mistralrs computes the
//! logits; around that, this module does itself what mistralrs 0.8.1 does wrong or not at all:
//!
//! - chat templates and tokenizing, off the engine's only thread, with the control tokens in clients' texts made plain;
//! - drawing tokens: seeds, `logit_bias`, exact log-probabilities, output grammars;
//! - the text of the answer: stop texts that never leak, whole characters, tool calls;
//! - the context's limit as a finish reason, and prompts that are too long as an error with the numbers;
//! - coming back after a panic of the engine's thread;
//! - warning when the CPU has vector units that this build leaves idle.

mod answer;
mod config;
mod control;
mod error;
mod grammar;
mod json_value;
mod live;
mod load;
mod model;
mod own_pool;
mod processor;
mod prompt;
mod revision;
mod running;
mod sampling;
mod simd;
mod source;
mod template;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod text;
mod tools;
mod vocabulary;

pub use config::{DeviceChoice, Dtype, EngineConfig, Quantization, SMALL_MODEL_BYTES};
pub use error::EngineError;
pub use model::MistralEngine;
pub use simd::{unused_simd, warn_of_unused_simd};
pub use source::{GgufFile, HubId, InvalidModel, ModelSource};

/// What the log should let through of the engine's own words, in the form of `tracing`'s filters. It reports every start
/// at length, and each client that goes away as a warning.
pub const LOG_DIRECTIVES: &[&str] = &["mistralrs=error", "mistralrs_core=error", "mistralrs_quant=error"];
