//! The alignment phase of LTE (learning to edit, ACL 2024, arXiv 2402.11905): a model learns, once, to heed edits.
//!
//! ```text
//! facts, instructions ─ nearness ─ plan ─ teacher ─ rows.jsonl ─ fine-tuning (full or LoRA) ─ model/, card.md
//! ```
//!
//! The data set is *parallel*: the same questions with and without edits in front. Where an edit concerns the question
//! its answer is learned ([`Part::InScope`]), where none does the answer stays what it was ([`Part::OutOfScope`]), and
//! a third are free-form instructions ([`Part::FreeForm`]). Distractors are hard negatives, and the edit that answers
//! stands anywhere among them (the published data list it first, a position bias). Edits are rendered by the template
//! that the server uses. Every draw is decided by a seed that is written down with the result.
//!
//! ```no_run
//! # fn main() -> amend_trainer::Result<()> {
//! use amend_trainer::atlas::{Atlas, AtlasOracle};
//! use amend_trainer::lte::{self, AlignJob, AlignObserver, AlignRecipe, Aligned, Teacher, WordOverlap};
//! use amend_trainer::sft::StepMetrics;
//! use std::{path::Path, sync::Arc};
//!
//! struct Progress;
//! impl AlignObserver for Progress {
//!     fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
//!         eprintln!("step {} of {total}: loss {:.3}", metrics.step, metrics.loss);
//!     }
//! }
//!
//! let facts = lte::read_lines::<lte::AlignmentFact>(Path::new("facts.jsonl"))?;
//! let instructions = lte::atlas_instructions(Atlas::built_in(), 1, 1_000);
//! let teacher = Teacher::new(Arc::new(AtlasOracle::new(Atlas::built_in())));
//! let job = AlignJob {
//!     model: Path::new("model"),
//!     name: "model",
//!     facts: &facts,
//!     instructions: &instructions,
//!     sources: &["facts.jsonl".to_owned()],
//!     teacher: Some(&teacher),
//!     nearness: &WordOverlap,
//!     template: None,
//!     recipe: AlignRecipe::lora(),
//!     out: Path::new("aligned"),
//! };
//! if let Aligned::Finished(card) = lte::align(&job, &mut Progress)? {
//!     println!("aligned/model is {}", card.content);
//! }
//! # Ok(())
//! # }
//! ```

mod card;
mod context;
mod data;
mod fact;
mod folder;
mod job;
mod nearness;
mod plan;
mod recipe;
mod row;
mod source;
mod teacher;
#[cfg(test)]
mod tests;

pub use crate::atlas::rows::{atlas_edit_set, atlas_facts, atlas_instructions};
pub use card::{Card, DataCard};
pub use data::{DATA_CARD, DataJob, ROWS, build_data};
pub use fact::{AlignmentFact, Asked, Instruction, JsonLine, MAX_LINE_BYTES, read_lines, write_lines};
pub use folder::folder_hash;
pub(crate) use folder::{claim, inherit};
pub(crate) use job::TEMPLATE_FILE;
pub use job::{AlignJob, AlignObserver, Aligned, align};
pub use nearness::{EmbeddedNearness, Nearness, WordOverlap};
pub use recipe::{AlignRecipe, DataRecipe, Method};
pub use row::{AnsweredBy, DataRow, Part, Provenance, RowKind};
pub use teacher::{Teacher, TeacherCounts};
