//! The two cards: of the data set, and of the model made with it. Both as JSON and as Markdown.

use super::recipe::AlignRecipe;
use super::row::{AnsweredBy, DataRow};
use super::teacher::TeacherCounts;
use crate::template::render;
use crate::{Error, Result};
use minijinja::context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const DATA_CARD: &str = include_str!("data_card.md.jinja");
const CARD: &str = include_str!("card.md.jinja");

/// What is known of a data set. All maps are counts of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataCard {
    /// Where facts and instructions come from, in the caller's words.
    pub sources: Vec<String>,
    /// Facts, those left out not counted.
    pub facts: usize,
    /// Instructions, likewise.
    pub instructions: usize,
    /// Facts and instructions left out because they hold a heading of the edit template.
    pub with_headings: usize,
    /// Decided every draw.
    pub seed: u64,
    /// Rows.
    pub rows: usize,
    /// By [`RowKind`](super::RowKind).
    pub by_kind: BTreeMap<String, usize>,
    /// By who said the answer.
    pub by_answer: BTreeMap<String, usize>,
    /// By edits in front, of the rows that have any.
    pub by_context: BTreeMap<usize, usize>,
    /// In-scope rows by the place of the edit that answers, from 0.
    pub by_position: BTreeMap<usize, usize>,
    /// Further questions in the same conversations.
    pub follow_ups: usize,
    /// Rows that could have been and are not, by reason.
    pub dropped: BTreeMap<String, usize>,
    /// How hard negatives were found.
    pub nearness: String,
    /// The teacher, and how often it was asked.
    pub teacher: Option<(String, TeacherCounts)>,
    /// SHA-256 of the edit template.
    pub template: String,
    /// SHA-256 of `rows.jsonl`.
    pub content: String,
    /// The version of Amend that made it.
    pub version: String,
}

impl DataCard {
    /// Counts rows into the card's maps.
    pub(super) fn count(&mut self, rows: &[DataRow]) {
        self.rows = rows.len();
        for row in rows {
            let p = &row.provenance;
            *self.by_kind.entry(p.kind.to_string()).or_default() += 1;
            let who = match p.answered_by {
                AnsweredBy::Source => "source",
                AnsweredBy::Teacher => "teacher",
            };
            *self.by_answer.entry(who.into()).or_default() += 1;
            if p.context > 0 {
                *self.by_context.entry(p.context).or_default() += 1;
            }
            if let Some(position) = p.position {
                *self.by_position.entry(position).or_default() += 1;
            }
            self.follow_ups += p.follow_ups;
        }
    }

    /// As Markdown.
    ///
    /// # Errors
    /// [`Error::Settings`] when the template does not render.
    pub fn render(&self) -> Result<String> {
        render(DATA_CARD, context! { card => self })
    }
}

/// What is known of an aligned model: what makes it a candidate revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// What the parent is called: a folder, or the name of the built-in model.
    pub parent_folder: String,
    /// The parent's content hash, [`folder_hash`](super::folder_hash).
    pub parent: String,
    /// The new model's content hash.
    pub content: String,
    /// SHA-256 of the rows.
    pub data: String,
    /// Every setting, seeds included.
    pub recipe: AlignRecipe,
    /// Rows trained on, and rows left out because they are too long.
    pub rows: usize,
    /// See `rows`.
    pub too_long: usize,
    /// Optimiser steps.
    pub steps: u64,
    /// Numbers that learned.
    pub trained_parameters: usize,
    /// Numbers of the model.
    pub parameters: usize,
    /// Loss of the first and the last step, in nats a target.
    pub first_loss: f32,
    /// See `first_loss`.
    pub last_loss: f32,
    /// The version of Amend that trained.
    pub version: String,
}

impl Card {
    /// As Markdown, with the data card's counts.
    ///
    /// # Errors
    /// [`Error::Settings`] when the template does not render.
    pub fn render(&self, data: &DataCard) -> Result<String> {
        let recipe =
            serde_json::to_string_pretty(&self.recipe).map_err(|e| Error::Settings(e.to_string()))?;
        render(CARD, context! { card => self, data, recipe })
    }
}
