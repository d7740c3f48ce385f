//! Steps that an answer goes through one after another, each judged by itself in what came out.
//!
//! The built-in model is asked for steps in a stated order: `upper`, then `quotes`, then `prefix "A: "` make `A: "PARIS"` of
//! Paris. Every step but the case is a layer, and the last one lies outside. To judge step *k* of *n*, the layers of steps
//! *n* … *k* + 1 are peeled off; one that is not there is skipped, so that a missing layer is one violation and not many. What is
//! left must have step *k*'s form. The first step sees the core, and it alone decides whether the core is right: an answer
//! to the wrong question violates step 1, and keeps its credit for the rest.

use super::text::shown;
use serde::{Deserialize, Serialize};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// All letters in upper case. Comes before every other step.
    Upper,
    /// All letters in lower case. Comes before every other step.
    Lower,
    /// Said twice, parted by ", ". Comes before every step but a case.
    Twice,
    /// In `"double quotes"`.
    Quotes,
    /// In `[square brackets]`.
    Square,
    /// In `(round brackets)`.
    Round,
    /// In `<tag>`s of this name.
    Tag(String),
    /// With this in front.
    Prefix(String),
    /// With this behind.
    Suffix(String),
}

impl Step {
    /// Where a step may stand: cases, then repetition, then layers.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Upper | Self::Lower => 0,
            Self::Twice => 1,
            _ => 2,
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Upper => "in upper case".to_owned(),
            Self::Lower => "in lower case".to_owned(),
            Self::Twice => "twice with a comma".to_owned(),
            Self::Quotes => "in double quotes".to_owned(),
            Self::Square => "in square brackets".to_owned(),
            Self::Round => "in round brackets".to_owned(),
            Self::Tag(name) => format!("in <{name}> tags"),
            Self::Prefix(text) => format!("starts with {text:?}"),
            Self::Suffix(text) => format!("ends with {text:?}"),
        }
    }

    /// What a layer lies around; `None` where the layer is not there. The cases are no layers.
    fn peel<'t>(&self, text: &'t str) -> Option<&'t str> {
        let between = |open: &str, close: &str| text.strip_prefix(open)?.strip_suffix(close);
        match self {
            Self::Upper | Self::Lower => None,
            Self::Twice => {
                // The halves may have a comma of their own: the one in the middle parts them.
                let half = text.len().checked_sub(2)? / 2;
                let (first, rest) = text.split_at_checked(half)?;
                (rest.strip_prefix(", ")? == first).then_some(first)
            }
            Self::Quotes => between("\"", "\""),
            Self::Square => between("[", "]"),
            Self::Round => between("(", ")"),
            Self::Tag(name) => between(&format!("<{name}>"), &format!("</{name}>")),
            Self::Prefix(x) => text.strip_prefix(x.as_str()),
            Self::Suffix(x) => text.strip_suffix(x.as_str()),
        }
    }
}

/// One step among those asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layered {
    /// What the answer is before the steps.
    pub core: String,
    /// All steps asked for, in order.
    pub steps: Vec<Step>,
    /// Which of them this is about, from 0.
    pub at: usize,
}

impl Layered {
    /// The step this is about.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        self.steps.get(self.at)
    }

    pub(super) fn check(&self, answer: &str) -> Result<(), String> {
        let Some(step) = self.step() else { return Err(format!("there is no step {}", self.at + 1)) };
        let left = peel_all(answer, &self.steps[self.at + 1..]);
        let bad = || Err(format!("what is left for this step is {}", shown(left)));
        // Letters count where the step's own and the inner layers are gone: a prefix keeps its case.
        let core = peel_all(left, &self.steps[..=self.at]);
        let formed = match step {
            Step::Upper => core.to_uppercase() == core,
            Step::Lower => core.to_lowercase() == core,
            layer => layer.peel(left).is_some(),
        };
        if !formed || core.trim().is_empty() {
            return bad();
        }
        if self.at == 0 {
            let wanted = match step {
                Step::Upper => self.core.to_uppercase(),
                Step::Lower => self.core.to_lowercase(),
                _ => self.core.clone(),
            };
            if core != wanted {
                return Err(format!("the answer itself is {}, not {}", shown(core), shown(&wanted)));
            }
        }
        Ok(())
    }
}

/// A text without the layers of these steps, as far as they are there.
fn peel_all<'t>(text: &'t str, steps: &[Step]) -> &'t str {
    steps.iter().rev().fold(text, |text, step| step.peel(text).unwrap_or(text))
}
