//! What referee and generator are asked.

use crate::{
    Result,
    synth::{
        ask::Role,
        prompts::{PromptFile, Prompts},
    },
};
use std::path::Path;

const ANSWERS: &[&str] = &["instruction", "first", "second"];
const SEED: &[&str] = &["instruction"];

pub(super) const REFEREE: &str = "referee";
pub(super) const HARDER: &str = "harder";
pub(super) const RARER: &str = "rarer";

/// For language models.
const FOR_MODELS: [PromptFile; 3] = [
    PromptFile { name: REFEREE, text: include_str!("referee.jinja"), parts: ANSWERS },
    PromptFile { name: HARDER, text: include_str!("harder.jinja"), parts: SEED },
    PromptFile { name: RARER, text: include_str!("rarer.jinja"), parts: SEED },
];

/// For the [oracles](crate::atlas::oracle) of atlas, which read JSON.
const FOR_ORACLES: [(Role, PromptFile); 3] = [
    (Role::Referee, PromptFile { name: REFEREE, text: include_str!("referee_oracle.jinja"), parts: ANSWERS }),
    (Role::Generator, PromptFile { name: HARDER, text: include_str!("harder_oracle.jinja"), parts: SEED }),
    (Role::Generator, PromptFile { name: RARER, text: include_str!("rarer_oracle.jinja"), parts: SEED }),
];

/// The templates of a run: those in `folder` as far as they stand there, else the shipped ones; for the roles in `oracles`
/// those that the oracles of atlas read.
///
/// # Errors
/// [`Error::Settings`](crate::Error::Settings) naming the template; [`Error::Io`](crate::Error::Io).
pub fn lion_prompts(folder: Option<&Path>, oracles: &[Role]) -> Result<Prompts> {
    let mut prompts = Prompts::new(&FOR_MODELS, folder)?;
    for (_, file) in FOR_ORACLES.iter().filter(|(role, _)| oracles.contains(role)) {
        prompts = prompts.with(file)?;
    }
    Ok(prompts)
}
