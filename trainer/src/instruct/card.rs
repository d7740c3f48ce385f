//! What is known of a model that was fine-tuned on rows: what makes it a candidate revision.

use super::data::{DataCounts, DataFile};
use super::recipe::InstructRecipe;
use crate::bmc::Ending;
use crate::template::render;
use crate::{Error, Result};
use minijinja::context;
use serde::{Deserialize, Serialize};

const TEMPLATE: &str = include_str!("card.md.jinja");

/// The card, `card.json` and `card.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstructCard {
    /// What the parent is called.
    pub parent_folder: String,
    /// The parent's content hash, [`folder_hash`](crate::lte::folder_hash).
    pub parent: String,
    /// The new model's content hash.
    pub content: String,
    /// SHA-256 over the conversations of the data set in their order, those left out too, broken records not: the same for
    /// JSON lines and Parquet.
    pub data: String,
    /// The files they were read from.
    pub files: Vec<DataFile>,
    /// What became of the records.
    pub counts: DataCounts,
    /// Every setting, seeds included.
    pub recipe: InstructRecipe,
    /// Rows of one step.
    pub rows_in_step: usize,
    /// Steps done.
    pub steps: u64,
    /// Why it ended.
    pub ending: Ending,
    /// The loss of the first step, in nats a token of the answers.
    pub first_loss: f32,
    /// The loss of the last step.
    pub last_loss: f32,
    /// The held-out loss before the first step; none without held-out rows.
    pub held_out_before: Option<f32>,
    /// The held-out loss with the weights that the model has.
    pub held_out_after: Option<f32>,
    /// Numbers that learned.
    pub trained_parameters: usize,
    /// Numbers of the model.
    pub parameters: usize,
    /// The version of Amend that trained.
    pub version: String,
}

impl InstructCard {
    /// As Markdown.
    ///
    /// # Errors
    /// [`Error::Settings`] when the template does not render.
    pub fn render(&self) -> Result<String> {
        let recipe =
            serde_json::to_string_pretty(&self.recipe).map_err(|e| Error::Settings(e.to_string()))?;
        let ending = match self.ending {
            Ending::Schedule => "all steps are done".to_owned(),
            Ending::Early { best_step } => {
                format!("the held-out loss did not fall any more; the weights are those of step {best_step}")
            }
            Ending::Budget => "the time was up".to_owned(),
        };
        render(TEMPLATE, context! { card => self, recipe, ending })
    }
}
