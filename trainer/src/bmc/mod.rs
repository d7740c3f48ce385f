//! Preference training: DPO-BMC (bridging and modelling correlations, arXiv 2408.07471) and its relatives.
//!
//! ```text
//! pairs ─ tokens, difference mask ─ reference log-probs (once) ─┐
//!         packed, common beginning computed once ─ policy ──────┴─ loss ─ gradients ─ AdamW ─ adapter/, model/
//! ```
//!
//! The reference is the parent itself: with an adapter the same weights without it, in a training of all weights the
//! parent before the first step. Bridging (rewriting the losing answer where it is worse) happens before: it changes the
//! pairs, not the training.
//!
//! ```no_run
//! # fn main() -> amend_trainer::Result<()> {
//! use amend_trainer::bmc::{Control, PreferenceJob, PreferenceObserver, PreferencePair, PreferenceRecipe, PreferenceStep, Trained};
//! use amend_trainer::bmc::train_preferences;
//! use std::path::Path;
//!
//! struct Progress;
//! impl PreferenceObserver for Progress {
//!     fn on_step(&mut self, step: &PreferenceStep, total: u64) {
//!         eprintln!("step {} of {total}: accuracy {:.2}", step.step, step.pairs.accuracy);
//!     }
//! }
//!
//! let pairs: Vec<PreferencePair> = Vec::new(); // from the database
//! let control = Control::default(); // a clone of it pauses, resumes and stops from another thread
//! let job = PreferenceJob {
//!     model: Path::new("model"),
//!     pairs: &pairs,
//!     held_out: &[],
//!     conversations: &[],
//!     sources: &[],
//!     stop_words: None,
//!     recipe: PreferenceRecipe::lora(),
//!     budget: None,
//!     control: control.clone(),
//!     out: Path::new("run"),
//! };
//! match train_preferences(&job, &mut Progress)? {
//!     Trained::Finished(card) => println!("run/model is {}", card.content),
//!     Trained::Stopped { step } => println!("stopped at {step}; the same job goes on from there"),
//!     Trained::Aborted { step, reason } => println!("given up at {step}: {reason}"),
//! }
//! # Ok(())
//! # }
//! ```

mod beside;
mod card;
mod difference;
mod job;
pub mod loss;
mod metrics;
mod pack;
mod pair;
mod passes;
mod recipe;
mod reference;
mod tensorboard;
#[cfg(test)]
mod tests;
mod train;
mod watch;

pub use crate::control::Control;
pub use beside::ConversationCounts;
pub use card::PreferenceCard;
pub use difference::{Difference, STOP_WORDS, StopTokens};
pub use job::{PreferenceJob, PreferenceObserver, Trained, train_preferences};
pub use metrics::{Evaluation, MetricsLine, PairMeans, PreferenceStep, read_metrics};
pub use pack::Sharing;
pub use pair::{Lengths, PairCounts, PreferencePair};
pub use recipe::{Guards, PreferenceRecipe};
pub use train::Ending;
pub use watch::AbortReason;
