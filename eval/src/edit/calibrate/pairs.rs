//! Labelled pairs of a question and an edit.

use super::CalibrateError;
use crate::edit::protocol::Seed;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Whether a question is about what an edit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The edit belongs in front of the question.
    In,
    /// It does not.
    Out,
}

/// A question and an edit, as features, with the right decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelledPair {
    /// What belongs together when pairs are split, such as the edit's id: pairs of one group never stand on both
    /// sides.
    pub group: String,
    /// The tenant whose edit it is, for scores by tenant.
    pub tenant: Option<String>,
    /// One value for each feature.
    pub features: Vec<f64>,
    /// The right decision.
    pub scope: Scope,
}

/// A question in scope of an edit that was not even considered for it, so that there is no pair and no score. No
/// threshold keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// As [`LabelledPair::group`].
    pub group: String,
    /// As [`LabelledPair::tenant`].
    pub tenant: Option<String>,
}

/// Pairs with the names of their features, and what there are no pairs of.
#[derive(Debug, Clone, PartialEq)]
pub struct PairSet {
    names: Vec<String>,
    pairs: Vec<LabelledPair>,
    missed: Vec<Missed>,
}

/// How pairs are divided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The share of groups that is held out, above 0 and below 1.
    pub held_out: f64,
    /// Which ones.
    pub seed: Seed,
}

impl PairSet {
    /// Takes pairs after checking them.
    ///
    /// # Errors
    /// [`CalibrateError`] when there are no features, or a pair has another number of them, or a value that is not
    /// finite.
    pub fn new(names: Vec<String>, pairs: Vec<LabelledPair>) -> Result<Self, CalibrateError> {
        if names.is_empty() {
            return Err(CalibrateError::NoFeatures);
        }
        for (index, pair) in pairs.iter().enumerate() {
            if pair.features.len() != names.len() {
                let (found, wanted) = (pair.features.len(), names.len());
                return Err(CalibrateError::Features { index, found, wanted });
            }
            if let Some(place) = pair.features.iter().position(|value| !value.is_finite()) {
                return Err(CalibrateError::NotFinite { index, feature: names[place].clone() });
            }
        }
        Ok(Self { names, pairs, missed: Vec::new() })
    }

    /// The same with questions that retrieval lost: nothing can be learned from them, and whatever is decided, they count
    /// as in scope and not kept.
    #[must_use]
    pub fn with_missed(self, missed: Vec<Missed>) -> Self {
        Self { missed, ..self }
    }

    /// The features' names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The pairs.
    #[must_use]
    pub fn pairs(&self) -> &[LabelledPair] {
        &self.pairs
    }

    /// The questions that retrieval lost.
    #[must_use]
    pub fn missed(&self) -> &[Missed] {
        &self.missed
    }

    /// The pairs to learn from and the held-out ones. A group's side follows from its name and the seed alone, so that
    /// pairs that come later do not move the others.
    #[must_use]
    pub fn split(&self, split: Split) -> (Self, Self) {
        let learns = |group: &str| place(group, split.seed) >= split.held_out;
        let part = |wanted: bool| Self {
            names: self.names.clone(),
            pairs: self.pairs.iter().filter(|pair| learns(&pair.group) == wanted).cloned().collect(),
            missed: self.missed.iter().filter(|missed| learns(&missed.group) == wanted).cloned().collect(),
        };
        (part(true), part(false))
    }
}

/// A place between 0 and 1 that looks drawn at random.
fn place(group: &str, seed: Seed) -> f64 {
    let digest = Sha256::new().chain_update(seed.0.to_le_bytes()).chain_update(group).finalize();
    let bytes: [u8; 8] = digest[..8].try_into().expect("a digest has 32 bytes");
    // 53 bits fit into a double without rounding up to 1.
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}
