//! Questions with known answers.

use amend_proto::Message;
use serde::{Deserialize, Serialize};

/// One question and the one answer that counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Unique within the suite.
    pub id: String,
    /// The group whose score this item counts into.
    pub group: String,
    /// The conversation up to the question.
    pub messages: Vec<Message>,
    /// The expected answer.
    pub expected: String,
}

/// A named set of items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// What the suite is called in reports.
    pub name: String,
    /// The seed that the items were drawn with.
    pub seed: u64,
    /// The items, in the order of the report's groups.
    pub items: Vec<Item>,
}

/// Why a suite cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// There is nothing to ask.
    #[error("the suite {0:?} has no items")]
    Empty(String),
    /// Two items share an id, so that failures could not be told apart.
    #[error("the suite {suite:?} has two items with the id {id:?}; ids must be unique")]
    DuplicateId {
        /// The suite.
        suite: String,
        /// The id that occurs twice.
        id: String,
    },
}

impl Suite {
    /// Checks what a run relies on.
    ///
    /// # Errors
    /// [`SuiteError`] when there are no items or two of them share an id.
    pub fn check(&self) -> Result<(), SuiteError> {
        if self.items.is_empty() {
            return Err(SuiteError::Empty(self.name.clone()));
        }
        let mut seen = std::collections::HashSet::with_capacity(self.items.len());
        match self.items.iter().find(|item| !seen.insert(item.id.as_str())) {
            Some(item) => Err(SuiteError::DuplicateId { suite: self.name.clone(), id: item.id.clone() }),
            None => Ok(()),
        }
    }
}
