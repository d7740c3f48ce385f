//! What author and refiner are asked.

use crate::{
    Result,
    synth::{
        ask::Role,
        prompts::{PromptFile, Prompts},
        rows::WebrRole,
    },
};
use std::path::Path;

const REQUEST: &[&str] = &["author", "page", "words"];
const REFINE_PARTS: &[&str] = &["request", "draft", "page"];

pub(super) const AUTHOR: &str = "author";
pub(super) const REFINE: &str = "refine";

const fn file(name: &'static str, text: &'static str, parts: &'static [&'static str]) -> PromptFile {
    PromptFile { name, text, parts }
}

/// For language models.
const FOR_MODELS: [PromptFile; 6] = [
    file(AUTHOR, include_str!("author.jinja"), &["page"]),
    file("wi_all", include_str!("wi_all.jinja"), REQUEST),
    file("wi_part", include_str!("wi_part.jinja"), REQUEST),
    file("wr_all", include_str!("wr_all.jinja"), REQUEST),
    file("wr_part", include_str!("wr_part.jinja"), REQUEST),
    file(REFINE, include_str!("refine.jinja"), REFINE_PARTS),
];

/// For the [oracle](crate::atlas::oracle::AtlasWriter) of atlas, which reads JSON.
const FOR_ORACLES: [(Role, PromptFile); 6] = [
    (Role::Author, file(AUTHOR, include_str!("author_oracle.jinja"), &["page"])),
    (Role::Author, file("wi_all", include_str!("wi_all_oracle.jinja"), REQUEST)),
    (Role::Author, file("wi_part", include_str!("wi_part_oracle.jinja"), REQUEST)),
    (Role::Author, file("wr_all", include_str!("wr_all_oracle.jinja"), REQUEST)),
    (Role::Author, file("wr_part", include_str!("wr_part_oracle.jinja"), REQUEST)),
    (Role::Refiner, file(REFINE, include_str!("refine_oracle.jinja"), REFINE_PARTS)),
];

/// The template that asks for a request.
pub(super) fn request(role: WebrRole) -> &'static str {
    match role {
        WebrRole::WiAll => "wi_all",
        WebrRole::WiPart => "wi_part",
        WebrRole::WrAll => "wr_all",
        WebrRole::WrPart => "wr_part",
    }
}

/// The templates of a run: those in `folder` as far as they stand there, else the shipped ones; for the roles in `oracles`
/// those that the oracle of atlas reads.
///
/// # Errors
/// [`Error::Settings`](crate::Error::Settings) naming the template; [`Error::Io`](crate::Error::Io).
pub fn webr_prompts(folder: Option<&Path>, oracles: &[Role]) -> Result<Prompts> {
    let mut prompts = Prompts::new(&FOR_MODELS, folder)?;
    for (_, file) in FOR_ORACLES.iter().filter(|(role, _)| oracles.contains(role)) {
        prompts = prompts.with(file)?;
    }
    Ok(prompts)
}
