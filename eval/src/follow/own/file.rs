//! The files as they are written.

use crate::follow::{
    constraint::{Constraint, Step},
    item::Category,
};
use serde::Deserialize;

/// The schema of suite files that this program reads.
pub const SCHEMA: &str = "amend.follow-suite/1";

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteFile {
    pub(super) schema: String,
    pub(super) suite: String,
    #[serde(default)]
    content: Vec<RawGroup>,
    #[serde(default)]
    situation: Vec<RawGroup>,
    #[serde(default)]
    style: Vec<RawGroup>,
    #[serde(default)]
    format: Vec<RawGroup>,
    #[serde(default)]
    example: Vec<RawGroup>,
    #[serde(default)]
    mixed: Vec<RawGroup>,
}

impl SuiteFile {
    /// The groups with their categories.
    pub(super) fn groups(self) -> impl Iterator<Item = (Category, RawGroup)> {
        let all = [self.content, self.situation, self.style, self.format, self.example, self.mixed];
        Category::ALL
            .into_iter()
            .zip(all)
            .flat_map(|(category, groups)| groups.into_iter().map(move |group| (category, group)))
    }
}

/// One group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGroup {
    pub(super) name: String,
    pub(super) ask: String,
    #[serde(default)]
    pub(super) core: Option<String>,
    pub(super) levels: Vec<RawLevel>,
    #[serde(default)]
    pub(super) witness: Option<String>,
    #[serde(default)]
    pub(super) witnesses: Option<Vec<String>>,
    #[serde(default)]
    pub(super) near: Vec<RawNearMiss>,
}

/// One level.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLevel {
    #[serde(default)]
    pub(super) say: Option<String>,
    #[serde(default)]
    pub(super) check: Option<Constraint>,
    #[serde(default)]
    pub(super) ask: Option<String>,
    #[serde(default)]
    pub(super) step: Option<Step>,
}

/// An answer that breaks one constraint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNearMiss {
    pub(super) level: usize,
    pub(super) answer: String,
}
