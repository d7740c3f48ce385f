//! Constraints that code decides.

/// One constraint.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {}

impl Constraint {
    /// The constraint for people: "at most 40 words".
    #[must_use]
    pub fn describe(&self) -> String {
        match *self {}
    }

    /// Whether the answer meets the constraint.
    ///
    /// # Errors
    /// What the answer has instead: "52 words".
    pub fn check(&self, _answer: &str) -> Result<(), String> {
        match *self {}
    }
}
