//! What is known of a model that was trained on preferences: what makes it a candidate revision.

use super::beside::ConversationCounts;
use super::metrics::Evaluation;
use super::pair::PairCounts;
use super::recipe::PreferenceRecipe;
use super::train::Ending;
use serde::{Deserialize, Serialize};

/// The card, `card.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferenceCard {
    /// The folder that the parent was read from.
    pub parent_folder: String,
    /// The parent's content hash, [`folder_hash`](crate::lte::folder_hash).
    pub parent: String,
    /// The new model's content hash.
    pub content: String,
    /// SHA-256 of the pairs, training and held-out, of the conversations beside them and of the stop words.
    pub data: String,
    /// Where the pairs come from, in the caller's words.
    pub sources: Vec<String>,
    /// Every setting, seeds included.
    pub recipe: PreferenceRecipe,
    /// What became of the training pairs.
    pub training: PairCounts,
    /// What became of the held-out pairs.
    pub held_out: PairCounts,
    /// What became of the conversations that were learned beside them.
    #[serde(default)]
    pub conversations: ConversationCounts,
    /// Steps done.
    pub steps: u64,
    /// Why it ended.
    pub ending: Ending,
    /// The held-out pairs before the first step; none when there are none.
    pub before: Option<Evaluation>,
    /// The held-out pairs with the weights that the model has, or, when the time was up, with the last that were measured.
    pub after: Option<Evaluation>,
    /// Numbers that learned.
    pub trained_parameters: usize,
    /// Numbers of the model.
    pub parameters: usize,
    /// The version of Amend that trained.
    pub version: String,
}
