//! Lion: data from where a student is behind its teacher (Jiang et al., EMNLP 2023, arXiv 2305.12870).
//!
//! ```text
//! given ─► train pool ─► imitation: the teacher answers, the student learns
//!            ▲    │
//!            │    └─► cache pool ─► discrimination: both answer, a referee scores, in both orders
//!            │                        │ hard: the teacher is better by the threshold; easy: it is not
//!            └──── generation: new ones after hard and after easy ones, unless they are like known ones
//! ```
//!
//! The new instructions replace the train pool and join the cache pool. After the last iteration the student learns what it
//! brought, and nothing more is written. A verdict that cannot be read is asked for again, and in the end its instruction
//! takes no part: in the published code it counted as a difference of nothing, and made hard ones easy.

mod generate;
mod judge;
mod pool;
mod run;
mod settings;
mod templates;
#[cfg(test)]
mod tests;
mod verdict;

pub use pool::{Difficulty, Instruction, Origin, read_instructions};
pub use run::{IterationReport, LionJob, LionRun, Student, Taught, Unlearning, run_lion};
pub use settings::LionSettings;
pub use templates::lion_prompts;
pub use verdict::Scores;

use crate::synth::ask::Role;
use amend_proto::Sampling;

/// How a role draws its tokens, as published: answers at 0.7, verdicts at 0.2 with 512 tokens, new instructions at 1.
#[must_use]
pub fn lion_sampling(role: Role) -> Sampling {
    let (temperature, max_tokens) = match role {
        Role::Referee => (0.2, 512),
        Role::Generator => (1.0, 256),
        Role::Teacher | Role::Student | Role::Author | Role::Refiner => (0.7, 1024),
    };
    Sampling { temperature: Some(temperature), max_tokens: Some(max_tokens), ..Sampling::default() }
}
