//! The learned part of the scope decision: a logistic regression over [`ScopeFeatures`], read from JSON.

use super::features::{FEATURES, ScopeFeatures};
use serde::{Deserialize, Serialize};
use std::{str::FromStr, sync::LazyLock};

/// The version of a model's JSON form.
pub const SCOPE_SCHEMA: &str = "amend.scope/1";
/// The largest weight or bias: beyond it a probability is 0 or 1 whatever the rest says.
const MAX_WEIGHT: f64 = 1e3;

/// Why a text is no scope model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeModelError {
    /// It is not JSON of the model's form.
    #[error("failed to read the scope model: {0}")]
    Form(#[from] serde_json::Error),
    /// It is of another version.
    #[error(
        "failed to read the scope model: its schema is {found:?}, this version reads {SCOPE_SCHEMA:?}; calibrate again"
    )]
    Schema {
        /// What it says.
        found: String,
    },
    /// It weighs something that is not computed.
    #[error("failed to read the scope model: no feature is called {name:?}; there are: {}", ScopeFeatures::NAMES.join(", "))]
    UnknownFeature {
        /// What it names.
        name: String,
    },
    /// It names a feature twice.
    #[error("failed to read the scope model: the feature {name:?} is there twice")]
    Repeated {
        /// The feature.
        name: String,
    },
    /// It has not one weight for each feature.
    #[error("failed to read the scope model: it has {weights} weights for {features} features")]
    Lengths {
        /// How many features.
        features: usize,
        /// How many weights.
        weights: usize,
    },
    /// A number is out of its range.
    #[error("{field} is {value}; it must be {range}")]
    Range {
        /// Which.
        field: String,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
}

/// What a model was learned from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedOn {
    /// The data, in words or as file names.
    pub data: String,
    /// SHA-256 of the labelled pairs, in hexadecimal digits.
    pub sha256: String,
    /// How many pairs it was fitted to.
    pub pairs: usize,
    /// How many of them are in scope.
    pub in_scope: usize,
    /// How many others it was measured on.
    pub held_out: usize,
}

/// Makes the probability that an edit is in scope of a question out of their [features](ScopeFeatures), and holds the
/// threshold from which it is applied.
///
/// The probability is 1 / (1 + exp(−(bias + Σ weightᵢ · featureᵢ))). The JSON form names the features that it weighs;
/// one that it does not name weighs nothing, one that this version does not compute is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "File", into = "File")]
pub struct ScopeModel {
    file: File,
    /// By place in [`ScopeFeatures::NAMES`].
    weights: [f64; FEATURES],
}

/// The JSON form. What writes it is `amend edit calibrate`; see `eval`'s `ScopeModelFile`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    features: Vec<String>,
    weights: Vec<f64>,
    bias: f64,
    threshold: f64,
    seed: u64,
    trained_on: TrainedOn,
}

impl TryFrom<File> for ScopeModel {
    type Error = ScopeModelError;

    fn try_from(file: File) -> Result<Self, ScopeModelError> {
        if file.schema != SCOPE_SCHEMA {
            return Err(ScopeModelError::Schema { found: file.schema });
        }
        if file.features.len() != file.weights.len() {
            let (features, weights) = (file.features.len(), file.weights.len());
            return Err(ScopeModelError::Lengths { features, weights });
        }
        let range = |field: &str, value: f64, low: f64, high: f64, range| match (low..=high).contains(&value)
        {
            true => Ok(()),
            false => Err(ScopeModelError::Range { field: field.to_owned(), value, range }),
        };
        let mut weights = [0.0; FEATURES];
        for (at, (name, weight)) in file.features.iter().zip(&file.weights).enumerate() {
            let place = ScopeFeatures::NAMES.iter().position(|known| known == name);
            let place = place.ok_or_else(|| ScopeModelError::UnknownFeature { name: name.clone() })?;
            if file.features[..at].contains(name) {
                return Err(ScopeModelError::Repeated { name: name.clone() });
            }
            range(&format!("the weight of {name:?}"), *weight, -MAX_WEIGHT, MAX_WEIGHT, "−1000 to 1000")?;
            weights[place] = *weight;
        }
        range("bias", file.bias, -MAX_WEIGHT, MAX_WEIGHT, "−1000 to 1000")?;
        threshold(file.threshold)?;
        Ok(Self { file, weights })
    }
}

fn threshold(value: f64) -> Result<f64, ScopeModelError> {
    match value > 0.0 && value <= 1.0 {
        true => Ok(value),
        false => Err(ScopeModelError::Range {
            field: "threshold".to_owned(),
            value,
            range: "above 0 and at most 1",
        }),
    }
}

impl From<ScopeModel> for File {
    fn from(model: ScopeModel) -> Self {
        model.file
    }
}

impl FromStr for ScopeModel {
    type Err = ScopeModelError;

    fn from_str(json: &str) -> Result<Self, ScopeModelError> {
        serde_json::from_str::<File>(json)?.try_into()
    }
}

static LEXICAL: LazyLock<ScopeModel> =
    LazyLock::new(|| shipped(include_str!("../../calibration/lexical.json")));
static HYBRID: LazyLock<ScopeModel> =
    LazyLock::new(|| shipped(include_str!("../../calibration/hybrid.json")));

fn shipped(json: &str) -> ScopeModel {
    json.parse().expect("the models in the source tree are tested")
}

impl ScopeModel {
    /// The one that is shipped for lookups without an encoder: `editor/calibration/lexical.json`.
    #[must_use]
    pub fn lexical() -> Self {
        LEXICAL.clone()
    }

    /// The one that is shipped for lookups with an encoder: `editor/calibration/hybrid.json`.
    #[must_use]
    pub fn hybrid() -> Self {
        HYBRID.clone()
    }

    /// The same with another threshold.
    ///
    /// # Errors
    /// [`ScopeModelError::Range`] unless it is above 0 and at most 1.
    pub fn with_threshold(mut self, value: f64) -> Result<Self, ScopeModelError> {
        self.file.threshold = threshold(value)?;
        Ok(self)
    }

    /// An edit is applied from this probability on.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.file.threshold
    }

    /// The seed that its pairs were divided by.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.file.seed
    }

    /// What it was learned from.
    #[must_use]
    pub fn trained_on(&self) -> &TrainedOn {
        &self.file.trained_on
    }

    /// The probability, 0 to 1, that an edit with these features is in scope.
    #[must_use]
    pub fn probability(&self, features: &ScopeFeatures) -> f64 {
        let terms = features.values().into_iter().zip(&self.weights).map(|(x, weight)| f64::from(x) * weight);
        let logit = self.file.bias + terms.sum::<f64>();
        1.0 / (1.0 + (-logit).exp())
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
