//! Bridging: pseudo-winning answers, the first half of BMC (arXiv 2408.07471, section 3.1).
//!
//! A modifier model is shown the prompt, the chosen and the rejected answer and changes the rejected one only where it is
//! worse, the chosen one in view. Training then prefers its answer ỹ_w over the rejected y_l, so that the pair differs only
//! where it matters. What the modifier gives is held against guards; what fails them is counted, and the pair keeps its
//! chosen answer ([`Outcome`]).
//!
//! ```no_run
//! # async fn example(pairs: &[amend_trainer::preference::Pair]) -> amend_trainer::Result<()> {
//! use amend_trainer::atlas::Atlas;
//! use amend_trainer::preference::bridge::{Bridging, Modifier, bridge};
//! use amend_trainer::sft::Flow;
//! use std::{path::Path, sync::Arc, time::Duration};
//!
//! let pause = Arc::new(|time: Duration| -> futures::future::BoxFuture<'static, ()> {
//!     Box::pin(async move { std::thread::sleep(time) }) // on a runtime: tokio::time::sleep(time)
//! });
//! let modifier = Modifier::atlas_oracle(Atlas::built_in(), pause);
//! let job = Bridging::new(pairs, &modifier);
//! if let Some((bridged, card)) = bridge(&job, Path::new("bridged"), &mut |_, _| Flow::Continue).await? {
//!     println!("{} of {} bridged", card.bridged(), bridged.len());
//! }
//! # Ok(())
//! # }
//! ```

mod guard;
mod job;
mod modifier;
mod prompt;
#[cfg(test)]
mod tests;

pub use crate::retries::{Pause, Retries};
pub use guard::{BridgedPair, Distances, Outcome};
pub use job::{BRIDGE_CARD, BRIDGED, BridgeCard, Bridging, bridge};
pub use modifier::Modifier;
pub use prompt::{BRIDGE_TEMPLATE, BridgeTemplate, ORACLE_TEMPLATE};

pub(crate) use guard::judge_text;
