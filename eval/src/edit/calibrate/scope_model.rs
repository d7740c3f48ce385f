//! The form in which a server reads a calibration.

use super::pairs::{PairSet, Scope};
use super::{Calibration, CalibrationReport};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of the JSON form of [`ScopeModelFile`], which `amend-editor` reads as its `ScopeModel`.
pub const SCOPE_MODEL_SCHEMA: &str = "amend.scope/1";

/// A calibration as `amend-editor` reads it: the weights are of the features as they are, the standardisation is in
/// them. The two crates share this form and no type; a test on either side holds an example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScopeModelFile {
    /// [`SCOPE_MODEL_SCHEMA`].
    pub schema: String,
    /// The features, in the order of the weights.
    pub features: Vec<String>,
    /// One for each feature.
    pub weights: Vec<f64>,
    /// The logit where all features are 0.
    pub bias: f64,
    /// An edit is applied from this probability on.
    pub threshold: f64,
    /// The seed that the pairs were divided by.
    pub seed: u64,
    /// What it was learned from.
    pub trained_on: TrainedOn,
}

/// What a model was learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainedOn {
    /// The data, in words or as file names.
    pub data: String,
    /// SHA-256 of the labelled pairs, in hexadecimal digits; see [`PairSet::sha256`].
    pub sha256: String,
    /// How many pairs it was fitted to.
    pub pairs: usize,
    /// How many of them are in scope.
    pub in_scope: usize,
    /// How many others it was measured on.
    pub held_out: usize,
}

impl PairSet {
    /// SHA-256 over the names and, in order, every pair's group, label and features: the same for the same pairs.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for name in self.names() {
            hash.update(name);
            hash.update([0]);
        }
        for pair in self.pairs() {
            hash.update(&pair.group);
            hash.update([0, u8::from(pair.scope == Scope::In)]);
            pair.features.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Calibration {
    /// Weights and bias for features that are not standardised.
    fn unscaled(&self) -> (Vec<f64>, f64) {
        let model = &self.model;
        let weights: Vec<f64> =
            model.weights.iter().zip(&model.scales).map(|(weight, scale)| weight / scale).collect();
        let shift: f64 = weights.iter().zip(&model.means).map(|(weight, mean)| weight * mean).sum();
        (weights, model.intercept - shift)
    }
}

impl CalibrationReport {
    /// What a server needs of it, with where it is from: `data` in words, and the pairs that it was given.
    #[must_use]
    pub fn scope_model(&self, data: &str, pairs: &PairSet) -> ScopeModelFile {
        let (weights, bias) = self.calibration.unscaled();
        let split = self.options.split;
        let (learn, _) = pairs.split(split);
        ScopeModelFile {
            schema: SCOPE_MODEL_SCHEMA.to_owned(),
            features: self.calibration.features.clone(),
            weights,
            bias,
            threshold: self.calibration.threshold.0,
            seed: split.seed.0,
            trained_on: TrainedOn {
                data: data.to_owned(),
                sha256: pairs.sha256(),
                pairs: self.learned_from,
                in_scope: learn.pairs().iter().filter(|pair| pair.scope == Scope::In).count(),
                held_out: self.held_out,
            },
        }
    }
}
